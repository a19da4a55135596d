"""Whether this process makes progress, and if not, what it waits for. Its loops write the state, and the port reads it.

A round of a loop that succeeded is progress. A loop that waits, a partition that must not go on and a server that does
not answer are reasons not to be ready, in the words of the log. They are no sign of death: a process that waits is
alive. It counts as dead if its loop has neither gone round, nor tried again, nor read on for too long.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

NOT_BEGUN = "it has not begun its work yet"


@dataclass(frozen=True, slots=True)
class State:
    """The state of a process. `why`: the reasons why it is not ready, a sentence each; `age`: seconds since its last
    progress.
    """

    why: tuple[str, ...]
    age: float

    @property
    def is_ready(self) -> bool:
        """Whether it makes progress."""
        return not self.why


class Pulse:
    """The pulse of one process. Its event loop writes it and the port's threads read it: every value is replaced as a
    whole.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moved_at = clock()
        self._has_begun = False
        self._waits: str | None = None
        self._stopped: tuple[str, ...] = ()
        self._away: Mapping[str, str] = {}

    def begun(self) -> None:
        """Note that it works from now on, or stands by for another process."""
        self._has_begun = True
        self.went_round()

    def moved(self) -> None:
        """Note that its loop is alive: it has tried again, or continued a long read."""
        self._moved_at = self._clock()

    def went_round(self) -> None:
        """Note that a round succeeded: everything it waited for is there."""
        self._waits = None
        self.moved()

    def waits(self, why: str) -> None:
        """Note that a round failed and will be tried again."""
        self._waits = why
        self.moved()

    def stopped(self, why: Mapping[str, str]) -> None:
        """Note exactly these partitions as stopped, with the rule for each."""
        self._stopped = tuple(f"{partition} must not go on: {rule}" for partition, rule in sorted(why.items()))

    def away(self, whom: str, why: str | None) -> None:
        """Note that a server does not answer, or does again (None), even while the loop has no queries for it.

        Also used for a resource that stands still while everything else goes on.
        """
        others = {name: words for name, words in self._away.items() if name != whom}
        self._away = others if why is None else {**others, whom: why}

    @property
    def now(self) -> State:
        """The present state."""
        begun = () if self._has_begun else (NOT_BEGUN,)
        waits = () if self._waits is None else (self._waits,)
        why = dict.fromkeys((*begun, *waits, *self._stopped, *self._away.values()))
        return State(tuple(why), self._clock() - self._moved_at)


#: The pulse of this process, for its port.
PULSE = Pulse()
