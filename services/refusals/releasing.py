"""Settles held usage: once the missing resource exists, the usage is sent into `usage` again, where it counts once
however often it is sent. When the hold is over, it is refused. Missing accounts are created, if the organization wants
that.

Ingest refuses such usage first, because waiting or commands have no place in the middle of a poll (decision 13). The
record is in `usage.rejected` before the poll counts as read, and is found there again: no important state is in memory,
and any process may be killed at any point.
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

#: Seconds between two looks, and how many codes of one organization are looked up per second: an organization with very
#: many missing codes is looked at less often. The limit is a number, not a time, because on a slow host even a small
#: look takes long.
LOOK_SECONDS, CODES_A_SECOND = 1.0, 5_000
#: Most sent records that this process remembers, the newest ones.
_SENT_MAX = 100_000
#: Held records of an organization that are sent per look, and organizations that are processed at once.
_ROUND, _ORGANIZATIONS_AT_ONCE = 500, 10


class Releaser:
    """`run` beside an API's requests. Several processes may: an account is created once, under the organization's lock,
    and a record sent by two of them counts once.

    `every`: connections for finding the next organization; the work for an organization uses the organization's own.
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
        #: Ids of sent records, with the resource they waited for, and when Kafka had them, in ms.
        self._sent: dict[str, tuple[str, int]] = {}
        #: When organizations are to be looked at again, by the loop's clock.
        self._rested: dict[str, float] = {}
        self._outages = Outages("held_usage_waits")
        self._at_once = asyncio.Semaphore(_ORGANIZATIONS_AT_ONCE)

    async def run(self) -> None:
        """Run until cancelled; temporary failures are waited out."""
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
        """Process the held usage of each organization; returns whether there may be more. Raises: temporary
        failures.
        """
        async with self._every.connection() as connection:
            organizations = await held_usage.organizations(connection)
        now = asyncio.get_running_loop().time()
        rested = [organization for organization in organizations if self._rested.get(organization, 0.0) <= now]
        self._rested = {
            organization: self._rested[organization] for organization in organizations if organization in self._rested
        }
        return any(await asyncio.gather(*(self._passes(organization) for organization in rested)))

    async def _passes(self, organization: str) -> bool:
        """Process one organization; its failures do not affect others."""
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
        """Returns how many codes were looked up, and whether there may be more to do at once."""
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
        """Create the missing accounts. Usage whose account cannot be created is no longer held."""
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
        """Send records whose missing resource now exists, a fair share of each; returns whether there may be more."""
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
        """Whether the record was refused again after it was sent for this very resource, so that the resource was not
        the cause.

        Arrivals before that do not count: another copy of the record, or a repeated refusal of a lost worker, may have
        been listed only now.
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
