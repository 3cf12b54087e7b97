"""Paramiko's server with everything that it has."""

import glob
import os
import socket
import subprocess
import sys
import threading

import paramiko

PEER_KEYS = os.environ["PEER_KEYS"]
TYPES = {"host_rsa": paramiko.RSAKey, "host_ed25519": paramiko.Ed25519Key}
HOST_KEYS = [
    TYPES.get(os.path.basename(path), paramiko.ECDSAKey)(filename=path)
    for path in glob.glob(PEER_KEYS + "/host_*")
    if not path.endswith(".pub")
]
with open(PEER_KEYS + "/authorized_keys") as file:
    KNOWN = {line.split()[1] for line in file}


class Server(paramiko.ServerInterface):
    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL if key.get_base64() in KNOWN else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, channel_id):
        if kind == "session":
            return paramiko.OPEN_SUCCEEDED
        return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=run, args=(channel, command), daemon=True).start()
        return True


def run(channel, command):
    process = subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    threading.Thread(target=feed, args=(channel, process.stdin), daemon=True).start()
    while data := process.stdout.read1(65536):
        channel.sendall(data)
    channel.send_exit_status(process.wait())
    channel.shutdown_write()
    channel.close()


def feed(channel, stdin):
    try:
        while data := channel.recv(65536):
            stdin.write(data)
            stdin.flush()
        stdin.close()
    except OSError:
        # The program has read enough.
        pass


class Echo(paramiko.SubsystemHandler):
    def start_subsystem(self, name, transport, channel):
        while data := channel.recv(32768):
            channel.sendall(data)
        channel.send_exit_status(0)


def serve(stream):
    transport = paramiko.Transport(stream)
    options = transport.get_security_options()
    options.kex = tuple(name for name in transport._kex_info if "group-exchange" not in name)
    options.ciphers = tuple(transport._cipher_info)
    options.digests = tuple(transport._mac_info)
    options.compression = tuple(sorted(transport._compression_info, key=lambda name: name != "none"))
    if os.environ.get("REKEY"):
        transport.packetizer.REKEY_BYTES = int(os.environ["REKEY"])
    for key in HOST_KEYS:
        transport.add_server_key(key)
    transport.set_subsystem_handler("echo", Echo)
    try:
        transport.start_server(server=Server())
    except (paramiko.SSHException, EOFError) as error:
        print(error, file=sys.stderr, flush=True)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
