"""libssh2's client, through ssh2-python. It offers everything that it was built with."""

import os
import socket
import sys

from ssh2.session import Session

host, port, user, key = sys.argv[1:5]
command = " ".join(sys.argv[5:])

session = Session()
session.handshake(socket.create_connection((host, int(port)), 10))
session.userauth_publickey_fromfile(user, key)
channel = session.open_session()
if os.environ.get("SUBSYSTEM"):
    channel.subsystem(command)
else:
    channel.execute(command)
if data := sys.stdin.buffer.read():
    channel.write(data)
channel.send_eof()
while True:
    length, data = channel.read()
    if length <= 0:
        break
    sys.stdout.buffer.write(data)
sys.stdout.flush()
channel.close()
channel.wait_closed()
sys.exit(channel.get_exit_status())
