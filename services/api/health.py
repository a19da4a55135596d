"""The answer of GET /health: whether this process can serve, and in words which other processes stand still.

It answers within a second under all conditions: it has a connection of its own, every query has a time limit, and
requests within one second share an answer. Serving needs only Postgres. Without Kafka, or while a worker stands still,
commands are accepted and projected data is shown; the answer then says so, but the process need not be taken out of
service.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from events.topics import CATALOG, EVENTS, USAGE
from services.api.record_rates import RecordPace
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
from services.status.whole import BehindBy, Ends, behind

#: Time limit of the queries to Postgres and Kafka, which run side by side.
ASK_SECONDS = 0.8
KEPT_SECONDS = 1.0
#: A process that is behind and has not moved for this many seconds stands still.
STILL_SECONDS = 5.0

#: The topics' ends, or why they are unknown; and the text of a failure.
_Ends = Ends | ExpectedFailure
_Say = Callable[[BaseException], str]


class SilentPostgresError(AddressedFailure):
    """Postgres at {url} did not answer within {seconds} s"""

    outside = PostgresUnreachableError.outside


@dataclass(frozen=True, slots=True)
class HealthReport:
    """An answer: HTTP status, and the document for operators and for others, who are not told the addresses of servers.

    `seen` and `ends` are its inputs, where they are known.
    """

    status: int
    everybodys: dict[str, Any]
    operators: dict[str, Any]
    seen: Seen | None = None
    ends: Ends = field(default_factory=dict)


@dataclass(slots=True)
class _Still:
    """The position at which a lagging process was seen, and since when."""

    standing: object
    since: float


@dataclass(slots=True)
class Health:
    """One process's knowledge of the health of the whole."""

    database_url: str
    watcher: Watcher
    standing: Standing
    #: How fast records come.
    pace: RecordPace = field(default_factory=RecordPace, init=False)
    #: The last proofs, as seen by a task beside the requests.
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
        """Store the last proofs, for overviews."""
        self.passes = passes

    async def close(self) -> None:
        """Close the connection."""
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

    def _still_for(self, who: str, behind: BehindBy) -> float:
        """For how many seconds the process has been seen behind at the same position."""
        now, still = asyncio.get_running_loop().time(), self._still.get(who)
        if behind.count <= 0:
            self._still.pop(who, None)
            return 0.0
        if still is None or still.standing != behind.standing:
            still = self._still[who] = _Still(behind.standing, now)
        return now - still.since
