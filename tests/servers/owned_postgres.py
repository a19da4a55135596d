"""A Postgres as docs/deploy.md asks for one: a database whose owner logs in by password, and may make roles."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from services.run.stack.postgres import EmbeddedPostgres

OWNER, OWNERS_PASSWORD = "billing", "billing-knows-it"
_LOGINS = "local all trueup trust\nlocal all all scram-sha-256\n"


class OwnedPostgres(EmbeddedPostgres):
    """User `trueup` is its administrator, who needs no password."""

    async def _initialise(self) -> None:
        await super()._initialise()
        (self._data / "pg_hba.conf").write_text(_LOGINS)

    @property
    def socket(self) -> Path:
        return self._socket

    @asynccontextmanager
    async def administrator(self, database: str = "postgres") -> AsyncIterator[Any]:
        connection = await asyncpg.connect(self._url(database))
        try:
            yield connection
        finally:
            await connection.close()

    async def make_owner(self) -> None:
        async with self.administrator() as connection:
            await connection.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD '{OWNERS_PASSWORD}'")

    async def make_database(self, name: str = OWNER) -> None:
        """Empty, and the owner's."""
        async with self.administrator() as connection:
            await connection.execute(f"CREATE DATABASE {name} OWNER {OWNER} ENCODING 'UTF8' TEMPLATE template0")

    async def add_user(self, name: str, password: str, roles: Sequence[str]) -> None:
        """One who logs in by password and may act as these roles."""
        async with self.administrator() as connection:
            await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
            await connection.execute(f"GRANT {', '.join(roles)} TO {name}")

    async def copy(self, name: str, *statements: str) -> None:
        """A copy of the database, as it is now, in which an administrator has run these."""
        async with self.administrator() as connection:
            await connection.execute(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {OWNER}")
        async with self.administrator(name) as connection:
            for statement in statements:
                await connection.execute(statement)
