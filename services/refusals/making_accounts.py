"""Makes the accounts that usage over Kafka names before anybody else did, where that is wished for.

Such usage is refused as `unknown-account` first, for a worker that gives commands would wait in the middle of a poll
(decision 13). Here its account is made by a command like any other, and then it is sent into `usage` again, where it
counts once however often it comes.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from events.actors import USAGE
from services.commands.errors import CommandError
from services.failures import Passing
from services.kafka import Cluster, SharedWriter
from services.outage import Outage
from services.postgres import Postgres
from services.refusals import refused_usage
from services.refusals.refusal import Reason
from services.refusals.replaying import replay_refused
from services.refusals.rows import Row, in_ms
from services.store.execute import load_locked
from services.store.generations import Generations
from services.store.listing import Condition
from services.store.skeletons import AT_ONCE, make_skeletons

_log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
#: What stands in a row for what is no text (`rows.py`): the code that was sent is another one.
_UNREADABLE = "\ufffd"
#: An organization of whose usage more than so many records stay refused is left alone from then on: somebody has to see
#: to its publisher first.
_GIVEN_UP_MAX = 10_000
#: Records that were sent again are known again by this process, the newest so many.
_SENT_MAX = 100_000
#: Refused records of an organization that are seen to before the next look, and organizations that are seen to at once.
_ROUND, _ORGANIZATIONS_AT_ONCE = 500, 10


class AccountMaker:
    """`run` beside an API's requests. Several processes may: an account is made once, under the organization's lock.

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
        #: Ids of records that stay refused, by organization: no account may have their code, or they came back.
        self._given_up: dict[str, set[str]] = {}
        #: Ids of records that were sent again, and when Kafka had them, in ms.
        self._sent: dict[str, int] = {}
        self._outages: dict[str, Outage] = {}
        self._at_once = asyncio.Semaphore(_ORGANIZATIONS_AT_ONCE)

    async def run(self) -> None:
        """Until cancelled; what passes by itself is waited out."""
        outage = Outage("accounts_of_usage_not_made")
        while True:
            try:
                more = await self.look()
                outage.over()
            except Passing as error:
                await asyncio.sleep(outage.met(error))
            else:
                await asyncio.sleep(0 if more else LOOK_SECONDS)

    async def look(self) -> bool:
        """See to what is refused now, of each organization; whether there may be more. Raises: what passes."""
        async with self._every.connection() as connection:
            organizations = await refused_usage.organizations_with(connection, Reason.UNKNOWN_ACCOUNT)
        return any(await asyncio.gather(*(self._passes(organization) for organization in organizations)))

    async def _passes(self, organization: str) -> bool:
        """The same of one; what stands in its way is in no other's."""
        async with self._at_once:
            try:
                more = await self._see_to(organization)
            except Passing as error:
                outage = Outage("accounts_of_usage_not_made", organization=organization)
                self._outages.setdefault(organization, outage).met(error)
                return False
            if (over := self._outages.pop(organization, None)) is not None:
                over.over()
            return more

    async def _see_to(self, organization: str) -> bool:
        postgres, given_up = self._postgres.of(organization), self._given_up.setdefault(organization, set())
        if len(given_up) > _GIVEN_UP_MAX:
            return False
        wanted = [
            Condition(refused_usage.HAS_REASON, Reason.UNKNOWN_ACCOUNT),
            Condition(refused_usage.IS_CUT, False),
            Condition(refused_usage.IS_NONE_OF, sorted(given_up)),
        ]
        async with postgres.connection() as connection:
            listed = await refused_usage.page(connection, organization, wanted, _ROUND, newest_first=False)
        named = {one.row.id: one.row.account for one in listed if one.row.account and not self._came_back(one.row)}
        codes, impossible = list(dict.fromkeys(named.values())), set[str]()
        for start in range(0, len(codes), AT_ONCE):
            impossible |= await self._make(postgres, organization, codes[start : start + AT_ONCE])
        rows = [one.row for one in listed if named.get(one.row.id) not in (None, *impossible)]
        left = {one.row.id for one in listed} - {row.id for row in rows}
        given_up |= left
        if left:
            _log.warning("usage_names_no_accounts", organization=organization, records=len(given_up))
        await self._replay(postgres, organization, rows)
        return len(listed) == _ROUND

    def _came_back(self, row: Row) -> bool:
        """Whether it was refused after it was sent again, so not for want of an account.

        What arrived before that says nothing: a publisher's other copy of the record, or the refusal of a worker that
        was lost and writes it twice, may have been listed only now.
        """
        sent = self._sent.get(row.id)
        return sent is not None and in_ms(row.arrived) >= sent

    async def _make(self, postgres: Postgres, organization: str, codes: Sequence[str]) -> set[str]:
        """Make those that are not there yet; returns which cannot be."""
        generations, impossible = self._generations(), set[str]()
        async with postgres.transaction() as connection:
            resources = await load_locked(connection, organization)
            for code in codes:
                if _UNREADABLE in code:
                    impossible.add(code)
                    continue
                try:
                    await make_skeletons(connection, resources, [code], generations, None, USAGE)
                except CommandError as error:
                    _log.warning("account_of_usage_not_made", organization=organization, account=code, error=str(error))
                    impossible.add(code)
        return impossible

    async def _replay(self, postgres: Postgres, organization: str, rows: Sequence[Row]) -> None:
        if rows:
            self._sent |= await self._send(postgres, organization, rows)
            while len(self._sent) > _SENT_MAX:
                del self._sent[next(iter(self._sent))]

    async def _send(self, postgres: Postgres, organization: str, rows: Sequence[Row]) -> dict[str, int]:
        """When Kafka had them, by id."""
        partitions = self._generations().partitions
        return (await replay_refused(postgres, self._usage, self._cluster, organization, partitions, rows)).sent
