"""Twisted Conch's server with everything that it has."""

import glob
import os
import sys

from twisted.conch import avatar, checkers
from twisted.conch.ssh import connection, factory, keys, session, userauth
from twisted.cred import portal
from twisted.internet import protocol, reactor
from twisted.python import components
from zope.interface import implementer

PEER_KEYS = os.environ["PEER_KEYS"]
HOST_KEYS = [keys.Key.fromFile(path) for path in glob.glob(PEER_KEYS + "/host_*") if not path.endswith(".pub")]


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

    def eofReceived(self):
        self.transport.loseConnection()


class User(avatar.ConchUser):
    def __init__(self):
        super().__init__()
        self.channelLookup[b"session"] = session.SSHSession
        self.subsystemLookup[b"echo"] = lambda *_, **__: Echo()


@implementer(session.ISession)
class Session:
    process = None

    def __init__(self, user):
        pass

    def execCommand(self, program, command):
        self.process = reactor.spawnProcess(program, "/bin/sh", ["sh", "-c", command], env=None)

    def openShell(self, program):
        raise NotImplementedError

    def eofReceived(self):
        if self.process:
            self.process.closeStdin()

    def closed(self):
        pass


components.registerAdapter(Session, User, session.ISession)


@implementer(portal.IRealm)
class Realm:
    def requestAvatar(self, avatar_id, mind, *interfaces):
        return interfaces[0], User(), lambda: None


@implementer(checkers.IAuthorizedKeysDB)
class Known:
    def getAuthorizedKeys(self, username):
        with open(PEER_KEYS + "/authorized_keys") as file:
            return [keys.Key.fromString(line.encode()) for line in file]


class Factory(factory.SSHFactory):
    services = {b"ssh-userauth": userauth.SSHUserAuthServer, b"ssh-connection": connection.SSHConnection}
    portal = portal.Portal(Realm(), [checkers.SSHPublicKeyChecker(Known())])

    def getPublicKeys(self):
        return {key.sshType(): key.public() for key in HOST_KEYS}

    def getPrivateKeys(self):
        return {key.sshType(): key for key in HOST_KEYS}

    def getPrimes(self):
        return None


reactor.listenTCP(int(sys.argv[1]), Factory(), interface="127.0.0.1")
reactor.run()
