"""Rows to requests, each sent again until it is answered; what the API refuses of one is left out and told by line."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import httpx
import msgspec

from services.access.client import PASSING, Patience
from services.api.measurement import ITEMS_MAX, PAYLOAD_BYTES
from services.failures import ExpectedFailure, Worded

#: What a body may have, less what stands around the items.
_BYTES_MAX = PAYLOAD_BYTES - 100
#: Every row has a uid, so what is sent twice counts once: all that passes by itself is waited out.
PATIENCE = Patience(300.0, PASSING, lost=True)
_encode = msgspec.json.Encoder(decimal_format="number").encode


class ImportStoppedError(Worded, ExpectedFailure):
    """{url} did not take usage for {seconds:.0f} s: {why}; begin again, and it goes on after line {line}"""


class ImportRefusedError(Worded, ExpectedFailure):
    """{url} answered {status}: {why}"""


class MeasurementsRequest(NamedTuple):
    """Encoded measurements with their lines; `reached`: the line up to which nothing else is to be sent."""

    items: list[bytes]
    lines: list[int]
    reached: int


class Wrong(NamedTuple):
    """A line that is no usage, and why."""

    line: int
    message: str


def requests_of(rows: Iterable[tuple[int, dict[str, Any] | Wrong]]) -> Iterator[MeasurementsRequest | Wrong]:
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
                    yield MeasurementsRequest(items, lines, reached)
                    items, lines, size = [], [], 0
                items.append(item)
                lines.append(line)
                size += len(item) + 1
        reached = line
    yield MeasurementsRequest(items, lines, reached)


def _encoded(row: dict[str, Any]) -> bytes | None:
    try:
        return _encode(row)
    except (UnicodeEncodeError, ValueError, TypeError):
        return None


class Sender:
    """Posts requests to an organization, one after the other, by a client that has PATIENCE."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def send(self, request: MeasurementsRequest, after: int) -> list[Wrong]:
        """Send it until it is answered; returns the rows of it that were
        refused. `after`: the line up to which all was sent
        before.

        Raises: ImportStoppedError, ImportRefusedError.
        """
        wrong = list[Wrong]()
        items, lines = request.items, request.lines
        while items:
            refused = self._taken(items, after)
            if not refused:
                break
            wrong += [Wrong(lines[index], message) for index, message in refused.items()]
            left = [index for index in range(len(items)) if index not in refused]
            items, lines = [items[index] for index in left], [lines[index] for index in left]
        return wrong

    def _taken(self, items: list[bytes], after: int) -> dict[int, str]:
        """Nothing once they are taken; else which are wrong, by index."""
        body = b'{"measurements":[' + b",".join(items) + b"]}"
        started = time.monotonic()
        try:
            answer = self._client.post("measurements", content=body, headers={"content-type": "application/json"})
            status, why = answer.status_code, answer.text[:500]
        except httpx.TransportError as error:
            raise self._stopped(started, f"{type(error).__name__}: {error}", after) from error
        if status in PASSING:
            raise self._stopped(started, why, after)
        return {} if status == 200 else self._refused(answer, why)

    def _stopped(self, started: float, why: str, line: int) -> ImportStoppedError:
        return ImportStoppedError(url=self._client.base_url, seconds=time.monotonic() - started, why=why, line=line)

    def _refused(self, answer: httpx.Response, why: str) -> dict[int, str]:
        try:
            document = answer.json()
            if answer.status_code == 400 and document.get("refused"):
                return {item["index"]: item["message"] for item in document["refused"]}
            why = document["message"]
        except (ValueError, KeyError, AttributeError, TypeError):
            pass  # what answered so is not our API; its own words tell most
        raise ImportRefusedError(url=answer.url, status=answer.status_code, why=why)
