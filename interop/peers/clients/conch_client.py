"""Twisted Conch's client. Its classes offer everything that it has."""

import os
import sys

from twisted.conch.ssh import channel, common, connection, keys, transport, userauth
from twisted.internet import defer, protocol, reactor

host, port, user, key = sys.argv[1:5]
command = " ".join(sys.argv[5:]).encode()
data = sys.stdin.buffer.read()
status = [255]


class Transport(transport.SSHClientTransport):
    logging_in = False

    def verifyHostKey(self, host_key, fingerprint):
        return defer.succeed(True)

    def connectionSecure(self):
        # Comes after each key exchange.
        if not self.logging_in:
            self.logging_in = True
            self.requestService(Login(user.encode(), Connection()))

    def connectionLost(self, reason):
        if reactor.running:
            reactor.stop()

    def receiveError(self, code, description):
        print("disconnected:", code, description, file=sys.stderr)


class Login(userauth.SSHUserAuthClient):
    tried = False

    def getPublicKey(self):
        if self.tried:
            return None
        self.tried = True
        return keys.Key.fromFile(key).public()

    def getPrivateKey(self):
        return defer.succeed(keys.Key.fromFile(key))


class Connection(connection.SSHConnection):
    def serviceStarted(self):
        self.openChannel(Session(conn=self))


class Session(channel.SSHChannel):
    name = b"session"

    def channelOpen(self, _):
        kind = b"subsystem" if os.environ.get("SUBSYSTEM") else b"exec"
        request = self.conn.sendRequest(self, kind, common.NS(command), wantReply=1)
        request.addCallback(self.started)
        request.addErrback(self.refused)

    writing = False

    def started(self, _):
        self.writing = True
        self.write(data)
        self.end()

    def addWindowBytes(self, count):
        super().addWindowBytes(count)
        self.end()

    def end(self):
        # What the window has no room for is in buf; an EOF would overtake it.
        if self.writing and not self.buf:
            self.writing = False
            self.conn.sendEOF(self)

    def refused(self, failure):
        print("refused:", failure.getErrorMessage(), file=sys.stderr)
        self.loseConnection()

    def dataReceived(self, received):
        sys.stdout.buffer.write(received)

    def extReceived(self, kind, received):
        sys.stderr.buffer.write(received)

    def request_exit_status(self, received):
        status[0] = int.from_bytes(received, "big")

    def closed(self):
        sys.stdout.flush()
        self.conn.transport.loseConnection()


class Factory(protocol.ClientFactory):
    protocol = Transport

    def clientConnectionFailed(self, connector, reason):
        print(reason.getErrorMessage(), file=sys.stderr)
        reactor.stop()


reactor.connectTCP(host, int(port), Factory())
reactor.run()
sys.stdout.flush()
os._exit(status[0])
