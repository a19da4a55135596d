"""Limits the rate of requests: so many a second, and a burst after a quiet time. Each process counts its own requests.

It is the generic cell rate algorithm: one number for each name, the moment at which its allowance is full again.
Existing libraries keep windows or locks, or wait; this decides at once, by a clock that a test can move.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from starlette.requests import Request

from services.failures import Worded

Clock = Callable[[], float]
#: Most names that are remembered at once; beyond that, the least recently seen ones are forgotten.
NAMES_MAX = 10_000
#: Tolerance for rounding errors in sums of seconds.
_TINY = 1e-6


class TooManyRequestsError(Worded):
    """organization {organization} asks more than {rate} times a second; try again in {seconds} s"""

    def __init__(self, wait: float, **values: object) -> None:
        #: Whole seconds after which a new request may succeed.
        self.seconds = max(1, ceil(wait))
        super().__init__(seconds=self.seconds, **values)


class TooManyAttemptsError(TooManyRequestsError):
    """too many wrong credentials; try again in {seconds} s"""


class Allowance:
    """Allows `rate` requests a second for each name, and up to `burst` at once after a quiet time.

    A name whose allowance is full again is forgotten, so only names seen in the last `burst / rate` seconds are held.
    """

    def __init__(self, rate: float, burst: int, clock: Clock = time.monotonic, most: int = NAMES_MAX) -> None:
        self.rate, self._each, self._burst_s = rate, 1 / rate, burst / rate
        self._clock, self._most = clock, most
        #: When the allowance is full again, by name, the least recently seen name first.
        self._whole_at = OrderedDict[str, float]()

    def __len__(self) -> int:
        return len(self._whole_at)

    def wait(self, name: str) -> float:
        """Seconds until a request of this name is allowed; 0: now. Nothing is counted."""
        now = self._clock()
        over = max(self._whole_at.get(name, now), now) + self._each - now - self._burst_s
        return over if over > _TINY else 0.0

    def take(self, name: str) -> float:
        """The same, but an allowed request is counted. A refused one is not, so it does not lengthen the wait."""
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
        """Forget full allowances, and the oldest of too many. One name is added at a time, so removing two each time
        suffices.
        """
        for _ in range(2):
            name, whole_at = next(iter(self._whole_at.items()))
            if whole_at > now and len(self._whole_at) <= self._most:
                return
            del self._whole_at[name]


@dataclass(frozen=True, slots=True)
class Rates:
    """The allowances of each organization. Submitted usage has one of its own, as m3ter has it."""

    usage: Allowance
    others: Allowance

    @classmethod
    def of(cls, rate: int, burst: int) -> "Rates | None":
        """The same rate and burst for both allowances; None (no limit) for rate 0."""
        return cls(Allowance(rate, burst), Allowance(rate, burst)) if rate else None

    def take(self, organization: str, *, usage: bool) -> None:
        """Count a request of the organization. Raises: TooManyRequestsError."""
        bucket = self.usage if usage else self.others
        wait = bucket.take(organization)
        if wait:
            raise TooManyRequestsError(wait, organization=organization, rate=f"{bucket.rate:g}")


async def keep_to_rate(request: Request, orgId: str) -> None:
    """Limits the rate of every path below an organization. It runs after authentication, so that nobody can use up
    another's allowance.

    Raises: TooManyRequestsError.
    """
    rates: Rates | None = request.app.state.rates
    if rates is not None:
        rates.take(orgId, usage=request.scope["path"].endswith("/measurements"))


class Attempts:
    """Limits wrong credentials: a few for each access key id, and a few in all, are answered as wrong; beyond that the
    caller must wait.

    Credentials are compared in any case, so a flood of wrong ones does not lock out a caller with the right ones.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._by_key, self._in_all = Allowance(1 / 6, 10, clock), Allowance(5, 50, clock)

    def failed(self, key_id: str) -> None:
        """Count a failed attempt. Raises: TooManyAttemptsError."""
        wait = max(self._by_key.take(key_id), self._in_all.take(""))
        if wait:
            raise TooManyAttemptsError(wait)
