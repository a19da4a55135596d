"""A connection through a pooler that pools by transaction, such as PgBouncer: each transaction may run in another
session.

So nothing is kept between transactions: each sets its role and its organization, and asks which store it reaches. A
single statement gets a transaction, too, because the driver sends it in two messages.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from services.postgres.connection import Connection, Fence
from services.postgres.limits import PATIENT, limiting
from services.postgres.roles import ORGANIZATION, Role, RoleNotGrantedError, taking

#: Prepared statements exist only on one of the pooler's servers, so none are kept.
DRIVER_OPTIONS = {"statement_cache_size": 0}
_BEGIN = f"SELECT set_config('{ORGANIZATION}', $1, true), {limiting()}, ({{role}}), ({{identity}}) AS identity"


class PooledConnection(Connection):
    """A connection that begins each transaction by setting its role and its organization.

    Raises: as any connection; RoleNotGrantedError; errors of the fence.
    """

    def __init__(self, raw: Any, url: str, fence: Fence | None, role: Role | None) -> None:
        super().__init__(raw, url, fence)
        self._organization = ""
        self._role = role
        self._begin = _BEGIN.format(
            role="NULL" if role is None else taking(role), identity="NULL" if fence is None else fence.asks
        )

    async def serve(self, organization: str) -> None:
        self._organization = organization

    async def execute(self, query: str, *arguments: Any, seconds: float | None = None) -> str:
        async with self._own_transaction():
            return await super().execute(query, *arguments, seconds=seconds)

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        async with self._own_transaction():
            return await super().fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        async with self._own_transaction():
            return await super().fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        async with self._own_transaction():
            return await super().fetchval(query, *arguments)

    @asynccontextmanager
    async def transaction(self, *, isolation: str | None = None, patient: bool = False) -> AsyncIterator[None]:
        outermost = not self.is_in_transaction()
        async with super().transaction(isolation=isolation):
            if outermost:
                await self._begin_as()
            if patient:
                await self.execute(PATIENT)
            yield

    @asynccontextmanager
    async def _own_transaction(self) -> AsyncIterator[None]:
        if self.is_in_transaction():
            yield
            return
        async with self.transaction():
            yield

    async def _begin_as(self) -> None:
        try:
            begun = await super().fetchrow(self._begin, self._organization)
        except asyncpg.InsufficientPrivilegeError as error:
            if self._role is None:
                raise
            raise RoleNotGrantedError(role=self._role) from error
        if self.fence is not None:
            self.fence.check(begun["identity"])
