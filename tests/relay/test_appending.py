"""A relay appends to the partitions of a group side by side, and to the catalog once all of them have acknowledged."""

import asyncio
import time
from typing import Any

import pytest
import structlog

from events.topics import CATALOG, EVENTS
from services.kafka import BatchWriter, Cluster, KafkaUnreachableError
from services.relay.relay import QUARTER_S
from tests.relay.driving import Place, relay, until
from tests.store.kit import Store

pytestmark = pytest.mark.stack


async def test_a_relay_gives_up_only_once_every_append_has_ended_and_the_catalog_comes_last(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, failing, begun, ended = BatchWriter.append, True, list[Place](), list[Place]()

    async def append(self: BatchWriter, topic: str, partition: int, records: Any) -> Any:
        begun.append((topic, partition))
        if failing and partition == 0 and topic == EVENTS:
            raise KafkaUnreachableError(Cluster("kafka"), "lost before it was sent")
        await asyncio.sleep(0.2)
        done = await really(self, topic, partition, records)
        ended.append((topic, partition))
        return done

    async def is_told_to_the_catalog() -> bool:
        return (CATALOG, 0) in ended

    async def is_begun_anew() -> bool:
        return any(line["event"] == "relay_begins_anew" for line in lines)

    monkeypatch.setattr(BatchWriter, "append", append)
    next_quarter = time.time() - 1_000 * QUARTER_S  # a tick goes to every partition
    with structlog.testing.capture_logs() as lines:
        async with relay(store, wall_seconds=lambda: next_quarter):
            await until(is_begun_anew)
            others = [(EVENTS, partition) for partition in range(1, store.generations.partitions)]
            assert sorted(ended) == others and sorted(begun) == [(EVENTS, 0), *others]
            failing = False
            await until(is_told_to_the_catalog)
    assert {place for place in ended[: ended.index((CATALOG, 0))]} == {(EVENTS, 0), *others}
