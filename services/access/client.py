"""HTTP clients of the product itself: signed in by a bearer token, which is requested once and renewed before it ends;
and patient: requests that may succeed a moment later are sent again.
"""

import asyncio
import time
from base64 import b64encode
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import httpx

from services.access.local import LocalKey
from services.outage import pause_after

#: Statuses of an API that gives no token to this key, or not now.
_SAYS_WHY = (401, 429, 503)
#: How long a client waits for one request, all its waits together.
PATIENCE_SECONDS = 60.0
#: Seconds before a repeated request if no answer says when.
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
BUSY = frozenset({429})
#: Statuses after which the same request may succeed. After some of them it is unknown whether the request was done.
PASSING = BUSY | {408, 500, 502, 503, 504}


class SignedIn(httpx.Auth):
    """Every request bears a token of this access key.

    If the API gives no token, its refusal is the request's answer. A server without tokens answers the request
    directly.
    """

    requires_response_body = True

    def __init__(self, credentials: LocalKey) -> None:
        basic = b64encode(f"{credentials.access_key_id}:{credentials.api_secret}".encode()).decode()
        self._credentials, self._token, self._until = f"Basic {basic}", "", 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Ask for a token if there is none that still holds, then send the request with it."""
        if time.monotonic() >= self._until:
            answer = yield self._asking(request.url.copy_with(path="/oauth/token", query=None))
            if not self._took(answer) and answer.status_code in _SAYS_WHY:
                return
        if self._token:
            request.headers["authorization"] = f"Bearer {self._token}"
        answer = yield request
        if answer.status_code == 401:
            self._until = 0.0

    def _asking(self, url: httpx.URL) -> httpx.Request:
        headers = {"authorization": self._credentials}
        return httpx.Request("POST", url, data={"grant_type": "client_credentials"}, headers=headers)

    def _took(self, answer: httpx.Response) -> bool:
        try:
            document = answer.json()
            self._token, seconds = str(document["access_token"]), float(document["expires_in"])
        except (ValueError, KeyError, TypeError):
            self._token, self._until = "", 0.0
            return False
        self._until = time.monotonic() + seconds / 2
        return True


@dataclass(frozen=True, slots=True)
class Patience:
    """The failures that a client waits out, and for how many seconds, by default PATIENCE_SECONDS.

    Every client repeats a request that was refused for its rate. A client whose requests count once, however often they
    are sent, also waits out all of PASSING, and lost answers.
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
        """Seconds until the request is sent again; None if this is its answer."""
        if answer.status_code not in self._patience.statuses:
            return None
        retry_after = answer.headers.get("retry-after", "") if answer.status_code in BUSY else ""
        return self._within(float(retry_after) if retry_after.isdecimal() else self._pause())

    def after_loss(self) -> float | None:
        """Seconds until the request is sent again after a lost answer; None if the loss is raised."""
        return self._within(self._pause()) if self._patience.lost else None

    def _pause(self) -> float:
        self._failures += 1
        return pause_after(PAUSES_S, self._failures)

    def _within(self, seconds: float) -> float | None:
        return seconds if time.monotonic() + seconds <= self._until else None


class Patient(httpx.Client):
    """An HTTP client with patience: it returns an answer that it does not wait out, and the last answer when patience
    ends.
    """

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
    """The same for an event loop: a request that gets a 429 is sent again until PATIENCE_SECONDS have passed."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send the request until its answer comes. Raises: httpx.TransportError."""
        waits = _Waits(Patience())
        while True:
            answer = await super().send(request, **options)
            if (seconds := waits.after(answer)) is None:
                return answer
            await answer.aclose()
            await asyncio.sleep(seconds)
