"""Waiting, for the product's own clients: what is refused as too much for now is sent again when the answer says so."""

import asyncio
import time
from typing import Any

import httpx

#: How long a client waits for one request, all its waits together.
PATIENCE_SECONDS = 60.0


class Patient(httpx.Client):
    """A 429 is an answer only to who has waited for PATIENCE_SECONDS."""

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send the request, and send it again after each 429 once the answer's Retry-After is over."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = super().send(request, **options)
            if (seconds := _wait(answer, until)) is None:
                return answer
            answer.close()
            time.sleep(seconds)


class AsyncPatient(httpx.AsyncClient):
    """The same for an event loop."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """As of `Patient`."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = await super().send(request, **options)
            if (seconds := _wait(answer, until)) is None:
                return answer
            await answer.aclose()
            await asyncio.sleep(seconds)


def _wait(answer: httpx.Response, until: float) -> float | None:
    """Seconds after which the request is to be sent again; None if this is its answer."""
    if answer.status_code != 429:
        return None
    asked = answer.headers.get("retry-after", "")
    seconds = float(asked) if asked.isdecimal() else 1.0
    return seconds if time.monotonic() + seconds <= until else None
