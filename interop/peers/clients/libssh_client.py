"""libssh's client, through ssh-python. It has no list of what it has, and drops from a list what it has not: so this one is long."""

import os
import sys

from ssh import key as keys
from ssh import options
from ssh.session import Session

host, port, user, key = sys.argv[1:5]
command = " ".join(sys.argv[5:])

KEX = (
    "curve25519-sha256,curve25519-sha256@libssh.org,mlkem768x25519-sha256,mlkem768nistp256-sha256,"
    "mlkem1024nistp384-sha384,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,ecdh-sha2-nistp256,"
    "ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group18-sha512,diffie-hellman-group16-sha512,"
    "diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256,diffie-hellman-group14-sha1,"
    "diffie-hellman-group1-sha1,diffie-hellman-group-exchange-sha1"
)
CIPHERS = (
    "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr,"
    "aes256-cbc,aes192-cbc,aes128-cbc,3des-cbc"
)
MACS = (
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512,"
    "hmac-sha1-etm@openssh.com,hmac-sha1"
)
HOST_KEYS = "ssh-ed25519,ecdsa-sha2-nistp521,ecdsa-sha2-nistp384,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256,ssh-rsa"

session = Session()
session.options_set(options.HOST, host)
session.options_set_port(int(port))
session.options_set(options.USER, user)
session.options_set(options.KEY_EXCHANGE, KEX)
session.options_set(options.CIPHERS_C_S, CIPHERS)
session.options_set(options.CIPHERS_S_C, CIPHERS)
session.options_set(options.HMAC_C_S, MACS)
session.options_set(options.HMAC_S_C, MACS)
session.options_set(options.HOSTKEYS, HOST_KEYS)
session.options_set(options.PUBLICKEY_ACCEPTED_TYPES, HOST_KEYS)
session.options_set(options.COMPRESSION, "none,zlib@openssh.com,zlib")
session.connect()
session.userauth_publickey(keys.import_privkey_file(key))
channel = session.channel_new()
channel.open_session()
if os.environ.get("SUBSYSTEM"):
    channel.request_subsystem(command)
else:
    channel.request_exec(command)
if data := sys.stdin.buffer.read():
    channel.write(data)
channel.send_eof()
while True:
    length, data = channel.read()
    if length <= 0:
        break
    sys.stdout.buffer.write(data)
sys.stdout.flush()
status = channel.get_exit_status()
channel.close()
session.disconnect()
sys.exit(status if status >= 0 else 255)
