"""How far the log goes is remembered: a relay that begins looks only behind that for what the one before it wrote."""

import time
from typing import Any

import pytest

from events.codec import encode
from events.envelope import seal
from events.facts.usage import UsageRead
from events.sources import read_source
from events.topics import EVENTS
from services.continuity.memory import Known, written
from services.kafka import BatchWriter, LogReader, Record
from services.postgres import connected
from tests.relay.driving import (
    caught_up_head,
    check_nothing_lost_or_doubled,
    commands,
    log_of,
    relay,
    relayed_all,
    until,
)
from tests.store.kit import NOW, Store

pytestmark = pytest.mark.stack


async def test_what_others_write_is_not_read_again_by_the_next_relay(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = await caught_up_head(store)
    monkeypatch.setattr("services.relay.cli.REACH_SECONDS", 0.0)
    read_up = UsageRead(next_offset=1, rated=0, duplicate=0, rejected=0, rerouted=0)
    source = read_source(store.generations.usage, 0)
    usage = [Record(None, encode(seal(read_up, source=source, sequence=1, organization="", time=NOW)))] * 2_000
    place = EVENTS, 0

    async def known() -> Known:
        async with connected(store.endpoints.database_url) as connection:
            return {(reached.topic, reached.partition): reached for reached in await written(connection)}[place]

    began = time.time()
    async with log_of(store) as log:
        # Its clock stands, or a quarter hour that begins meanwhile would be written behind the usage, too.
        async with relay(store, wall_seconds=lambda: began), BatchWriter(store.endpoints.kafka) as writer:
            await commands(store, 2)
            await until(lambda: relayed_all(store))
            [appended] = await writer.append(*place, usage)

            async def is_reached() -> bool:
                # No command meanwhile: a record of its own behind the usage would move the mark as well.
                return (await known()).next_offset >= appended.base + len(usage)

            await until(is_reached)
        before = await known()
        assert before.mark is not None and before.mark.offset < appended.base, "it wrote nothing behind the usage"
        read = list[tuple[str, int, int]]()
        really = LogReader.read

        def seen(self: LogReader, topic: str, partition: int, start: int, end: int, **options: Any) -> Any:
            read.append((topic, partition, start))
            return really(self, topic, partition, start, end, **options)

        monkeypatch.setattr(LogReader, "read", seen)
        async with relay(store):
            await commands(store, 2)
            await until(lambda: relayed_all(store))
        starts = [start for topic, partition, start in read if (topic, partition) == place]
        # The record at the mark is compared; the tail begins behind what somebody else wrote.
        assert starts and set(starts) <= {before.mark.offset, before.next_offset}
        monkeypatch.undo()
        await check_nothing_lost_or_doubled(store, log, after)
