"""AsyncSSH's client with everything that it has."""

import asyncio
import os
import sys

import asyncssh
from asyncssh.compression import get_compression_algs
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import get_public_key_algs

host, port, user, key = sys.argv[1:5]
command = " ".join(sys.argv[5:])


def names(algorithms):
    # Those of GSSAPI need a context that there is not.
    return [name.decode() for name in algorithms if not name.startswith(b"gss-")]


OPTIONS = {
    "kex_algs": names(get_kex_algs()),
    "encryption_algs": names(get_encryption_algs()),
    "mac_algs": names(get_mac_algs()),
    "server_host_key_algs": names(get_public_key_algs()),
    "signature_algs": names(get_public_key_algs()),
    "compression_algs": names(get_compression_algs()),
    "rekey_bytes": int(os.environ.get("REKEY", 1 << 30)),
}


async def main():
    connection = await asyncssh.connect(
        host, int(port), username=user, client_keys=[key], known_hosts=None, config=None, agent_path=None, **OPTIONS
    )
    async with connection:
        what = {"subsystem": command} if os.environ.get("SUBSYSTEM") else {"command": command}
        process = await connection.create_process(encoding=None, **what)
        stdout, stderr = await process.communicate(sys.stdin.buffer.read())
        sys.stdout.buffer.write(stdout)
        sys.stdout.flush()
        sys.stderr.buffer.write(stderr)
        await process.wait_closed()
        return 255 if process.exit_status is None else process.exit_status


sys.exit(asyncio.run(main()))
