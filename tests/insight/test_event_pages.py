"""Events behind a line, a page at a time, from a log in memory: each once, and nothing before the page is read."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from events.codec import decode
from events.sources import Origins
from events.topics import CATALOG, EVENTS
from projections.explain import UsageRef
from projections.resources import Resources
from services.explain.usage_events import read_events
from services.kafka import LogReader
from services.readside.past import PastFamily
from tests.projector.log import Log

DAY = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass
class Stored:
    """A partition of the log; it notes from where on it was read."""

    values: list[bytes]
    starts: list[int] = field(default_factory=list)

    async def read(
        self, topic: str, partition: int, start: int, end: int, *, max_records: int
    ) -> AsyncIterator[list[Any]]:
        self.starts.append(start)
        for first in range(start, end, 3):
            places = range(first, min(first + 3, end))
            yield [SimpleNamespace(offset=at, value=self.values[at], headers=()) for at in places]


def stored() -> tuple[Stored, PastFamily, list[UsageRef]]:
    """Usage of two accounts by turns; the third record of `acme`, and its last one, were appended once more later."""
    log = Log("o", 1)
    log.catalog()
    for hour in range(8):
        for account in ("acme", "other"):
            log.usage(account, "m", DAY + timedelta(hours=hour), tokens=hour)
    values = log.pending[EVENTS, 0]
    values.insert(9, values[4])
    values.append(values[-2])
    resources = Resources("o")
    for value in log.pending[CATALOG, 0]:
        resources.evolve(decode(value))
    ref = UsageRef(log.id("acme"), log.id("tokens"), "", (date(2026, 1, 5),))
    offsets = {(*ref[:3], day): (0, len(values) - 1) for day in ref.days}
    past = SimpleNamespace(
        organization="o", positions=SimpleNamespace(partition=0), origins=Origins(frozenset({"first"})),
        resources=resources, state=SimpleNamespace(offsets=offsets, timezone="UTC", corrections={}),
    )  # fmt: skip
    return Stored(values), cast(PastFamily, past), [ref]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
async def test_pages_have_every_event_once_in_the_order_of_the_log(size: int) -> None:
    reader, past, refs = stored()
    seen: list[Any] = []
    after: int | None = None
    while page := await read_events(cast(LogReader, reader), past, refs, size, after):
        seen += page
        after = page[-1]["offset"]
    assert [event["adds"][0]["quantity"] for event in seen] == list(range(8))
    assert [event["offset"] for event in seen] == [0, 2, 4, 6, 8, 11, 13, 15]
    following = [event["offset"] for event in seen[size - 1 :: size]]
    assert reader.starts == [0, *following, *([15] if len(seen) % size else [])], "each page begins where one ended"
