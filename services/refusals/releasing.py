"""Settles held usage: once what it waits for is there, it is sent into `usage` again, where it counts once however
often it comes. What is held for too long is refused. Accounts that nothing but usage names are made, where that is
wished for.

Such usage is refused first, by ingest, for a worker that waits or gives commands would do so in the middle of a poll
(decision 13). It is in `usage.rejected` before the poll counts as read, and here it is found again: nothing is kept in
memory that matters, and any process may be killed at any point.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from events.actors import USAGE
from events.dates import in_ms
from projections.resources import Resources
from services.commands.refused import CommandError
from services.failures import Passing
from services.kafka import Cluster, SharedWriter
from services.outage import Outage, Outages
from services.postgres import Postgres
from services.refusals import held_usage
from services.refusals.held_usage import CAUSES, OF_ACCOUNT, Cause
from services.refusals.rejected_record import Row
from services.refusals.replaying import replay_refused
from services.store.execute import load_locked, now_of
from services.store.generations import Generations
from services.store.skeletons import AT_ONCE, make_skeletons
from services.store.view import load_config

_log = structlog.get_logger(__name__)

#: Seconds between two looks, and how many codes of one organization are looked for in a second: who names very much
#: that is not there is looked at less often. By number, not by time: on a slow host a small look takes long, too.
LOOK_SECONDS, CODES_A_SECOND = 1.0, 5_000
#: Records that were sent again are known again by this process, the newest so many.
_SENT_MAX = 100_000
#: Held records of an organization that are sent before the next look, and organizations that are seen to at once.
_ROUND, _ORGANIZATIONS_AT_ONCE = 500, 10


class Releaser:
    """`run` beside an API's requests. Several processes may: an account is made once, under the organization's lock,
    and what two of them send counts once.

    `every`: connections on which it is asked whose turn it is; what is done for an organization is done on its own.
    """

    def __init__(
        self,
        postgres: Postgres,
        every: Postgres,
        cluster: Cluster,
        usage: SharedWriter,
        generations: Callable[[], Generations],
    ) -> None:
        self._postgres, self._every, self._cluster, self._usage = postgres, every, cluster, usage
        self._generations = generations
        #: Ids of records that were sent again: for the sake of which resource, and when Kafka had them, in ms.
        self._sent: dict[str, tuple[str, int]] = {}
        #: When organizations are to be looked at again, by the loop's clock.
        self._rested: dict[str, float] = {}
        self._outages = Outages("held_usage_waits")
        self._at_once = asyncio.Semaphore(_ORGANIZATIONS_AT_ONCE)

    async def run(self) -> None:
        """Until cancelled; what passes by itself is waited out."""
        outage = Outage("held_usage_waits")
        while True:
            try:
                more = await self.look()
                outage.over()
            except Passing as error:
                await asyncio.sleep(outage.met(error))
            else:
                await asyncio.sleep(0 if more else LOOK_SECONDS)

    async def look(self) -> bool:
        """See to what is held now, of each organization; whether there may be more. Raises: what passes."""
        async with self._every.connection() as connection:
            organizations = await held_usage.organizations(connection)
        now = asyncio.get_running_loop().time()
        rested = [organization for organization in organizations if self._rested.get(organization, 0.0) <= now]
        self._rested = {
            organization: self._rested[organization] for organization in organizations if organization in self._rested
        }
        return any(await asyncio.gather(*(self._passes(organization) for organization in rested)))

    async def _passes(self, organization: str) -> bool:
        """The same of one; what stands in its way is in no other's."""
        async with self._at_once:
            walked, more = 0, False
            try:
                walked, more = await self._see_to(organization)
                self._outages.over(organization)
            except Passing as error:
                self._outages.met(organization, error)
            now = asyncio.get_running_loop().time()
            self._rested[organization] = 0.0 if more else now + walked / CODES_A_SECOND
            return more

    async def _see_to(self, organization: str) -> tuple[int, bool]:
        """How many codes were looked for, and whether there may be more to do at once."""
        postgres = self._postgres.of(organization)
        async with postgres.connection() as connection:
            resources = await load_config(connection, organization)
            more = await held_usage.expire(connection, organization, now_of(resources)) == held_usage.AT_ONCE
        walked = 0
        for cause in CAUSES:
            async with postgres.connection() as connection:
                codes = await held_usage.codes_waited_for(connection, organization, cause)
                there = dict(await held_usage.there(connection, organization, cause, codes)) if codes else {}
            walked += len(codes)
            missing = [code for code in codes if code not in there]
            if cause is OF_ACCOUNT and missing and _makes_accounts(resources):
                await self._make(postgres, organization, missing[:AT_ONCE])
                more = True
            more = await self._release(postgres, organization, cause, there) or more
        return walked, more

    async def _make(self, postgres: Postgres, organization: str, codes: Sequence[str]) -> None:
        """Make those that are not there yet. Usage of those that cannot be is held no more."""
        generations, impossible = self._generations(), list[str]()
        async with postgres.transaction() as connection:
            resources = await load_locked(connection, organization)
            for code in codes:
                try:
                    await make_skeletons(connection, resources, [code], generations, None, USAGE)
                except CommandError as error:
                    _log.warning("account_of_usage_not_made", organization=organization, account=code, error=str(error))
                    impossible.append(code)
        if impossible:
            async with postgres.connection() as connection:
                rows = await held_usage.waiting_for(connection, organization, OF_ACCOUNT, impossible, _ROUND)
                await held_usage.let_go(connection, organization, [row.id for row in rows])

    async def _release(self, postgres: Postgres, organization: str, cause: Cause, there: dict[str, str]) -> bool:
        """Send what waits for what is there by now, of each a fair share; whether there may be more."""
        if not there:
            return False
        codes = list(there)[:_ROUND]
        each = max(1, _ROUND // len(codes))
        async with postgres.connection() as connection:
            rows = await held_usage.waiting_for(connection, organization, cause, codes, each)
        target = {row.id: there[code] for row in rows if (code := getattr(row, cause.column)) is not None}
        back = [row for row in rows if self._came_back(row, target[row.id])]
        if back:
            _log.warning("held_usage_came_back", organization=organization, records=len(back), reason=cause.reason)
            async with postgres.connection() as connection:
                await held_usage.let_go(connection, organization, [row.id for row in back])
        await self._replay(postgres, organization, [row for row in rows if row not in back], target)
        return bool(rows)

    def _came_back(self, row: Row, target: str) -> bool:
        """Whether it was refused after it was sent again for the sake of this very resource, so not for want of it.

        What arrived before that says nothing: a publisher's other copy of the record, or the refusal of a worker that
        was lost and writes it twice, may have been listed only now.
        """
        sent_for, sent = self._sent.get(row.id, ("", 0))
        return sent_for == target and in_ms(row.arrived) >= sent

    async def _replay(self, postgres: Postgres, organization: str, rows: Sequence[Row], target: dict[str, str]) -> None:
        if rows:
            sent = await self._send(postgres, organization, rows)
            self._sent |= {id: (target[id], ms) for id, ms in sent.items()}
            while len(self._sent) > _SENT_MAX:
                del self._sent[next(iter(self._sent))]

    async def _send(self, postgres: Postgres, organization: str, rows: Sequence[Row]) -> dict[str, int]:
        """When Kafka had them, by id."""
        partitions = self._generations().partitions
        return (await replay_refused(postgres, self._usage, self._cluster, organization, partitions, rows)).sent


def _makes_accounts(resources: Resources) -> bool:
    return resources.configured is not None and resources.configured.makes_accounts_of_held
