"""Paramiko's client with everything that it has."""

import os
import socket
import sys

import paramiko

host, port, user, key = sys.argv[1:5]
command = " ".join(sys.argv[5:])

KEYS = {"RSA": paramiko.RSAKey, "EC": paramiko.ECDSAKey, "OPENSSH": paramiko.Ed25519Key}


def load(path):
    with open(path) as file:
        kind = file.readline().split()[1]
    return KEYS[kind].from_private_key_file(path)


transport = paramiko.Transport(socket.create_connection((host, int(port)), 10))
options = transport.get_security_options()
options.kex = tuple(transport._kex_info)
options.ciphers = tuple(transport._cipher_info)
options.digests = tuple(transport._mac_info)
options.key_types = tuple(transport._key_info)
options.compression = tuple(sorted(transport._compression_info, key=lambda name: name != "none"))
if os.environ.get("REKEY"):
    transport.packetizer.REKEY_BYTES = int(os.environ["REKEY"])
transport.start_client(timeout=15)
transport.auth_publickey(user, load(key))
channel = transport.open_session(timeout=10)
if os.environ.get("SUBSYSTEM"):
    channel.invoke_subsystem(command)
else:
    channel.exec_command(command)
channel.sendall(sys.stdin.buffer.read())
channel.shutdown_write()
while data := channel.recv(65536):
    sys.stdout.buffer.write(data)
sys.stdout.flush()
status = channel.recv_exit_status()
transport.close()
sys.exit(status if 0 <= status < 256 else 255)
