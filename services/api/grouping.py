"""Commands of one organization that come at once share a transaction: one lock, one commit, one wake of the relay.

They are decided one after the other, as ever, each over what those before it did. One that fails takes back its own
work alone; a commit that fails, or a lost connection, fails all of them, and nothing of theirs has been changed then.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

from services.concurrency import WAIT_SECONDS, NoTurnError, Turns
from services.postgres import Postgres
from services.store.execute import lock_organization

T = TypeVar("T")
#: Commands of one transaction. Who is first to append keeps other organizations from appending until the commit, so a
#: transaction is not to become long; beyond a few a commit and a wake are no longer what a command costs.
MOST = 8
_MARK, _TAKE_BACK = "SAVEPOINT command", "ROLLBACK TO SAVEPOINT command"


@dataclass(slots=True)
class Shared:
    """A transaction. `held`: what a command leaves to the next; nothing is, where one has taken back what it did."""

    connection: Any
    held: Any = None

    def leave(self, held: Any) -> None:
        """This is for the next."""
        self.held = held


@dataclass(eq=False, slots=True)
class _Member:
    """A command that waits, and then its outcome. `context`: of its request, whose log lines its work writes."""

    work: Callable[[Shared], Awaitable[Any]]
    done: "asyncio.Future[Any]"
    context: Context = field(default_factory=copy_context)
    begun: bool = False

    async def run(self, shared: Shared) -> Any:
        return await asyncio.create_task(_awaited(self.work(shared)), context=self.context)

    def refuse(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def expire(self, organization: str, what: str) -> None:
        if not self.begun:
            self.refuse(NoTurnError(organization, what, WAIT_SECONDS))


class Groups:
    """Of one API process. Commands that come while others of their organization are decided go into the next group, or
    into this one while it has room. `turns` are for who decides in a transaction of its own. Only its own functions
    change it.
    """

    def __init__(self, turns: Turns, what: str) -> None:
        self.turns, self._what = turns, what
        self._waiting = dict[str, deque[_Member]]()
        self._leading = set["asyncio.Task[None]"]()

    async def do(self, postgres: Postgres, organization: str, work: Callable[[Shared], Awaitable[T]]) -> T:
        """Do the work in a transaction, in which no other command of the organization is decided.

        What it returns is committed. Raises: NoTurnError, PostgresUnreachableError, what the work raises.
        """
        loop = asyncio.get_running_loop()
        member = _Member(work, loop.create_future())
        expiry = loop.call_later(WAIT_SECONDS, member.expire, organization, self._what)
        if organization in self._waiting:
            self._waiting[organization].append(member)
        else:
            self._waiting[organization] = deque([member])
            leading = loop.create_task(self._lead(postgres, organization), context=Context())
            self._leading.add(leading)
            leading.add_done_callback(self._leading.discard)
        try:
            result: T = await member.done
            return result
        finally:
            expiry.cancel()

    async def _lead(self, postgres: Postgres, organization: str) -> None:
        """Group after group, until nobody waits."""
        waiting = self._waiting[organization]
        try:
            while waiting:
                await self._group(postgres, organization, waiting)
        finally:
            del self._waiting[organization]

    async def _group(self, postgres: Postgres, organization: str, waiting: deque[_Member]) -> None:
        done = list[tuple[_Member, Any]]()
        try:
            async with self.turns.turn(organization), postgres.transaction() as connection:
                await lock_organization(connection, organization)
                shared = Shared(connection)
                while len(done) < MOST and (member := _next(waiting)) is not None:
                    await _decide(shared, member, done)
        except _FirstFailed:
            return  # it was told, and nothing of anybody else is in the transaction
        except Exception as error:
            for member, _ in done:
                member.refuse(error)
            if not done and (first := _next(waiting)) is not None:
                first.refuse(error)
            return
        for member, result in done:
            if not member.done.done():
                member.done.set_result(result)


class _FirstFailed(Exception):
    """The transaction's first command has failed, so all of the transaction goes."""


def _next(waiting: deque[_Member]) -> _Member | None:
    """The next that still waits for an answer: it is begun."""
    while waiting:
        member = waiting.popleft()
        if not member.done.done():
            member.begun = True
            return member
    return None


async def _decide(shared: Shared, member: _Member, done: list[tuple[_Member, Any]]) -> None:
    """One command. The first needs no mark: with it goes the whole transaction.

    Raises: _FirstFailed; what a lost connection raises, where others are in the transaction.
    """
    if done:
        await shared.connection.execute(_MARK)
    try:
        done.append((member, await member.run(shared)))
    except Exception as error:
        member.refuse(error)
        if not done:
            raise _FirstFailed from error
        shared.held = None
        await shared.connection.execute(_TAKE_BACK)


async def _awaited(work: Awaitable[T]) -> T:
    return await work
