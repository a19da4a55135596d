"""Gathers rows into requests and sends each until it is answered. Rows that the API refuses are reported."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import httpx
import msgspec

from services.access.client import PASSING, Patience
from services.api.measurement import ITEMS_MAX, PAYLOAD_BYTES
from services.failures import ExpectedFailure, Worded

#: Most bytes of the items of a request: those of a body, less what stands around the items.
_BYTES_MAX = PAYLOAD_BYTES - 100
#: Temporary failures are retried for 300 s, lost answers, too: every row has a uid, so what is sent twice counts once.
PATIENCE = Patience(300.0, PASSING, lost=True)
_encode = msgspec.json.Encoder(decimal_format="number").encode


class ImportStoppedError(Worded, ExpectedFailure):
    """{url} did not take usage for {seconds:.0f} s: {why}; begin again, and it goes on after line {line}"""


class ImportRefusedError(Worded, ExpectedFailure):
    """{url} answered {status}: {why}"""


class MeasurementsRequest(NamedTuple):
    """Measurements in JSON, and the line of each. `reached`: once they are answered, all rows up to this line are."""

    items: list[bytes]
    lines: list[int]
    reached: int


class Wrong(NamedTuple):
    """A line that is no valid usage, and why."""

    line: int
    message: str


def requests_of(rows: Iterable[tuple[int, dict[str, Any] | Wrong]]) -> Iterator[MeasurementsRequest | Wrong]:
    """The rows in requests as large as the API takes, and the rows that cannot be sent. The last request may be empty.

    `rows`: with their lines, in order.
    """
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
    """Posts requests of measurements, one after the other. `client`: for one organization, with PATIENCE."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def send(self, request: MeasurementsRequest, after: int) -> list[Wrong]:
        """Send a request until it is taken, without the rows that were refused. Returns: the refused rows.

        `after`: all rows up to this line were sent before, for messages. Raises: ImportStoppedError if the API did not
        answer in time; ImportRefusedError if it refused the request for another reason than its rows.
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
        """Post the items. Returns: what is wrong with each refused item, by index; empty if all were taken."""
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
            pass  # not an answer of our API: show its text as it is
        raise ImportRefusedError(url=answer.url, status=answer.status_code, why=why)
