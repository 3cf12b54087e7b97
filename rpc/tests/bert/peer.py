"""BERT-RPC by the packages bert and erlastic of PyPI: `peer.py call PORT` asks a node, `peer.py serve` is a server."""

import datetime
import re
import socket
import struct
import sys

import bert
from bert import Atom


def send(connection, octets):
    connection.sendall(struct.pack(">L", len(octets)) + octets)


def receive(connection):
    def exactly(length):
        octets = b""
        while len(octets) < length:
            piece = connection.recv(length - len(octets))
            if not piece:
                raise EOFError
            octets += piece
        return octets

    return exactly(struct.unpack(">L", exactly(4))[0])


class Service:
    def __init__(self, port):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=20)

    def send(self, *message):
        send(self.connection, bert.encode(message))

    def receive(self):
        return bert.decode(receive(self.connection))

    def ask(self, kind, module, function, *args):
        self.send(Atom(kind), Atom(module), Atom(function), list(args))
        return self.receive()


def same(found, expected):
    assert found == expected and type(found) is type(expected), f"expected {expected!r}, found {found!r}"


def call(port):
    service = Service(port)
    same(service.ask("call", "lists", "reverse", [1, 2, 3]), (Atom("reply"), [3, 2, 1]))
    time = datetime.datetime(2009, 10, 19, 23, 30, 1, 7)
    for value in [None, True, False, 0, -7, 2**100, -(2**3000), 2.5, -1e-300, b"", b"bytes", [], [1, [None, b"x"]],
                  (), (1, (True, [])), {}, {b"k": {1: None}}, Atom("foo"), time, [255] * 70000]:
        same(service.ask("call", "sshrpc", "echo", value), (Atom("reply"), value))
    same(service.ask("call", "sshrpc", "echo", "h\u00e9\u00e9"), (Atom("reply"), "h\u00e9\u00e9".encode()))
    _, pattern = service.ask("call", "sshrpc", "echo", re.compile("^c(a)t$", re.I | re.X))
    same(pattern, re.compile(b"^c(a)t$", re.I | re.X))
    for mfa, kind, code in [(("nomod", "f"), "server", 1), (("lists", "nofun"), "server", 2),
                            (("erlang", "/", 1, 0), "user", 100), (("erlang", "exit", 1), "user", 101)]:
        error, (found, number, klass, detail, backtrace) = service.ask("call", *mfa)
        same((error, found, number), (Atom("error"), Atom(kind), code))
        assert klass and detail and isinstance(backtrace, list)
    same(service.ask("cast", "sshrpc", "echo", 1), (Atom("noreply"),))
    same(service.ask("cast", "nomod", "f")[1][:2], (Atom("server"), 1))
    send(service.connection, b"\x01\x02")
    same(service.receive()[1][:2], (Atom("protocol"), 2))
    # As bertrpc 0.1.1 has it.
    service.send(Atom("info"), Atom("cache"), [Atom("validation"), Atom("token")])
    same(service.ask("call", "sshrpc", "echo", 1), (Atom("reply"), 1))
    service.send(Atom("info"), Atom("stream"), [])
    service.send(Atom("call"), Atom("sshrpc"), Atom("echo"), [])
    for chunk in [b"one ", b"two", b""]:
        send(service.connection, chunk)
    same(service.receive(), (Atom("reply"), b"one two"))
    print("all the same")


def serve():
    listener = socket.create_server(("127.0.0.1", 0))
    print("port", listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        try:
            while True:
                kind, module, function, args = bert.decode(receive(connection))
                print(kind, module, function, args, flush=True)
                if kind == "cast":
                    send(connection, bert.encode((Atom("noreply"),)))
                elif function == "fail":
                    error = (Atom("user"), 100, b"ValueError", b"no such value", [b"peer.py:1"])
                    send(connection, bert.encode((Atom("error"), error)))
                else:
                    send(connection, bert.encode((Atom("reply"), args[0] if args else None)))
        except EOFError:
            connection.close()


if __name__ == "__main__":
    call(int(sys.argv[2])) if sys.argv[1] == "call" else serve()
