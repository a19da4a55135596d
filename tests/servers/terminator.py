"""TLS before a Postgres that has none, as a cloud's proxy stands before its servers: the client's side of it is real.

The embedded Postgres is built without TLS; one that has its own is tried in `test_postgres_own_tls.py`.
"""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.servers.secured_kafka import PEM

#: What a client sends first that wants TLS: its length, and this number.
_WANTS_TLS = struct.pack("!ii", 8, 80877103)


@asynccontextmanager
async def terminated(socket_folder: str, certificate: str = "server", *, ask: bool = False) -> AsyncIterator[int]:
    """The port where TLS is spoken, with this certificate; `ask` wants one of the client, too."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(PEM / f"{certificate}.pem", PEM / f"{certificate}.key")
    if ask:
        context.load_verify_locations(PEM / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert await reader.readexactly(8) == _WANTS_TLS, "spoken to without TLS"
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(context)
            there, to = await asyncio.open_unix_connection(f"{socket_folder}/.s.PGSQL.5432")
            await asyncio.gather(_carry(reader, to), _carry(there, writer))
        except (OSError, AssertionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _carry(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        to.write(data)
        await to.drain()
    to.close()
