"""What GET /health answers: whether this process can serve, and in words what stands still behind it.

It answers within a second whatever else goes on: it has a connection of its own, every question is bounded in time, and
who asks within the same second gets the same answer. Only Postgres is needed to serve; without Kafka, or with a worker
that stands still, commands are taken and what is projected is shown, so that is told and no reason to be taken out of
service.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from events.topics import CATALOG, EVENTS, USAGE
from services.api.record_rates import Pace
from services.api.standing import Standing
from services.api.statuses import Away
from services.audit.passes import Pass
from services.failures import AddressedFailure, ExpectedFailure, outside_of
from services.postgres import PostgresUnreachableError
from services.postgres_url import redacted
from services.readside.live import OutdatedReadModelsError
from services.readside.looking import Looker, Seen
from services.readside.watching import Watcher
from services.shared_answers import SharedAnswer
from services.status.whole import Behind, Ends, behind

#: How long Postgres and Kafka may take, side by side.
ASK_SECONDS = 0.8
KEPT_SECONDS = 1.0
#: Whoever is behind and has not moved for so many seconds stands still.
STILL_SECONDS = 5.0

#: What the topics' ends are, or why they are not known; and how a failure is told.
_Ends = Ends | ExpectedFailure
_Say = Callable[[BaseException], str]


class SilentPostgresError(AddressedFailure):
    """Postgres at {url} did not answer within {seconds} s"""

    outside = PostgresUnreachableError.outside


@dataclass(frozen=True, slots=True)
class HealthReport:
    """An answer: HTTP status, and what the document says to whom. They differ in where servers stand.

    `seen` and `ends` are what it was made of, where they are known.
    """

    status: int
    everybodys: dict[str, Any]
    operators: dict[str, Any]
    seen: Seen | None = None
    ends: Ends = field(default_factory=dict)


@dataclass(slots=True)
class _Still:
    """Where somebody who is behind was seen to stand, and since when."""

    standing: object
    since: float


@dataclass(slots=True)
class Health:
    """What one process knows of the health of the whole."""

    database_url: str
    watcher: Watcher
    standing: Standing
    #: How fast records come.
    pace: Pace = field(default_factory=Pace, init=False)
    #: What was proved last, as somebody beside the requests saw it.
    passes: Sequence[Pass] = field(default=(), init=False)
    _looker: Looker = field(init=False)
    _shared: SharedAnswer[HealthReport] = field(init=False)
    _report: HealthReport = field(default=HealthReport(0, {}, {}), init=False)
    _away: Away = field(default_factory=Away, init=False)
    _reported_at: float = field(default=float("-inf"), init=False)
    _still: dict[str, _Still] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._looker = Looker(self.database_url)
        self._shared = SharedAnswer(self._ask)

    async def report(self) -> HealthReport:
        """The answer, at most KEPT_SECONDS old."""
        if asyncio.get_running_loop().time() - self._reported_at > KEPT_SECONDS:
            await self._shared.get()
        return self._report

    def note_passes(self, passes: Sequence[Pass]) -> None:
        """What was proved last, for who asks for an overview."""
        self.passes = passes

    async def close(self) -> None:
        """Let the connection go."""
        await self._shared.close()
        self._looker.close()

    async def _ask(self) -> HealthReport:
        seen, ends = await asyncio.gather(self._look(), self._ends())
        for outcome in (seen, ends):
            if isinstance(outcome, ExpectedFailure):
                self._away.note(outcome)
        status, everybodys = self._answer(seen, ends, outside_of)
        seen_and_ends = seen if isinstance(seen, Seen) else None, {} if isinstance(ends, ExpectedFailure) else ends
        self._report = HealthReport(status, everybodys, self._answer(seen, ends, str)[1], *seen_and_ends)
        self._reported_at = asyncio.get_running_loop().time()
        if not isinstance(ends, ExpectedFailure):
            self.pace.note(self._reported_at, ends)
        return self._report

    def _answer(self, seen: Seen | ExpectedFailure, ends: _Ends, say: _Say) -> tuple[int, dict[str, Any]]:
        if self.standing.broken is not None:
            return 503, {"status": "unavailable", "message": say(self.standing.broken)}
        if not isinstance(seen, Seen):
            return 503, {"status": "unavailable", "message": say(seen)}
        return 200, self._document(seen, ends, say)

    async def _look(self) -> Seen | ExpectedFailure:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await self._looker.look()
        except TimeoutError:
            return SilentPostgresError(url=redacted(self.database_url), seconds=ASK_SECONDS)
        except ExpectedFailure as error:
            return error

    async def _ends(self) -> _Ends:
        topics = (USAGE, EVENTS, CATALOG)
        try:
            questions = (self.watcher.ends(topic, ASK_SECONDS) for topic in topics)
            return dict(zip(topics, await asyncio.gather(*questions), strict=True))
        except ExpectedFailure as error:
            return error

    def _document(self, seen: Seen, ends: _Ends, say: _Say) -> dict[str, Any]:
        problems = [*self.standing.warnings, *([say(ends)] if isinstance(ends, ExpectedFailure) else [])]
        if seen.outdated is not None:
            problems.append(str(OutdatedReadModelsError(seen.outdated)))
        behind_by = behind(seen, {} if isinstance(ends, ExpectedFailure) else ends)
        for who, standing in behind_by.items():
            still = self._still_for(who, standing)
            if still >= STILL_SECONDS:
                problems.append(
                    f"the {who} is {standing.count} behind and has not moved for {still:.0f} s: is it running?"
                )
        document = {
            "status": "degraded" if problems else "ok",
            "behind": {who: standing.count for who, standing in behind_by.items()},
        }
        return document | ({"problems": problems} if problems else {})

    def _still_for(self, who: str, behind: Behind) -> float:
        """For how many seconds it has been seen behind at the same place."""
        now, still = asyncio.get_running_loop().time(), self._still.get(who)
        if behind.count <= 0:
            self._still.pop(who, None)
            return 0.0
        if still is None or still.standing != behind.standing:
            still = self._still[who] = _Still(behind.standing, now)
        return now - still.since
