"""Waiting, for the product's own clients: what may go well a moment later is sent again, as long as patience lasts."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import httpx

from services.outage import pause_after

#: How long a client waits for one request, all its waits together.
PATIENCE_SECONDS = 60.0
#: Seconds before the request is sent again where no answer says when.
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
BUSY = frozenset({429})
#: All after which the same request may go well. Of some nobody knows whether it was done.
PASSING = BUSY | {408, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Patience:
    """What a client waits out, and for how many seconds, PATIENCE_SECONDS unless given.

    What was asked too often everybody sends again. Who sends what counts once, however often it comes, waits out all
    that is PASSING, and answers that are lost.
    """

    seconds: float | None = None
    statuses: frozenset[int] = BUSY
    lost: bool = False


class _Waits:
    """The waits for one request."""

    def __init__(self, patience: Patience) -> None:
        self._patience, self._failures = patience, 0
        self._until = time.monotonic() + (PATIENCE_SECONDS if patience.seconds is None else patience.seconds)

    def after(self, answer: httpx.Response) -> float | None:
        """Seconds after which to send the request again; None if this is its answer."""
        if answer.status_code not in self._patience.statuses:
            return None
        asked = answer.headers.get("retry-after", "") if answer.status_code in BUSY else ""
        return self._within(float(asked) if asked.isdecimal() else self._pause())

    def after_loss(self) -> float | None:
        """The same where no answer came; None if that is to be raised."""
        return self._within(self._pause()) if self._patience.lost else None

    def _pause(self) -> float:
        self._failures += 1
        return pause_after(PAUSES_S, self._failures)

    def _within(self, seconds: float) -> float | None:
        return seconds if time.monotonic() + seconds <= self._until else None


class Patient(httpx.Client):
    """What its patience does not wait out is its answer, and so is the last one when patience ends."""

    def __init__(self, patience: Patience = Patience(), **options: Any) -> None:
        super().__init__(**options)
        self._patience = patience

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send the request until its answer comes. Raises: httpx.TransportError."""
        waits = _Waits(self._patience)
        while True:
            try:
                answer = super().send(request, **options)
            except httpx.TransportError:
                if (seconds := waits.after_loss()) is None:
                    raise
            else:
                if (seconds := waits.after(answer)) is None:
                    return answer
                answer.close()
            time.sleep(seconds)


class AsyncPatient(httpx.AsyncClient):
    """A 429 is an answer only to who has waited for PATIENCE_SECONDS; for an event loop."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send the request until its answer comes. Raises: httpx.TransportError."""
        waits = _Waits(Patience())
        while True:
            answer = await super().send(request, **options)
            if (seconds := waits.after(answer)) is None:
                return answer
            await answer.aclose()
            await asyncio.sleep(seconds)
