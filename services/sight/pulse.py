"""Does this process get on with its work, and if not, what does it wait for? Its loops say so here, the port asks.

A round of a loop that ended well is progress. What a loop waits for, which partitions must not go on and which server
does not answer are reasons not to be ready, each in the words that the log has; they are no reason to be taken for
dead: whoever waits is alive. Dead is whose loop has not gone round, tried again or read on for too long.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

NOT_BEGUN = "it has not begun its work yet"


@dataclass(frozen=True, slots=True)
class State:
    """How a process stands. `why`: what keeps it from being ready, a sentence each; `age`: seconds since it moved."""

    why: tuple[str, ...]
    age: float

    @property
    def is_ready(self) -> bool:
        """Whether it gets on with its work."""
        return not self.why


class Pulse:
    """Of one process. Written by its event loop, read by the port's threads: every value is replaced as a whole."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moved_at = clock()
        self._has_begun = False
        self._waits: str | None = None
        self._stopped: tuple[str, ...] = ()
        self._away: Mapping[str, str] = {}

    def begun(self) -> None:
        """It does its work from now on, or stands by for another that does."""
        self._has_begun = True
        self.went_round()

    def moved(self) -> None:
        """Its loop lives: it has tried again, or read on in what takes long."""
        self._moved_at = self._clock()

    def went_round(self) -> None:
        """A round ended well: whatever was waited for is there."""
        self._waits = None
        self.moved()

    def waits(self, why: str) -> None:
        """A round ended badly, and is tried again."""
        self._waits = why
        self.moved()

    def stopped(self, why: Mapping[str, str]) -> None:
        """These partitions must not go on, and which rule says so; no others."""
        self._stopped = tuple(f"{partition} must not go on: {rule}" for partition, rule in sorted(why.items()))

    def away(self, whom: str, why: str | None) -> None:
        """Whom this process needs did not answer, or did (None), while its loop may have had nothing to ask.

        Or what it needs goes on no further, while all else does.
        """
        others = {name: words for name, words in self._away.items() if name != whom}
        self._away = others if why is None else {**others, whom: why}

    @property
    def now(self) -> State:
        """How it stands now."""
        begun = () if self._has_begun else (NOT_BEGUN,)
        waits = () if self._waits is None else (self._waits,)
        why = dict.fromkeys((*begun, *waits, *self._stopped, *self._away.values()))
        return State(tuple(why), self._clock() - self._moved_at)


#: Of this process, as its port is.
PULSE = Pulse()
