"""The way to a server, through a port of one's own: it may be closed at first, and may lose an answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65536


class Way:
    """Passes bytes between a port and a server. `loses`: the first request that begins so gets no answer.

    The server has answered it by then: who sends it again, sends what has been done.
    """

    def __init__(self, host: str, port: int, loses: bytes | None = None) -> None:
        self._host, self._port, self._loses = host, port, loses
        self.lost = 0

    @asynccontextmanager
    async def open(self, port: int = 0) -> AsyncIterator[int]:
        """Open for the length of a block, at this port or a free one."""
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, self._port)
        try:
            first = await reader.read(CHUNK)
            back.write(first)
            if self._loses and not self.lost and first.startswith(self._loses):
                self.lost += 1
                await there.read(CHUNK)
            else:
                with suppress(ConnectionError):
                    await asyncio.gather(_copied(reader, back), _copied(there, writer))
        finally:
            writer.close()
            back.close()


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
    writer.close()
