"""`trueup migrate`: once, repeatable, and it names what does not fit."""

import asyncio

import pytest

from events.topics import EVENTS, TOPICS, USAGE
from services.kafka import LogReader
from services.settings import load_settings
from services.stack import Stack
from services.store.continuity import LogWentBackError, StoreWentBackError, check_continuity, check_offsets
from services.store.migrate import migrate
from services.store.topics import LogGoneError, TopicMismatchError, UnknownLogError, make_topics
from tests.store.kit import Store

pytestmark = pytest.mark.stack


async def test_migrating_again_changes_nothing(store: Store, stack: Stack) -> None:
    again = await asyncio.gather(*(migrate(load_settings(), stack.endpoints) for _ in range(2)))
    assert set(again) == {store.generations}


async def test_another_partition_count_is_named(store: Store, stack: Stack) -> None:
    wanted = store.generations.partitions + 1
    with pytest.raises(TopicMismatchError, match=rf"topic {USAGE}: the partition count .* must be {wanted}"):
        await migrate(load_settings(partitions=wanted), stack.endpoints)


async def test_another_retention_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOPICS[0].config, "retention.ms", "1")
    with pytest.raises(TopicMismatchError, match=r"topic usage: retention.ms is \d+ but must be 1"):
        await make_topics(store.endpoints.kafka_bootstrap, store.generations.partitions, {})


async def test_a_log_that_the_database_does_not_know_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def records(*_: object) -> bool:
        return True

    monkeypatch.setattr("services.store.topics._has_records", records)
    with pytest.raises(UnknownLogError, match="knows nothing of"):
        await make_topics(store.endpoints.kafka_bootstrap, store.generations.partitions, {})


async def test_a_lost_log_is_never_made_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_: object) -> dict[str, int]:
        return {}

    async def made(*_: object) -> None:
        return None

    monkeypatch.setattr("services.store.topics._there", nothing)
    monkeypatch.setattr("services.store.topics._make", made)
    with pytest.raises(LogGoneError, match=f"topic {EVENTS}, the log of record, is gone"):
        await make_topics(store.endpoints.kafka_bootstrap, store.generations.partitions, {EVENTS: 8})


async def test_an_end_offset_that_went_back_stops_the_start(store: Store) -> None:
    async with LogReader(store.endpoints.kafka_bootstrap) as reader:
        await check_offsets(reader, {(EVENTS, 0): 0})
        with pytest.raises(LogWentBackError, match=rf"{EVENTS}/0 ends at offset \d+, but 1000000000000 was seen"):
            await check_offsets(reader, {(EVENTS, 0): 10**12})


async def test_a_store_behind_its_own_log_stops_the_start(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ahead(*_: object) -> dict[str, int]:
        return {f"commands/{store.generations.commands}": 10**12}

    monkeypatch.setattr("services.store.continuity.last_sequences", ahead)
    async with store.postgres.connection() as connection, LogReader(store.endpoints.kafka_bootstrap) as reader:
        with pytest.raises(StoreWentBackError, match=r"holds event 1000000000000 of the event store, whose newest is"):
            await check_continuity(connection, reader, store.generations)
