"""What raises alerts, beside an API's requests: told by Postgres, and looking now and then in any case."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime

from events.resources.notifications import READ_MODELS_BEHIND, USAGE_REFUSED
from projections.readmodels import alerts_due
from services.alerts.following import MOVED, WITH_RULES, EventFollower
from services.alerts.matching import Shown
from services.alerts.raising import AlertRaiser
from services.alerts.windows import WindowAlerts
from services.concurrency import first_of
from services.failures import Passing
from services.outage import Outage, Outages
from services.postgres import Postgres, Role
from services.postgres.ringing import ring_when_told
from services.readside.live import reading_live
from services.store.events import CHANNEL, head
from services.store.generations import Generations

#: How often to look when nobody is told: what another process did not get done.
LOOK_SECONDS = 5.0
#: How long events are gathered before they are looked at: many commands are one look.
GATHER_SECONDS = 0.1
#: Organizations that are seen to at once.
ORGANIZATIONS_AT_ONCE = 10


class Alerts:
    """`run` beside an API's requests. Several processes may: an alert is raised once.

    `every`: connections on which it is asked whose alerts are due; what is done for an organization is done on its own.
    `act`: does what automatic rules found, for they are found in the same way. `behind`: for how many seconds the read
    models have not shown what was there; None if that cannot be known now.
    """

    def __init__(
        self,
        postgres: Postgres,
        every: Postgres,
        generations: Callable[[], Generations],
        shown: Shown,
        act: Callable[[str], Awaitable[object]],
        behind: Callable[[], Awaitable[float | None]],
    ) -> None:
        self._every, self._act, self._behind = every, act, behind
        self._raiser, self._follower = AlertRaiser(postgres, generations), EventFollower(postgres, generations, shown)
        self._windows = WindowAlerts(postgres, generations)
        self._due, self._happened = asyncio.Event(), asyncio.Event()
        self._outages = Outages("alerts_not_raised")
        self._at_once = asyncio.Semaphore(ORGANIZATIONS_AT_ONCE)
        #: Up to where the event store was looked at; None: not yet.
        self._looked: int | None = None
        #: What rules wait for by their organization, but for levels; of whom that is to be read, and who is to be seen
        #: to once more.
        self._waited_for = dict[str, frozenset[str]]()
        self._unknown, self._again = set[str](), set[str]()

    async def run(self) -> None:
        """Until cancelled; what passes by itself is waited out."""
        channels = {alerts_due.CHANNEL: self._due, CHANNEL: self._happened}
        async with asyncio.TaskGroup() as group:
            group.create_task(ring_when_told(self._every.url, Role.WATCH, channels))
            group.create_task(self._again_and_again("alerts_not_raised", self._due, self.raise_due))
            group.create_task(self._again_and_again("events_not_followed", self._happened, self.follow))
            group.create_task(self._again_and_again("refusals_not_counted", asyncio.Event(), self.count))
            group.create_task(self._again_and_again("lateness_not_told", asyncio.Event(), self.tell_behind))

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
        """Raise what the read models say is due. Raises: what passes."""
        async with reading_live(self._every) as connection:
            rows = await connection.fetch(alerts_due.ORGANIZATIONS)
        await self._of_each([row["organization"] for row in rows], self._raise)

    async def _raise(self, organization: str) -> None:
        await self._raiser.raise_due(organization)
        await self._act(organization)

    async def follow(self) -> None:
        """Look at what has happened since the last time, where rules are about it. Raises: what passes."""
        async with self._every.connection() as connection:
            if self._looked is None:
                self._looked = await head(connection)
                names = {row["organization"] for row in await connection.fetch(WITH_RULES)}
                self._unknown |= names
            else:
                moved = await connection.fetch(MOVED, self._looked)
                names = {row["organization"] for row in moved}
                self._unknown |= {row["organization"] for row in moved if row["has_new_rules"]}
                self._looked = max((row["position"] for row in moved), default=self._looked)
        wanted, self._again = (names & (self._waited_for.keys() | self._unknown)) | self._again, set()
        await self._of_each(wanted, self._follow)

    async def _follow(self, organization: str) -> None:
        if organization in self._unknown:
            if waited_for := await self._follower.waited_for(organization):
                self._waited_for[organization] = waited_for
            else:
                self._waited_for.pop(organization, None)
            self._unknown.discard(organization)
        if organization in self._waited_for:
            await self._follower.follow(organization)

    async def count(self) -> None:
        """Count the usage that was refused, where rules want it counted."""
        now = datetime.now(UTC)
        await self._of_each(self._who_wait_for(USAGE_REFUSED), lambda who: self._windows.count_refused(who, now))

    async def tell_behind(self) -> None:
        """Tell how late the read models are, where rules want to be told. Nothing is measured for nobody."""
        if (waiting := self._who_wait_for(READ_MODELS_BEHIND)) and (seconds := await self._behind()) is not None:
            late, now = seconds, datetime.now(UTC)
            await self._of_each(waiting, lambda who: self._windows.tell_behind(who, late, now))

    def _who_wait_for(self, name: str) -> list[str]:
        return [organization for organization, names in self._waited_for.items() if name in names]

    async def _of_each(self, organizations: Collection[str], work: Callable[[str], Awaitable[object]]) -> None:
        await asyncio.gather(*(self._passes(organization, work) for organization in list(organizations)))

    async def _passes(self, organization: str, work: Callable[[str], Awaitable[object]]) -> None:
        """Of one; what stands in its way is in no other's, and is tried again at the next look."""
        async with self._at_once:
            try:
                await work(organization)
                self._outages.over(organization)
            except Passing as error:
                self._again.add(organization)
                self._outages.met(organization, error)
