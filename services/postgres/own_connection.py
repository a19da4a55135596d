"""A connection that is kept beside the pool."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from services.postgres.connection import Connection, connect
from services.postgres.roles import Role


class OwnConnection:
    """One connection beside the pool, used by one caller at a time, kept between uses and replaced after any error.

    For work that must not wait for the pool: it costs a session of the server, so there are few.
    """

    def __init__(self, url: str, role: Role | None = None) -> None:
        self._url, self._role = url, role
        self._busy = asyncio.Lock()
        self._held: Any = None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Connection]:
        """The connection, for the length of the block. Raises: PostgresUnreachableError, RoleNotGrantedError."""
        async with self._busy:
            raw, self._held = self._held, None
            if raw is None or raw.is_closed():
                raw = await connect(self._url, self._role)
            try:
                yield Connection(raw, self._url)
                self._held = raw
            finally:
                if self._held is None:
                    raw.terminate()

    def close(self) -> None:
        """Close it; a running use fails."""
        if self._held is not None:
            self._held.terminate()
            self._held = None
