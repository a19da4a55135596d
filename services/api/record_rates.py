"""The rate at which records arrive, from the ends of topics during the last minute."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Older looks are dropped, as long as two remain to compare.
LOOK_BACK_SECONDS = 60.0
#: The least time between two looks for a rate to be given.
LEAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RecordRates:
    """Records a second for each topic, over this many seconds."""

    seconds: float
    per_second: Mapping[str, float]


@dataclass(slots=True)
class RecordPace:
    """The rates seen by one process, which looks at the ends regularly for other reasons."""

    #: The time of each look, and the number of records that each topic had ever had.
    _seen: deque[tuple[float, Mapping[str, int]]] = field(default_factory=deque)

    def note(self, now: float, ends: Mapping[str, Mapping[int, int]]) -> None:
        """Note the ends by topic and partition, as seen at this time."""
        self._seen.append((now, {topic: sum(of_topic.values()) for topic, of_topic in ends.items()}))
        while len(self._seen) > 2 and self._seen[1][0] <= now - LOOK_BACK_SECONDS:
            self._seen.popleft()

    def rates(self) -> RecordRates | None:
        """The rates; None before two looks that are at least LEAST_SECONDS apart."""
        if len(self._seen) < 2 or (seconds := self._seen[-1][0] - self._seen[0][0]) < LEAST_SECONDS:
            return None
        first, last = self._seen[0][1], self._seen[-1][1]
        # A topic that was made anew has fewer records than before: its rate counts as 0.
        return RecordRates(
            seconds, {topic: max(0, count - first.get(topic, count)) / seconds for topic, count in last.items()}
        )
