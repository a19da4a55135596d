"""How long the read models have lagged behind, as observed by one process.

No clock of a record would do: an event of the store has its organization's time, which may be a test clock's, and who
publishes may say what it likes. So a process marks at each look what is there, and asks at the next ones whether it is
shown by then. What waited before its first look counts from there.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from events.topics import CATALOG, EVENTS, USAGE
from services.readside.looking import Seen
from services.readside.targets import LogProjected, Relayed, UsageProjected, WaitTarget
from services.store.generations import Generations

#: Most moments that are remembered; beyond that, every second one is dropped.
MARKS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class _Mark:
    """The targets of one look, and its time in seconds of the caller's clock."""

    at: float
    head: int
    generations: Generations
    targets: tuple[WaitTarget, ...]

    def is_shown(self, seen: Seen) -> bool:
        """Whether everything in it is in the read models, or belongs to a replaced history."""
        is_of_before = seen.generations != self.generations or seen.head < self.head
        return is_of_before or all(target.reached(seen) for target in self.targets)


class Lateness:
    """The observations of one process, in order."""

    def __init__(self) -> None:
        #: Oldest first: looks whose content is not shown yet.
        self._marks = deque[_Mark]()

    def note(self, seen: Seen, ends: Mapping[str, Mapping[int, int]], now: float) -> float:
        """Note a look; returns the seconds since the oldest unshown content existed, 0 if all is shown.

        `ends`: of the topics by partition, taken while `seen` was, so that either may be the older one, by less than a
        second; none while Kafka does not answer.
        """
        self._marks.append(_Mark(now, seen.head, seen.generations, targets_of(seen, ends)))
        while self._marks and self._marks[0].is_shown(seen):
            self._marks.popleft()
        if len(self._marks) > MARKS_MAX:
            self._marks = deque(list(self._marks)[::2])
        return now - self._marks[0].at if self._marks else 0.0


def targets_of(seen: Seen, ends: Mapping[str, Mapping[int, int]]) -> tuple[WaitTarget, ...]:
    """The state of the read models once they show everything that existed at a look."""
    if not ends:
        return (Relayed(seen.head),)
    log = tuple(sorted(ends[EVENTS].items()))[: seen.generations.partitions]
    usage = tuple(sorted(ends[USAGE].items()))
    return Relayed(seen.head), UsageProjected(usage), LogProjected(log, ends[CATALOG][0])
