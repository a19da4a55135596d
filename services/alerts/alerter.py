"""The task that raises alerts, beside an API's requests: notified by Postgres, and looking at intervals in any case."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from events.resources.notifications import READ_MODELS_BEHIND, USAGE_REFUSED
from projections.readmodels import alerts_due
from services.alerts.following import WITH_RULES, EventFollower
from services.alerts.matching import Shown
from services.alerts.raising import AlertRaiser
from services.alerts.windows import WindowAlerts
from services.commands.table import KINDS
from services.concurrency import first_of, run_together
from services.failures import Passing
from services.outage import Outage
from services.postgres import Postgres, Role
from services.postgres.ringing import ring_when_told
from services.readside.live import reading_live
from services.side_by_side import SideBySide
from services.store.events import CHANNEL, head
from services.store.following import moved
from services.store.generations import Generations

_OF_RULES = [fact.__name__ for fact in KINDS["notificationConfiguration"].facts]
#: How often to look when nobody is told: what another process did not get done.
LOOK_SECONDS = 5.0
#: How long events are gathered before a look, so that many commands cost one look.
GATHER_SECONDS = 0.1
#: Organizations processed at once by each of the loops. An organization that waits for its share of connections, or for
#: its turn to compute, holds one of these places and nothing else, so many organizations may be busy; the pool's turns
#: bound the number of connections. For bills, each place may hold a whole family.
ORGANIZATIONS_AT_ONCE, BILLED_AT_ONCE = 64, 16


class Alerts:
    """`run` beside an API's requests. Several processes may: an alert is raised once.

    `every`: connections for finding due alerts; the work for an organization uses the organization's own. `top_up`,
    `bill`: do some acts of automatic rules, which are found in the same way, and return whether there are more.
    `behind`: the seconds by which the read models lag; None if unknown.
    """

    def __init__(
        self,
        postgres: Postgres,
        every: Postgres,
        generations: Callable[[], Generations],
        shown: Shown,
        top_up: Callable[[str], Awaitable[bool]],
        bill: Callable[[str], Awaitable[bool]],
        behind: Callable[[], Awaitable[float | None]],
    ) -> None:
        self._every, self._behind = every, behind
        self._follower = EventFollower(postgres, generations, shown)
        self._windows = WindowAlerts(postgres, generations)
        self._due, self._happened = asyncio.Event(), asyncio.Event()
        #: Independent loops: an alert waits neither for an act nor for another organization's alert.
        raise_due = AlertRaiser(postgres, generations).raise_due
        self._raising = SideBySide("alerts_not_raised", ORGANIZATIONS_AT_ONCE, raise_due)
        self._topping_up = SideBySide("rules_not_acted", ORGANIZATIONS_AT_ONCE, top_up)
        self._billing = SideBySide("rules_not_acted", BILLED_AT_ONCE, bill)
        self._following = SideBySide("events_not_followed", ORGANIZATIONS_AT_ONCE, self._follow)
        self._counting = SideBySide("refusals_not_counted", ORGANIZATIONS_AT_ONCE, self._count)
        self._telling = SideBySide("lateness_not_told", ORGANIZATIONS_AT_ONCE, self._tell_behind)
        #: The position up to which the event store was read; None: not yet.
        self._looked: int | None = None
        #: The names that rules wait for, by organization, without levels; and the organizations whose names must be
        #: read.
        self._waited_for, self._unknown = dict[str, frozenset[str]](), set[str]()
        #: By how many seconds the read models lagged, and when that was seen last.
        self._late = 0.0, datetime.now(UTC)

    async def run(self) -> None:
        """Run until cancelled; temporary failures are waited out."""
        channels = {alerts_due.CHANNEL: self._due, CHANNEL: self._happened}
        acting = self._topping_up, self._billing
        await run_together(
            ring_when_told(self._every.url, Role.WATCH, channels),
            *(work.run() for work in (self._raising, *acting, self._following, self._counting, self._telling)),
            self._again_and_again("alerts_not_raised", self._due, self.raise_due),
            self._again_and_again("events_not_followed", self._happened, self.follow),
            self._again_and_again("refusals_not_counted", asyncio.Event(), self.count),
            self._again_and_again("lateness_not_told", asyncio.Event(), self.tell_behind),
        )

    async def _again_and_again(self, event: str, woken: asyncio.Event, look: Callable[[], Awaitable[None]]) -> None:
        outage = Outage(event)
        while True:
            woken.clear()
            try:
                await look()
                outage.over()
            except Passing as error:
                await asyncio.sleep(outage.met(error))
            await first_of(LOOK_SECONDS, woken)
            await asyncio.sleep(GATHER_SECONDS)

    async def raise_due(self) -> None:
        """Have everything raised, and done, that the read models say is due. Raises: temporary failures."""
        async with reading_live(self._every) as connection:
            due = [row["organization"] for row in await connection.fetch(alerts_due.ORGANIZATIONS)]
        for work in (self._raising, self._topping_up, self._billing):
            work.ask(due)

    async def follow(self) -> None:
        """Have new events checked where rules are about events. Raises: temporary failures."""
        async with self._every.connection() as connection:
            if self._looked is None:
                self._looked = await head(connection)
                names = {row["organization"] for row in await connection.fetch(WITH_RULES)}
                self._unknown |= names
            else:
                since = await moved(connection, self._looked, _OF_RULES)
                names = {each.organization for each in since}
                self._unknown |= {each.organization for each in since if each.has_any_of}
                self._looked = max((each.position for each in since), default=self._looked)
        self._following.ask(names & (self._waited_for.keys() | self._unknown))

    async def _follow(self, organization: str) -> bool:
        if organization in self._unknown:
            # A change of a rule during the read makes the names unknown again.
            self._unknown.discard(organization)
            try:
                waited_for = await self._follower.waited_for(organization)
            except BaseException:
                self._unknown.add(organization)
                raise
            self._waited_for[organization] = waited_for
            if not waited_for:
                del self._waited_for[organization]
        return organization in self._waited_for and await self._follower.follow(organization)

    async def count(self) -> None:
        """Have refused usage counted, where rules are about it."""
        self._counting.ask(self._who_wait_for(USAGE_REFUSED))

    async def _count(self, organization: str) -> bool:
        await self._windows.count_refused(organization, datetime.now(UTC))
        return False

    async def tell_behind(self) -> None:
        """Report the lag of the read models, where rules are about it. Without such rules nothing is measured."""
        if (waiting := self._who_wait_for(READ_MODELS_BEHIND)) and (seconds := await self._behind()) is not None:
            self._late = seconds, datetime.now(UTC)
            self._telling.ask(waiting)

    async def _tell_behind(self, organization: str) -> bool:
        await self._windows.tell_behind(organization, *self._late)
        return False

    def _who_wait_for(self, name: str) -> list[str]:
        return [organization for organization, names in self._waited_for.items() if name in names]
