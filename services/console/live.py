"""Says when something on a page has moved: server-sent events, of which a page's script has its parts made anew.

What has moved is found by asking the API what the page asks it, every few seconds and only while somebody looks. A
stream ends by itself, and the browser opens it again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from starlette.responses import Response, StreamingResponse

from services.console.asking import Asking, Refused
from services.console.looks import HEADERS
from services.console.visits import Visit

#: How often the API is asked, and for how long a stream goes on.
EACH_SECONDS, LAST_SECONDS = 2.0, 300.0
#: Streams of one process: each asks the API now and then for as long as a page is open.
MOST = 200
#: What a refusal has to say for the stream to go on: it passes by.
_PASSING = frozenset({429, 503})


@dataclass(slots=True)
class Streams:
    """Of one process: how many there are."""

    each_seconds: float = EACH_SECONDS
    last_seconds: float = LAST_SECONDS
    most: int = MOST
    _open: int = field(default=0)

    async def page(self, visit: Visit) -> Response:
        """A stream that has an event `changed` each time that what a page shows has moved."""
        if self._open >= self.most:
            raise Refused(503, "too many pages are looked at; this one shows what was when it was loaded")
        await self._standing(visit)  # what is refused is refused before the stream begins
        headers = HEADERS | {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._events(visit), media_type="text/event-stream", headers=headers)

    async def _events(self, visit: Visit) -> AsyncIterator[str]:
        self._open += 1
        try:
            yield "retry: 5000\n\n"
            last = await self._or_last(visit, b"")
            for _ in range(int(self.last_seconds / self.each_seconds)):
                await asyncio.sleep(self.each_seconds)
                now = await self._or_last(visit, last)
                # A comment otherwise: whoever has left is noticed by what cannot be sent.
                yield "event: changed\ndata: \n\n" if now != last else ":\n\n"
                last = now
        except Refused:  # the token has ended, or what is looked at is gone: the next page says so
            return
        finally:
            self._open -= 1

    async def _or_last(self, visit: Visit, last: bytes) -> bytes:
        try:
            return await self._standing(visit)
        except Refused as error:
            if error.status not in _PASSING:
                raise
            return last

    async def _standing(self, visit: Visit) -> bytes:
        """A digest of what the page shows now."""
        answers = await asyncio.gather(*_asked(visit))
        return blake2b(repr(answers).encode(), digest_size=16).digest()


def _asked(visit: Visit) -> list[Awaitable[Any]]:
    asking, query = visit.asking, visit.query
    if "account" in query:
        return [
            asking.get("commitments", accountId=query["account"], pageSize=20),
            asking.get("balances", accountId=query["account"], pageSize=20),
            _bills(asking, accountId=query["account"]),
        ]
    if "commitment" in query:
        return [asking.get("commitments", query["commitment"])]
    if "bill" in query:
        return [_bills(asking, ids=query["bill"])]
    return [asking.get("billjobs", pageSize=5), _bills(asking)]


async def _bills(asking: Asking, **of: str) -> Any:
    """The newest bills, without the moment at which a pending one was calculated: that is each time another one."""
    page = await asking.get("bills", excludeLineItems="true", pageSize=5, **of)
    return [{name: bill[name] for name in bill if name != "lastCalculatedDate"} for bill in page["data"]]
