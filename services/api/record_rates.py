"""How fast records come: the ends of topics as they were seen in the last minute."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

#: What was seen longer ago counts no more, as long as there is something newer to compare.
LOOK_BACK_SECONDS = 60.0
#: Between looks that are nearer to each other nothing is said.
LEAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RecordRates:
    """Records a second by topic, over so many seconds."""

    seconds: float
    per_second: Mapping[str, float]


@dataclass(slots=True)
class RecordPace:
    """Of one process, which looks at the ends now and then anyway."""

    #: When, and how many records each topic had ever had.
    _seen: deque[tuple[float, Mapping[str, int]]] = field(default_factory=deque)

    def note(self, now: float, ends: Mapping[str, Mapping[int, int]]) -> None:
        """The ends by topic and partition, seen at this time."""
        self._seen.append((now, {topic: sum(of_topic.values()) for topic, of_topic in ends.items()}))
        while len(self._seen) > 2 and self._seen[1][0] <= now - LOOK_BACK_SECONDS:
            self._seen.popleft()

    def rates(self) -> RecordRates | None:
        """None until it was looked twice."""
        if len(self._seen) < 2 or (seconds := self._seen[-1][0] - self._seen[0][0]) < LEAST_SECONDS:
            return None
        first, last = self._seen[0][1], self._seen[-1][1]
        # A topic that was made anew has fewer than before: it is not slower than standing still.
        return RecordRates(
            seconds, {topic: max(0, count - first.get(topic, count)) / seconds for topic, count in last.items()}
        )
