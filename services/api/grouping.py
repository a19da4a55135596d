"""Concurrent commands of one organization share a transaction: one lock, one commit, one wake of the relay.

They are still decided one after the other, each with the results of those before it. A failed command undoes only its
own work. A failed commit, or a lost connection, fails all of them, and nothing of theirs has then changed.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from services.concurrency import WAIT_SECONDS, NoTurnError, Turns
from services.postgres import Postgres
from services.store.execute import lock_organization

#: Most commands of one transaction. The first append keeps other organizations from appending until the commit, so a
#: transaction must be short; beyond a few commands, commit and wake no longer dominate the cost.
MOST = 8
_MARK, _TAKE_BACK = "SAVEPOINT command", "ROLLBACK TO SAVEPOINT command"


@dataclass(slots=True)
class Shared:
    """A transaction. `held`: the state that a command leaves to the next one; empty after a command was undone."""

    connection: Any
    held: Any = None

    def leave(self, held: Any) -> None:
        """Leave this state to the next command in the transaction."""
        self.held = held


class _Member:
    """A command with its three stages: its turn comes, it has decided, all is committed. Each is signalled once; a
    cancelled member gets no further signal.
    """

    def __init__(self) -> None:
        new = asyncio.get_running_loop().create_future
        self.turn: asyncio.Future[Shared] = new()
        #: Whether its work is kept.
        self.decided: asyncio.Future[bool] = new()
        self.committed: asyncio.Future[None] = new()

    async def decides(self, shared: Shared) -> bool:
        """Give it its turn, and wait for its end: returns whether its work is kept."""
        if self.turn.done():  # it was cancelled while the savepoint was set
            return False
        self.turn.set_result(shared)
        return await self.decided

    def end(self, *, keep: bool) -> None:
        self.decided.set_result(keep)

    def commit(self) -> None:
        if not self.committed.done():
            self.committed.set_result(None)

    def refuse(self, error: Exception) -> None:
        """Fail it, because its transaction could not begin, or has failed."""
        told = self.committed if self.turn.done() else self.turn
        if not told.done():
            told.set_exception(error)


class Groups:
    """The groups of one API process. A command that comes while others of its organization are decided joins the next
    group, or the present one while it has room. `turns`: each group takes a turn of its organization. Only its own
    methods change it.
    """

    def __init__(self, turns: Turns, what: str) -> None:
        self.turns, self._what = turns, what
        self._waiting = dict[str, deque[_Member]]()
        self._leading = set["asyncio.Task[None]"]()

    @asynccontextmanager
    async def shared(self, postgres: Postgres, organization: str) -> AsyncIterator[Shared]:
        """A transaction in which, for the length of the block, no other command of the organization is decided.

        What the block did is committed when this ends, and taken back if it raises. Raises: NoTurnError,
        PostgresUnreachableError.
        """
        member = self._joined(postgres, organization)
        try:
            yield await self._turn_of(member, organization)
        except BaseException:
            member.end(keep=False)
            raise
        member.end(keep=True)
        await member.committed

    def _joined(self, postgres: Postgres, organization: str) -> _Member:
        """A new member; the first one starts the task that leads the groups."""
        member = _Member()
        if organization in self._waiting:
            self._waiting[organization].append(member)
        else:
            self._waiting[organization] = deque([member])
            # The task's log lines belong to no request.
            leading = asyncio.create_task(self._lead(postgres, organization), context=Context())
            self._leading.add(leading)
            leading.add_done_callback(self._leading.discard)
        return member

    async def _turn_of(self, member: _Member, organization: str) -> Shared:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await member.turn
        except TimeoutError:
            raise NoTurnError(organization, self._what, WAIT_SECONDS) from None

    async def _lead(self, postgres: Postgres, organization: str) -> None:
        """Lead group after group, until no command waits."""
        waiting = self._waiting[organization]
        try:
            while waiting:
                await self._group(postgres, organization, waiting)
        finally:
            del self._waiting[organization]

    async def _group(self, postgres: Postgres, organization: str, waiting: deque[_Member]) -> None:
        kept = list[_Member]()
        try:
            async with self.turns.turn(organization), postgres.transaction() as connection:
                await lock_organization(connection, organization)
                shared = Shared(connection)
                while len(kept) < MOST and (member := _next(waiting)) is not None:
                    await _decide(shared, member, kept)
        except _FirstFailed:
            return  # no other command is in the transaction
        except Exception as error:
            for member in kept:
                member.refuse(error)
            if not kept and (first := _next(waiting)) is not None:
                first.refuse(error)
            return
        for member in kept:
            member.commit()


class _FirstFailed(Exception):
    """The transaction's first command has failed, so the whole transaction is undone."""


def _next(waiting: deque[_Member]) -> _Member | None:
    """The next member that still waits for its turn."""
    while waiting:
        member = waiting.popleft()
        if not member.turn.done():
            return member
    return None


async def _decide(shared: Shared, member: _Member, kept: list[_Member]) -> None:
    """Decide one command. The first one needs no savepoint: its failure undoes the whole transaction.

    Raises: _FirstFailed; errors of a lost connection, if other commands are in the transaction.
    """
    if kept:
        await shared.connection.execute(_MARK)
    if await member.decides(shared):
        kept.append(member)
    elif kept:
        shared.held = None
        await shared.connection.execute(_TAKE_BACK)
    else:
        raise _FirstFailed
