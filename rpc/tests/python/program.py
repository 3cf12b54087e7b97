"""A program that uses the example: `program.py CHECK TARGET IDENTITY KNOWN_HOSTS` is silent and succeeds, or says what is wrong."""

import asyncio
import sys

import asyncssh
import sshrpc
from sshrpc import Atom, Binary, CallError, NodeDown


async def failed(call):
    try:
        return "value", await call
    except CallError as error:
        return error.kind, sshrpc.show(error.reason)


def same(found, expected):
    if found != expected:
        raise AssertionError(f"expected {expected!r}\nfound    {found!r}")


async def values(node):
    same(await node.call("lists", "reverse", [[1, 2, 3]]), b"\x03\x02\x01")
    term = (Atom("a"), {Atom("k"): [1000, -1.5]}, Binary(b"bin"), "text", [], 1 << 70, True)
    same(sshrpc.show(await node.call("sshrpc", "echo", [term])), sshrpc.show(term[:3] + (b"text",) + term[4:]))
    same(await failed(node.call("erlang", "exit", [Atom("why")])), ("exit", "why"))
    same(await failed(node.call("erlang", "throw", [Atom("ball")])), ("throw", "ball"))
    same(await failed(node.call("erlang", "/", [1, 0])), ("error", "badarith"))
    same(await failed(node.call("nomod", "f")), ("error", "undef"))
    await node.ping()


async def many(node):
    numbers = range(3000)
    same(await asyncio.gather(*(node.call("erlang", "abs", [-number]) for number in numbers)), list(numbers))


async def large(node):
    octets = Binary(bytes(range(256)) * (16 << 12))
    long = asyncio.create_task(node.call("sshrpc", "echo", [octets]))
    await node.ping()
    same(await node.call("erlang", "abs", [-1]), 1)
    if await long != octets:
        raise AssertionError("other octets came back")
    same(await failed(node.call("sshrpc", "echo", [Binary(bytes(65 << 20))])), ("error", "{erpc,system_limit}"))


async def stops(node):
    """A call whose time has passed, and one that is cancelled, end on the node."""
    for _ in range(2):
        call = asyncio.create_task(node.call("test", "wait", timeout=30))
        await node.call("test", "begun")
        call.cancel()
        await node.call("test", "stopped")
    call = asyncio.create_task(node.call("test", "wait", timeout=1))
    await node.call("test", "begun")
    try:
        raise AssertionError(await call)
    except TimeoutError:
        await node.call("test", "stopped")


async def processes(node):
    for number in (1, 20, 300):
        await node.send("counter", number)
    await node.cast("erlang", "send", [Atom("counter"), 4000])
    while await node.call("test", "sum") != 4321:
        pass
    same(await failed(node.send("nobody", 1)), ("error", "badarg"))


async def plain(node):
    """A node of the original protocol."""
    same(await node.call("lists", "reverse", [[1, 2, 3]]), b"\x03\x02\x01")
    same(await node.call("erlang", "throw", [Atom("ball")]), Atom("ball"))
    same(await failed(node.call("erlang", "exit", [Atom("why")])), ("exit", "why"))
    same(await asyncio.gather(*(node.call("erlang", "abs", [-n]) for n in range(500))), list(range(500)))
    await node.cast("application", "set_env", [Atom("kernel"), Atom("cast"), 1])
    same(await node.call("application", "get_env", [Atom("kernel"), Atom("cast")]), (Atom("ok"), 1))
    same(await failed(node.send("nobody", 1)), ("error", "{erpc,notsup}"))
    octets = Binary(bytes(8 << 20))
    if await node.call("binary", "copy", [octets]) != octets:
        raise AssertionError("other octets came back")


async def lost(node):
    """The node is killed by whoever has read the line."""
    call = asyncio.create_task(node.call("timer", "sleep", [Atom("infinity")]))
    await node.ping()
    print("waiting", flush=True)
    for what in (call, node.call("lists", "seq", [1, 2])):
        try:
            raise AssertionError(await what)
        except NodeDown:
            pass


async def main(check, target, identity, known_hosts):
    async with asyncio.timeout(120):
        try:
            async with sshrpc.connect(target, client_keys=[identity], known_hosts=known_hosts) as node:
                await CHECKS[check](node)
        except asyncssh.HostKeyNotVerifiable:
            same(check, "refused")
        else:
            assert check != "refused", "a host with another key was taken for the known one"


CHECKS = {check.__name__: check for check in (values, many, large, stops, processes, plain, lost)} | {"refused": values}
asyncio.run(main(*sys.argv[1:]))
