#!/usr/bin/env python3
"""Calls of nodes of sshrpc from Python, on a stock SSH library: asyncssh, and erlang_py for Erlang's terms. Python 3.11
or later.

    pip install asyncssh erlang_py
    python sshrpc.py alice@127.0.0.1:2222 lists reverse '[[1,2,3]]'

    async with sshrpc.connect("alice@127.0.0.1:2222") as node:
        print(await node.call("lists", "reverse", [[1, 2, 3]]))
        print(await asyncio.gather(*(node.call("lists", "seq", [1, n]) for n in range(1, 100))))

It speaks the extended protocol (docs/protocol.md): many calls are under way at once, answers come in any order, and a call that
is cancelled, or whose time has passed, is stopped on the node. A node that knows only the original protocol is called in that one.

Terms are those of erlang_py: `Atom("a")`, tuples, lists, dicts, ints, floats, True and False; `Binary(b"..")` is a binary, and
bytes are what Erlang calls a string, a list of small integers: `[3,2,1]` may come back as `b"\\x03\\x02\\x01"`.
"""

import argparse
import ast
import asyncio
import collections
import getpass
import os
import pathlib
import sys

import asyncssh
import erlang

Atom = erlang.OtpErlangAtom
Binary = erlang.OtpErlangBinary

SUBSYSTEM = "sshrpc@k2r.org"
FRAME = 65536  # The longest frame of an extended node.
PIECE = 32768  # The longest message that goes whole, and the longest part of one that does not.
MESSAGE = 67109888  # The longest message in parts, where nothing else is said.
ASSEMBLY = 134217728  # How much of those may be under way.


class CallError(Exception):
    """How a call failed: `kind` is Erlang's class, "error", "exit" or "throw"."""

    def __init__(self, kind, reason, stack=()):
        super().__init__(f"{kind}: {show(reason)}")
        self.kind, self.reason, self.stack = kind, reason, stack


class NodeDown(ConnectionError):
    """The connection is lost, and nobody knows what became of the call."""


class ProtocolError(NodeDown):
    """The node said what no node says."""


def connect(target, **options):
    """An asynchronous context with a connection to `[user@]host[:port]`; the options are those of `asyncssh.connect`."""
    return _Connecting(target, options)


class _Connecting:
    def __init__(self, target, options):
        self._target, self._options, self._connection = target, options, None

    async def __aenter__(self):
        user, host, port = parse_target(self._target)
        options = {"username": user or getpass.getuser(), **self._options}
        # The keys of `sshrpc keygen`, beside those that asyncssh finds itself.
        own = pathlib.Path(os.environ.get("XDG_CONFIG_HOME") or pathlib.Path.home() / ".config") / "sshrpc"
        keys = [own / name for name in ("id_ed25519", "id_ecdsa", "id_rsa") if (own / name).exists()]
        if keys and "client_keys" not in options:
            theirs = pathlib.Path.home() / ".ssh"
            options["client_keys"] = keys + [theirs / key.name for key in keys if (theirs / key.name).exists()]
        self._connection = await asyncssh.connect(host, port or 22, **options)
        try:
            streams = await self._connection.open_session(subsystem=SUBSYSTEM, encoding=None)
            self._node = Node(*streams)
            await self._node.ready
            return self._node
        except BaseException:
            self._connection.close()
            raise

    async def __aexit__(self, *_why):
        self._node.close()
        self._connection.close()
        await self._connection.wait_closed()


class Node:
    """A channel to a node."""

    def __init__(self, writer, reader, errors):
        self._writer, self._reader, self._errors = writer, reader, errors
        self._limits = {}  # What the node's hello said; None where it speaks only the original protocol.
        self._outbound = _Outbound()
        self._futures = {}  # What is not answered, by number, and how long those requests are.
        self._lengths = {}
        self._change = asyncio.Event()
        self._failed = None
        self._last = 0
        self.ready = asyncio.get_running_loop().create_future()
        self._outbound.push(term_to_binary((Atom("sshrpc"), Atom("hello"), {Atom("versions"): [1]})))
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]

    async def call(self, module, function, args=(), timeout=None):
        """The value of a function. CallError is how it failed; TimeoutError after so many seconds; NodeDown."""
        options = {} if timeout is None else {Atom("deadline"): int(timeout * 1000)}
        return await asyncio.wait_for(self._ask("call", _mfa(module, function, args), options), timeout)

    async def cast(self, module, function, args=()):
        """Calls a function, and does not ask what becomes of it."""
        if self._limits is None:
            await self._push("call", (_mfa(module, function, args),))
        else:
            await self._ask("cast", _mfa(module, function, args))

    async def send(self, to, message):
        """Sends a message to a process: the name of one, or its pid."""
        await self._ask("send", Atom(to) if isinstance(to, str) else to, message)

    async def ping(self):
        """Asks whether the node is there."""
        await self._ask("ping")

    def close(self):
        """Closes the channel: what is not answered is NodeDown."""
        self._fail(NodeDown("the connection was closed here"))

    # -- requests

    async def _ask(self, tag, *elements):
        number, future = await self._push(tag, elements)
        try:
            outcome = await future
        except asyncio.CancelledError:
            # Its answer, which comes all the same, finds nobody.
            if tag == "call" and self._limits is not None and not self._failed:
                self._outbound.push(term_to_binary((Atom("cancel"), number)), number)
            raise
        return _plain(outcome) if self._limits is None else _extended(outcome)

    async def _push(self, tag, elements):
        self._last += 1
        number, is_plain = self._last, self._limits is None
        if not is_plain:
            message = term_to_binary((Atom(tag), number, *elements))
        elif tag == "call":
            message = term_to_binary((Atom("mfa"), elements[0]))
        else:
            raise CallError("error", (Atom("erpc"), Atom("notsup")))
        if not is_plain and len(message) > self._limit("message"):
            raise CallError("error", (Atom("erpc"), Atom("system_limit")))
        while not self._failed and not self._has_room():
            self._change.clear()
            await self._change.wait()
        if self._failed:
            raise self._failed
        future = self._futures[number] = asyncio.get_running_loop().create_future()
        self._lengths[number] = len(message)
        # Messages to processes keep their order.
        self._outbound.push(message, "processes" if tag == "send" else number, whole=is_plain)
        return number, future

    def _has_room(self):
        if self._limits is None:
            return True
        return len(self._lengths) < self._limit("calls") and sum(self._lengths.values()) < self._limit("pending")

    def _limit(self, key):
        defaults = {"message": MESSAGE, "calls": 1024, "pending": ASSEMBLY}
        return self._limits.get(Atom(key), defaults[key])

    # -- octets

    async def _write(self):
        try:
            while True:
                self._writer.write(await self._outbound.next())
                await self._writer.drain()
        except (OSError, asyncssh.Error) as error:
            self._fail(NodeDown(str(error) or "the connection was lost"))

    async def _read(self):
        try:
            inbound = _Inbound()
            self._greeted(binary_to_term(await inbound.message(self._reader)))
            inbound.plain = self._limits is None
            while True:
                self._received(binary_to_term(await inbound.message(self._reader)))
        except asyncio.IncompleteReadError:
            said = (await self._errors.read(1024)).decode(errors="replace").strip()
            self._fail(NodeDown(said or "the node closed the channel"))
        except NodeDown as error:
            self._fail(error)
        except (OSError, asyncssh.Error) as error:
            self._fail(NodeDown(str(error) or "the connection was lost"))

    def _greeted(self, term):
        match term:
            case (Atom(value="answer"), ((Atom(value="sshrpc"), Atom(value="hello"), dict(accepted)), 0)):
                if accepted.get(Atom("version")) != 1:
                    raise ProtocolError(f"no version of the protocol: {show(term)}")
                self._limits = accepted
            case (Atom(value="answer"), ((Atom(value="exec_error"), _), -1)):
                self._limits = None
            case _:
                raise ProtocolError(f"no answer to a hello: {show(term)}")
        self.ready.set_result(None)

    def _received(self, term):
        match term:
            case (Atom(value="answer"), int(number), outcome) if self._limits is not None and number in self._futures:
                pass
            # In the original protocol, answers come in the order of the requests.
            case (Atom(value="answer"), (_, int()) as outcome) if self._limits is None and self._futures:
                number = next(iter(self._futures))
            case _:
                raise ProtocolError(f"nobody asked for this: {show(term)}")
        future = self._futures.pop(number)
        del self._lengths[number]
        if not future.done():
            future.set_result(outcome)
        self._change.set()

    def _fail(self, error):
        if self._failed:
            return
        self._failed = error
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        for future in [self.ready, *self._futures.values()]:
            if not future.done():
                future.set_exception(error)
                future.exception()  # It is no fault that nobody asks.
        self._change.set()
        self._writer.close()


class _Inbound:
    """From octets to messages."""

    def __init__(self):
        self.plain = False
        self._parts = {}
        self._last = -1

    async def message(self, reader):
        while True:
            length = int.from_bytes(await reader.readexactly(4), "big")
            if length > (MESSAGE if self.plain else FRAME):
                raise ProtocolError(f"a frame of {length} octets")
            frame = await reader.readexactly(length)
            if self.plain or not frame.startswith(_PART):
                return frame
            if (whole := self._part(binary_to_term(frame))) is not None:
                return whole

    def _part(self, term):
        match term:
            case (_, int(serial), int(size), Binary(value=bytes(piece))) if piece and size > 0:
                pass
            case _:
                raise ProtocolError("a part that is none")
        if serial > self._last:
            under_way = sum(size for size, _ in self._parts.values())
            if size > MESSAGE or under_way + size > ASSEMBLY:
                raise ProtocolError(f"a message of {size} octets, while {under_way} of others are under way")
            self._parts[serial], self._last = (size, bytearray()), serial
        announced, octets = self._parts.get(serial, (None, b""))
        if announced != size or len(octets) + len(piece) > size:
            raise ProtocolError(f"a part of no message: {serial}")
        octets += piece
        if len(octets) == size:
            return bytes(self._parts.pop(serial)[1])
        return None


class _Outbound:
    """From messages to octets: short ones at once, of a long one a part at a time."""

    def __init__(self):
        self._short, self._long = collections.deque(), collections.deque()
        self._lines = {}  # The last long message of each line, which what follows in that line must not overtake.
        self._some = asyncio.Event()
        self._serial = 0

    def push(self, message, line=None, whole=False):
        before = self._lines.get(line) if line is not None else None
        if whole or len(message) <= PIECE:
            (self._short if before is None else before["behind"]).append(_frame(message))
        else:
            self._serial += 1
            long = {"serial": self._serial, "octets": memoryview(message), "sent": 0, "behind": [], "line": line}
            self._long.append(long)
            if line is not None:
                self._lines[line] = long
        self._some.set()

    async def next(self):
        while not self._short and not self._long:
            self._some.clear()
            await self._some.wait()
        if self._short:
            octets = b"".join(self._short)
            self._short.clear()
            return octets
        long = self._long[0]
        size, piece = len(long["octets"]), bytes(long["octets"][long["sent"] : long["sent"] + PIECE])
        long["sent"] += len(piece)
        if long["sent"] == size:
            self._long.popleft()
            self._short.extend(long["behind"])
            if self._lines.get(long["line"]) is long:
                del self._lines[long["line"]]
        return _frame(term_to_binary((Atom("part"), long["serial"], size, Binary(piece))))


def parse_target(text):
    """`[user@]host[:port]`; an IPv6 address stands in brackets."""
    user, _, rest = text.rpartition("@")
    host, colon, port = rest.rpartition(":") if not rest.endswith("]") else (rest, "", "")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = rest, ""
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(f"{text}: the port is no port")
    if not host.strip("[]"):
        raise ValueError(f"{text}: there is no host")
    return user or None, host.strip("[]"), int(port) if port else None


def term_to_binary(term):
    return erlang.term_to_binary(term)


def binary_to_term(octets):
    """What comes from a node may be anything, and erlang_py says so in many ways."""
    if octets[1:2] == b"P" and int.from_bytes(octets[2:6], "big") > MESSAGE:
        raise ProtocolError("a compressed term that is too long")
    try:
        return _utf8(erlang.binary_to_term(octets))
    except Exception as error:
        raise ProtocolError(f"what came is no term: {error}") from error


def _utf8(term):
    """The same with all atoms in UTF-8. erlang_py keeps those of OTP 25 and before apart, which are bytes in Latin-1."""
    match term:
        case Atom(value=bytes(name)):
            return Atom(name.decode("latin-1"))
        case list() | tuple():
            return type(term)(map(_utf8, term))
        case dict():
            return {_utf8(key): _utf8(value) for key, value in term.items()}
        case _:
            return term


def show(term):
    """A term as Erlang writes it."""
    match term:
        case Atom():
            name = str(term.value)
            plain = name[:1].islower() and name.replace("_", "a").replace("@", "a").isalnum()
            return name if plain else "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"
        case bool() | None:
            return {True: "true", False: "false", None: "undefined"}[term]
        case bytes() if term and all(32 <= octet < 127 for octet in term):
            return '"' + term.decode().replace("\\", "\\\\").replace('"', '\\"') + '"'
        case bytes() | list():
            return "[" + ",".join(map(show, term)) + "]"
        case tuple():
            return "{" + ",".join(map(show, term)) + "}"
        case dict():
            return "#{" + ",".join(f"{show(key)} => {show(value)}" for key, value in term.items()) + "}"
        case Binary():
            text = show(term.value)
            return f"<<{text}>>" if text.startswith('"') else "<<" + text[1:-1] + ">>"
        case _:
            return repr(term)


def read(text):
    """A term as Python writes it, where names are atoms, strings are Erlang's, and bytes are binaries."""

    def term(node):
        match node:
            case ast.Name(id=name):
                return Atom(name)
            case ast.Constant(value=bytes(octets)):
                return Binary(octets)
            case ast.Constant(value=str() | int() | float() | None as value):
                return value
            case ast.List(elts=elements):
                return [term(element) for element in elements]
            case ast.Tuple(elts=elements):
                return tuple(term(element) for element in elements)
            case ast.Dict(keys=keys, values=values):
                return {term(key): term(value) for key, value in zip(keys, values)}
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
        raise ValueError(f"not a term: {ast.unparse(node)}")

    return term(ast.parse(text.strip(), mode="eval").body)


_PART = term_to_binary((Atom("part"), 0, 0, 0))[:3]


def _frame(message):
    return len(message).to_bytes(4, "big") + message


def _mfa(module, function, args):
    return (Atom(module), Atom(function), list(args))


def _extended(outcome):
    match outcome:
        case (Atom(value="return"), value):
            return value
        case (Atom(value="error"), (Atom(value="erpc"), Atom(value="timeout")), _):
            raise TimeoutError("the time of the call has passed")
        case (Atom(value="error"), reason, stack):
            raise CallError("error", reason, stack)
        case (Atom(value="throw" | "exit" as kind), reason):
            raise CallError(kind, reason)
        case _:
            raise ProtocolError(f"no outcome: {show(outcome)}")


def _plain(outcome):
    match outcome:
        case (value, 0):
            return value
        # An error and an exit look much alike here.
        case ((Atom(value="exec_badrpc"), (Atom(value="EXIT"), reason)), _):
            raise CallError("exit", reason)
        case (reason, _):
            raise CallError("error", reason)


def _arguments():
    parser = argparse.ArgumentParser(description="Calls a function on a node of sshrpc, and writes its value.")
    parser.add_argument("target", help="[user@]host[:port]")
    parser.add_argument("module")
    parser.add_argument("function")
    parser.add_argument("args", nargs="?", default="[]", type=read, help="a list, as Python writes it; names are atoms")
    parser.add_argument("--identity", metavar="FILE", action="append", help="a private key")
    parser.add_argument("--known-hosts", metavar="FILE", help="instead of ~/.ssh/known_hosts")
    parser.add_argument("--timeout", metavar="SECONDS", type=float)
    parser.add_argument("--cast", action="store_true", help="do not wait for the value")
    arguments = parser.parse_args()
    if not isinstance(arguments.args, list):
        parser.error("the arguments of a function are a list: '[[1,2,3]]'")
    return arguments


async def _main(arguments):
    options = {"client_keys": arguments.identity, "known_hosts": arguments.known_hosts}
    options = {key: value for key, value in options.items() if value}
    async with connect(arguments.target, **options) as node:
        if arguments.cast:
            await node.cast(arguments.module, arguments.function, arguments.args)
        else:
            print(show(await node.call(arguments.module, arguments.function, arguments.args, arguments.timeout)))


if __name__ == "__main__":
    try:
        asyncio.run(_main(_arguments()))
    except CallError as failed:
        sys.exit(f"error: {failed}")
    except TimeoutError as failed:
        sys.exit(f"error: {str(failed) or 'the time of the call has passed'}")
    except asyncssh.HostKeyNotVerifiable as failed:
        sys.exit(f"error: {failed}; `ssh-keyscan -p PORT HOST` shows the host's key, known_hosts is where it belongs")
    except (OSError, ValueError, asyncssh.Error) as failed:
        sys.exit(f"error: {failed}")
