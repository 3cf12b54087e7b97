"""AsyncSSH's server with everything that it has."""

import asyncio
import glob
import os
import sys

import asyncssh
from asyncssh.compression import get_compression_algs
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import get_public_key_algs

PEER_KEYS = os.environ["PEER_KEYS"]
PIPE = asyncio.subprocess.PIPE


def names(algorithms):
    # Those of GSSAPI need a context that there is not.
    return [name.decode() for name in algorithms if not name.startswith(b"gss-")]


async def run(process):
    if process.subsystem == "echo":
        while data := await process.stdin.read(65536):
            process.stdout.write(data)
            await process.stdout.drain()
        process.exit(0)
    elif process.command:
        program = await asyncio.create_subprocess_shell(process.command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        await process.redirect(stdin=program.stdin, stdout=program.stdout, stderr=program.stderr)
        status = await program.wait()
        await process.stdout.drain()
        process.exit(status)
    else:
        process.exit(1)


async def main():
    await asyncssh.create_server(
        asyncssh.SSHServer,
        "127.0.0.1",
        int(sys.argv[1]),
        server_host_keys=[path for path in glob.glob(PEER_KEYS + "/host_*") if not path.endswith(".pub")],
        authorized_client_keys=PEER_KEYS + "/authorized_keys",
        process_factory=run,
        encoding=None,
        kex_algs=names(get_kex_algs()),
        encryption_algs=names(get_encryption_algs()),
        mac_algs=names(get_mac_algs()),
        signature_algs=names(get_public_key_algs()),
        compression_algs=names(get_compression_algs()),
        rekey_bytes=int(os.environ.get("REKEY", 1 << 30)),
    )
    await asyncio.Event().wait()


asyncio.run(main())
