"""Rows to requests, each sent again until it is answered; what the API refuses of one is left out and told by line."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import httpx
import msgspec

from services.api.measurement import ITEMS_MAX
from services.failures import ExpectedFailure, Worded

#: m3ter's bound of a body, less what stands around the items.
_BYTES_MAX = 512_000 - 100
_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
#: Statuses after which the same request may go well.
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_encode = msgspec.json.Encoder(decimal_format="number").encode


class ImportStoppedError(Worded, ExpectedFailure):
    """{url} did not take usage for {seconds:.0f} s: {why}; begin again, and it goes on after line {line}"""


class ImportRefusedError(Worded, ExpectedFailure):
    """{url} answered {status}: {why}"""


class Request(NamedTuple):
    """Encoded measurements with their lines; `reached`: the line up to which nothing else is to be sent."""

    items: list[bytes]
    lines: list[int]
    reached: int


class Wrong(NamedTuple):
    """A line that is no usage, and why."""

    line: int
    message: str


def requests_of(rows: Iterable[tuple[int, dict[str, Any] | Wrong]]) -> Iterator[Request | Wrong]:
    """Requests as large as they may be, and what is wrong by itself."""
    items, lines, size, reached = list[bytes](), list[int](), 0, 0
    for line, row in rows:
        if isinstance(row, Wrong):
            yield row
        else:
            item = _encoded(row)
            if item is None or len(item) >= _BYTES_MAX:
                yield Wrong(line, "is too large, or not in UTF-8")
            else:
                if len(items) == ITEMS_MAX or size + len(item) + 1 > _BYTES_MAX:
                    yield Request(items, lines, reached)
                    items, lines, size = [], [], 0
                items.append(item)
                lines.append(line)
                size += len(item) + 1
        reached = line
    yield Request(items, lines, reached)


def _encoded(row: dict[str, Any]) -> bytes | None:
    try:
        return _encode(row)
    except (UnicodeEncodeError, ValueError, TypeError):
        return None


class Sender:
    """Posts requests to an organization, one after the other."""

    def __init__(self, client: httpx.Client, patience_s: float) -> None:
        self._client, self._patience_s = client, patience_s

    def send(self, request: Request, after: int) -> list[Wrong]:
        """Send it until it is answered; returns what of it was refused. `after`: the line that all before was sent to.

        Raises: ImportStoppedError, ImportRefusedError.
        """
        wrong = list[Wrong]()
        items, lines = request.items, request.lines
        while items:
            refused = self._taken(items, after)
            if not refused:
                break
            wrong += [Wrong(lines[index], message) for index, message in refused.items()]
            kept = [index for index in range(len(items)) if index not in refused]
            items, lines = [items[index] for index in kept], [lines[index] for index in kept]
        return wrong

    def _taken(self, items: list[bytes], after: int) -> dict[int, str]:
        """Nothing once they are taken; else which are wrong, by index."""
        body = b'{"measurements":[' + b",".join(items) + b"]}"
        started, attempt = time.monotonic(), 0
        while True:
            answer, why = self._asked(body)
            if answer is not None and answer.status_code == 200:
                return {}
            if answer is not None and answer.status_code not in _AGAIN:
                return self._refused(answer, why)
            seconds = time.monotonic() - started
            if seconds > self._patience_s:
                raise ImportStoppedError(url=self._client.base_url, seconds=seconds, why=why, line=after)
            time.sleep(_WAITS_S[min(attempt, len(_WAITS_S) - 1)])
            attempt += 1

    def _asked(self, body: bytes) -> tuple[httpx.Response | None, str]:
        try:
            answer = self._client.post("measurements", content=body, headers={"content-type": "application/json"})
        except httpx.TransportError as error:
            return None, f"{type(error).__name__}: {error}"
        return answer, answer.text[:500]

    def _refused(self, answer: httpx.Response, why: str) -> dict[int, str]:
        try:
            document = answer.json()
            if answer.status_code == 400 and document.get("refused"):
                return {one["index"]: one["message"] for one in document["refused"]}
            why = document["message"]
        except (ValueError, KeyError, AttributeError, TypeError):
            pass  # whoever answered so is not our API; its own words say most
        raise ImportRefusedError(url=answer.url, status=answer.status_code, why=why)
