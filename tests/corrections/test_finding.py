"""Which event an id names, where it was used again after the window: the later one, however rows were written."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest

from events.codec import encode
from events.digests import id_digest, id_hash
from events.envelope import seal
from events.facts.usage import UsageRated
from events.sources import Origins
from projections.entities import AccountEntity
from services.corrections import usage_in_log
from services.corrections.usage_in_log import EventNames, find_usage
from services.kafka import FetchedRecord

JANUARY, MARCH = datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)
ACCOUNT = cast(AccountEntity, SimpleNamespace(id="a" * 36, partition=0, timezone="UTC"))
DIGEST = id_digest(id_hash("o", ACCOUNT.id, "/s"), "u").hex()


def used(offset: int, ts: datetime, id: str = "u") -> Any:
    """A record of the log."""
    digest = (DIGEST if id == "u" else "f" * len(DIGEST)) + "0" * (32 - len(DIGEST))
    said = {"usage_id": id, "usage_source": "/s", "meter_id": "m", "ts": ts, "catalog_offset": 0, "digest": digest}
    rated = UsageRated(measure={"n": Decimal(1)}, **said)
    by = {"organization": "o", "account": ACCOUNT.id, "time": ts}
    value = encode(seal(rated, source="usage/g/0", sequence=offset, **by))  # type: ignore[arg-type]
    return SimpleNamespace(offset=offset, value=value, headers=())


LOG = [used(0, JANUARY), used(1, JANUARY, "v"), used(2, MARCH), used(3, MARCH, "w")]


class Log:
    """Stands in for a reader of the log."""

    def __init__(self, *_: Any) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: Any) -> None:
        pass

    async def read(
        self, topic: str, partition: int, start: int, end: int, **_: Any
    ) -> AsyncGenerator[Sequence[FetchedRecord], None]:
        yield LOG[start:end]


@pytest.mark.parametrize(
    ("ranges", "older"),
    [
        pytest.param([(2, 4), (0, 2)], (0, 4), id="a row for each"),
        pytest.param([(0, 4)], (0, 4), id="one row, as a replay writes it"),
        pytest.param([], (0, 4), id="both are older"),
    ],
)
@pytest.mark.parametrize(
    ("ts", "offset"), [(None, 2), (MARCH, 2), (JANUARY, 0), (datetime(2026, 2, 1, tzinfo=UTC), None)]
)
def test_an_id_names_the_later_event_unless_its_time_says_which(
    monkeypatch: pytest.MonkeyPatch, ranges: list[tuple[int, int]], older: tuple[int, int], ts: Any, offset: int | None
) -> None:
    async def found(*_: Any) -> usage_in_log._Ranges:
        return usage_in_log._Ranges(Origins(frozenset({"g"})), ranges, older)

    monkeypatch.setattr(usage_in_log, "_ranges", found)
    monkeypatch.setattr(usage_in_log, "LogReader", Log)
    nothing: Any = None
    usage = asyncio.run(find_usage(nothing, nothing, "o", ACCOUNT, EventNames("acme", "/s", "u", ts)))
    assert (usage and usage.offset) == offset
