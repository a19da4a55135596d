"""How often somebody may ask: so many times a second, and a burst for who was quiet. Counted in this process alone.

It is the generic cell rate algorithm: one number by name, the moment at which its allowance is whole again. The
libraries there are keep windows or locks, or wait; this decides at once, by a clock that a test can move.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from starlette.requests import Request

from services.failures import Worded

Clock = Callable[[], float]
#: Names that are remembered at once; of more, those that were seen longest ago begin anew.
NAMES_MAX = 10_000
#: What sums of seconds may be off by.
_TINY = 1e-6


class TooManyRequestsError(Worded):
    """organization {organization} asks more than {rate} times a second; try again in {seconds} s"""

    def __init__(self, wait: float, **values: object) -> None:
        #: Whole seconds after which it is worth while to ask again.
        self.seconds = max(1, ceil(wait))
        super().__init__(seconds=self.seconds, **values)


class TooManyAttemptsError(TooManyRequestsError):
    """too many wrong credentials; try again in {seconds} s"""


class Allowance:
    """`rate` times a second for each name, and up to `burst` at once for one that was quiet.

    A name whose allowance is whole is forgotten, so what is held is what was seen in the last `burst / rate` seconds.
    """

    def __init__(self, rate: float, burst: int, clock: Clock = time.monotonic, most: int = NAMES_MAX) -> None:
        self.rate, self._each, self._burst_s = rate, 1 / rate, burst / rate
        self._clock, self._most = clock, most
        #: When the allowance is whole again, by name, the one that was seen longest ago first.
        self._whole_at = OrderedDict[str, float]()

    def __len__(self) -> int:
        return len(self._whole_at)

    def wait(self, name: str) -> float:
        """Seconds until the name may ask; 0 if it may now. Nothing is counted."""
        now = self._clock()
        over = max(self._whole_at.get(name, now), now) + self._each - now - self._burst_s
        return over if over > _TINY else 0.0

    def take(self, name: str) -> float:
        """The same, and it is counted if it may: to have been refused does not lengthen the wait."""
        now = self._clock()
        whole_at = max(self._whole_at.get(name, now), now) + self._each
        over = whole_at - now - self._burst_s
        if over > _TINY:
            self._whole_at.move_to_end(name)
            return over
        self._whole_at[name] = whole_at
        self._whole_at.move_to_end(name)
        self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        """One comes at a time, so two that go each time are enough."""
        for _ in range(2):
            name, whole_at = next(iter(self._whole_at.items()))
            if whole_at > now and len(self._whole_at) <= self._most:
                return
            del self._whole_at[name]


@dataclass(frozen=True, slots=True)
class Rates:
    """What each organization may ask: usage that it submits does not count against all else, as m3ter has it."""

    usage: Allowance
    others: Allowance

    @classmethod
    def of(cls, rate: int, burst: int) -> "Rates | None":
        """As often for both; None if it is 0, which is no limit."""
        return cls(Allowance(rate, burst), Allowance(rate, burst)) if rate else None

    def take(self, organization: str, *, usage: bool) -> None:
        """Raises: TooManyRequestsError."""
        bucket = self.usage if usage else self.others
        wait = bucket.take(organization)
        if wait:
            raise TooManyRequestsError(wait, organization=organization, rate=f"{bucket.rate:g}")


async def keep_to_rate(request: Request, orgId: str) -> None:
    """Of every path below an organization, once it is known who asks: so nobody uses up what is another's.

    Raises: TooManyRequestsError.
    """
    rates: Rates | None = request.app.state.rates
    if rates is not None:
        rates.take(orgId, usage=request.scope["path"].endswith("/measurements"))


class Attempts:
    """Wrong credentials: a few by access key id, and a few in all, are answered as wrong; more have to wait.

    They are compared all the same, so no flood of wrong ones keeps out who has the right ones.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._by_key, self._in_all = Allowance(1 / 6, 10, clock), Allowance(5, 50, clock)

    def failed(self, key_id: str) -> None:
        """They were wrong. Raises: TooManyAttemptsError."""
        wait = max(self._by_key.take(key_id), self._in_all.take(""))
        if wait:
            raise TooManyAttemptsError(wait)
