"""One attempt: a POST to a receiver that may be slow, broken or hostile, and its result.

Of the answer only the status code and `Retry-After` are kept, so nobody can read through us what only we can reach. No
redirect is followed, no more of an answer is read than its connection needs for reuse, and everything has a time limit.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from urllib.parse import urlsplit

import httpcore
import httpx

from services.concurrency import NoTurnError
from services.webhooks.addresses import ForbiddenAddressError, NotHttpsError, ReceiverRules
from services.webhooks.claims import AttemptOutcome
from services.webhooks.pauses import asked_pause
from services.webhooks.reaching import TURN_SECONDS, WHOSE, FitAddresses, Names

CONNECT_SECONDS = 5.0
#: How long an answer's body is read, and how much of it; after a longer body, the connection is closed.
BODY_SECONDS, BODY_BYTES = 1.0, 64 * 1024
#: How long an idle connection is kept.
IDLE_SECONDS = 30.0
#: Connections of one process: more than its concurrent attempts.
CONNECTIONS = 2_000
_GONE = 410
#: Too many requests, and unavailable: status codes whose `Retry-After` counts.
_LATER = (429, 503)
_AGENT = f"Trueup/{version('trueup')}"


class Sender:
    """Makes attempts."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, reach: ReceiverRules) -> None:
        self._pool, self._reach = pool, reach

    async def attempt(self, url: str, headers: Mapping[str, str], body: str, whose: str = "") -> AttemptOutcome:
        """Send the delivery once, for this organization."""
        seconds = self._reach.seconds
        WHOSE.set(whose)
        try:
            self._reach.check(url)
            async with asyncio.timeout(seconds):
                status, retry_after = await self._post(url, headers, body.encode())
        except (TimeoutError, httpcore.TimeoutException):
            return AttemptOutcome(None, f"it did not answer within {seconds:.0f} s")
        except NoTurnError:
            return AttemptOutcome(
                None, "its name was not looked up yet: others are, and nobody answers for them", is_ours=True
            )
        except (NotHttpsError, ForbiddenAddressError) as error:
            return AttemptOutcome(None, str(error))
        except (httpcore.NetworkError, OSError):  # OSError: errors of TLS within a connection are not wrapped
            return AttemptOutcome(None, "it could not be reached, or the connection broke")
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, ValueError):
            return AttemptOutcome(None, "it does not answer as HTTP has it")
        return _outcome(status, None if retry_after is None else asked_pause(retry_after, datetime.now(UTC)))

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str | None]:
        """The status code, and `Retry-After`."""
        sent = {"host": urlsplit(url).netloc, "user-agent": _AGENT, "content-type": "application/json", **headers}
        waits = {"connect": CONNECT_SECONDS, **dict.fromkeys(("read", "write", "pool"), self._reach.seconds)}
        named = [(name.encode(), value.encode()) for name, value in sent.items()]
        async with self._pool.stream(
            "POST", url, headers=named, content=body, extensions={"timeout": waits}
        ) as response:
            with suppress(OSError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
                async with asyncio.timeout(BODY_SECONDS):
                    await _read(response)
            return response.status, _retry_after(response)


async def _read(response: httpcore.Response) -> None:
    """Read a short body, so that its connection may be reused."""
    read = 0
    async for part in response.aiter_stream():
        read += len(part)
        if read > BODY_BYTES:
            return


def _retry_after(response: httpcore.Response) -> str | None:
    """The header's text; only two status codes give it a meaning."""
    if response.status not in _LATER:
        return None
    return next((value.decode("latin-1") for name, value in response.headers if name.lower() == b"retry-after"), None)


def _outcome(status: int, retry_after: timedelta | None) -> AttemptOutcome:
    if 200 <= status < 300:
        return AttemptOutcome(status, None)
    if 300 <= status < 400:
        return AttemptOutcome(status, f"it answered {status}: redirects are not followed")
    return AttemptOutcome(status, f"it answered {status}", is_final=status == _GONE, retry_after=retry_after)


@asynccontextmanager
async def open_sender(reach: ReceiverRules) -> AsyncIterator[Sender]:
    """A sender for the length of the block. It uses no proxy, whatever the environment says, because a proxy would look
    up names itself.
    """
    names = Names(min(TURN_SECONDS, reach.seconds / 3))  # so a wait for a turn never uses up the attempt
    try:
        async with httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=CONNECTIONS,
            max_keepalive_connections=CONNECTIONS,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=FitAddresses(names, reach.allowed),
        ) as pool:
            yield Sender(pool, reach)
    finally:
        names.close()
