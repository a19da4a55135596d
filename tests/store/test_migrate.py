"""`trueup migrate`: once, repeatable, and it names what does not fit."""

import asyncio

import pytest

from events.topics import EVENTS, TOPICS, USAGE
from services.continuity.breaks import TopicMissingError
from services.live import live_schema, use_schema
from services.migrate.migrate import migrate
from services.migrate.topics import TopicMismatchError, UnknownLogError, make_topics
from services.settings import load_settings
from services.stack import Stack
from tests.store.kit import Store

pytestmark = pytest.mark.stack


async def test_migrating_again_changes_nothing(store: Store, stack: Stack) -> None:
    again = await asyncio.gather(*(migrate(load_settings(), stack.endpoints) for _ in range(2)))
    assert again == [store.generations] * 2


async def test_read_models_of_another_version_are_replayed(store: Store, stack: Stack) -> None:
    async with store.postgres.transaction() as connection:
        live = await live_schema(connection)
        await connection.execute(f'ALTER TABLE "{live}".positions DROP COLUMN mark')
        await connection.execute(f"COMMENT ON SCHEMA \"{live}\" IS 'another'")
    await migrate(load_settings(), stack.endpoints)
    async with store.postgres.transaction() as connection:
        replaced = await live_schema(connection)
        assert replaced != live
        await use_schema(connection, replaced)
        await connection.fetch("SELECT mark FROM positions")
    await migrate(load_settings(), stack.endpoints)
    async with store.postgres.connection() as connection:
        assert await live_schema(connection) == replaced


async def test_the_recorded_partition_count_holds_whatever_is_asked_for(store: Store, stack: Stack) -> None:
    asked = load_settings(partitions=store.generations.partitions + 1)
    assert await migrate(asked, stack.endpoints) == store.generations


async def test_a_strange_topic_of_another_partition_count_is_named(store: Store) -> None:
    wanted = store.generations.partitions + 1
    with pytest.raises(TopicMismatchError, match=rf"topic {USAGE}: the partition count .* must be {wanted}"):
        await make_topics(store.endpoints.kafka_bootstrap, wanted, {})


async def test_another_retention_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOPICS[0].config, "retention.ms", "1")
    with pytest.raises(TopicMismatchError, match=r"topic usage: retention.ms is \d+ but must be 1"):
        await make_topics(store.endpoints.kafka_bootstrap, store.generations.partitions, {})


async def test_a_log_that_the_database_does_not_know_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def records(*_: object) -> bool:
        return True

    monkeypatch.setattr("services.migrate.topics._has_records", records)
    with pytest.raises(UnknownLogError, match="knows nothing of"):
        await make_topics(store.endpoints.kafka_bootstrap, store.generations.partitions, {})


async def test_a_lost_log_is_never_made_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_: object) -> dict[str, int]:
        return {}

    async def made(*_: object) -> None:
        return None

    monkeypatch.setattr("services.migrate.topics._there", nothing)
    monkeypatch.setattr("services.migrate.topics._make", made)
    with pytest.raises(TopicMissingError, match=f"topic {EVENTS} does not exist"):
        await make_topics(store.endpoints.kafka_bootstrap, store.generations.partitions, {EVENTS: 8})
