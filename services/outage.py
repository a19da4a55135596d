"""How a loop waits out what passes: later each time, up to a bound, and said once for each change of state."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from services.concurrency import first_of
from services.failures import Passing
from services.sight.metrics import WAITS
from services.sight.pulse import PULSE

_log = structlog.get_logger(__name__)

BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
#: What fails again after so many seconds is a new outage, also where nobody could say that the old one was over. It is
#: longer than any attempt takes that only waits for an answer.
HEALTHY_S = 120.0


def pause_after(pauses: Sequence[float], failures: int) -> float:
    """Seconds to wait after so many failures in a row, 1 or more: the last of the pauses for all that come behind."""
    return pauses[min(failures, len(pauses)) - 1]


class Outage:
    """What stands in the way of a loop. `about` are the fields of its log lines.

    `of_process`: the loop is what its process is for, which is not ready meanwhile, and says why.
    """

    def __init__(self, event: str, *, of_process: bool = False, **about: Any) -> None:
        self._event, self._of_process, self._about = event, of_process, about
        self._failures = 0
        self._said: str | None = None
        self._met_at = 0.0

    def met(self, error: BaseException) -> float:
        """Something failed; returns the seconds to wait before the next attempt. The same words are logged once."""
        words, now = f"{type(error).__name__}: {error}", time.monotonic()
        if now - self._met_at > HEALTHY_S:
            self._failures, self._said = 0, None
        self._met_at = now
        if self._of_process:
            PULSE.waits(str(error))
        if words != self._said:
            WAITS.labels(self._event).inc()
            _log.warning(self._event, error=words, **self._about)
            self._said = words
        self._failures += 1
        return pause_after(BACKOFF_S, self._failures)

    def over(self) -> None:
        """An attempt went well."""
        if self._said is not None:
            _log.info(f"{self._event}_over", attempts=self._failures, **self._about)
        self._failures, self._said = 0, None


class Outages:
    """What stands in the way of organizations: of each by itself, from its first failure until it is over."""

    def __init__(self, event: str) -> None:
        self._event, self._of = event, dict[str, Outage]()

    def met(self, organization: str, error: BaseException) -> float:
        """Its work failed; returns the seconds to wait before the next attempt. The same words are logged once."""
        return self._of.setdefault(organization, Outage(self._event, organization=organization)).met(error)

    def over(self, organization: str) -> None:
        """An attempt of its went well."""
        if (outage := self._of.pop(organization, None)) is not None:
            outage.over()


async def until_stopped(stop: asyncio.Event, event: str, attempt: Callable[[], Awaitable[None]]) -> None:
    """Make the attempt until one ends well or `stop` is set: after whatever passes by itself it is made anew.

    An attempt makes its own connections, so nothing of a broken one is left. Raises: what does not pass.
    """
    outage = Outage(event, of_process=True)
    while not stop.is_set():
        try:
            return await attempt()
        except Passing as error:
            await first_of(outage.met(error), stop)
