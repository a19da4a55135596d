"""`trueup migrate`: once, repeatable, and it names what does not fit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from structlog.testing import capture_logs

from events.topics import (
    BILL_LINES,
    CATALOG,
    CHECKPOINTS,
    EVENTS,
    RECORD_BYTES_LEAST,
    TOPICS,
    USAGE,
    USAGE_REJECTED,
    Topic,
)
from projections.readmodels.registry import VERSION
from services.breaks import TopicMissingError
from services.kafka import Cluster, new_admin
from services.migrate.migrate import migrate
from services.migrate.topic_settings import (
    ExistingTopic,
    TopicMismatchError,
    TopicRefusedError,
    UnknownLogError,
    check_settings,
    config_of,
    note_few_replicas,
)
from services.migrate.topics import BY_WRITERS, make_topics
from services.postgres import open_postgres
from services.readside.live import Live, read_live
from services.run.settings import load_settings
from services.run.stack import Stack
from services.store.generations import load_generations
from tests.store.kit import Store

pytestmark = pytest.mark.stack
LIMIT = load_settings().max_record_bytes
BY_NAME = {topic.name: topic for topic in TOPICS}


async def settings_of(cluster: Cluster, topic: str) -> dict[str, Any]:
    """A topic's settings as the broker holds them."""
    admin = new_admin(cluster)
    await admin.start()
    try:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        [resource] = answer.resources
    finally:
        await admin.close()
    *_, settings = resource
    return {name: value for name, value, *_ in settings}


async def test_migrating_again_changes_nothing(store: Store, stack: Stack) -> None:
    again = await asyncio.gather(*(migrate(load_settings(), stack.endpoints) for _ in range(2)))
    assert again == [store.generations] * 2


@pytest_asyncio.fixture(loop_scope="session")
async def own_stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """One that holds nothing of other tests, whose log no replay need understand."""
    running = Stack(load_settings(home=tmp_path))
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


async def test_read_models_of_another_version_stay_and_are_told_in_one_line(own_stack: Stack) -> None:
    settings, endpoints, told = load_settings(), own_stack.endpoints, list[str]()
    await migrate(settings, endpoints, tell=told.append)
    assert not told
    async with open_postgres(endpoints.database_url, most=2) as postgres, postgres.connection() as connection:
        await connection.execute("COMMENT ON SCHEMA rm_1 IS 'another'; UPDATE store.live_schema SET wanted = 'another'")
        assert await read_live(connection) == Live("rm_1", "another", "another")
        for _ in range(2):
            await migrate(settings, endpoints, tell=told.append)
            assert await read_live(connection) == Live("rm_1", "another", VERSION)
    assert told[0] == told[1] and told[0].startswith("read models rm_1 are of another version: ") and len(told) == 2


async def test_the_recorded_partition_count_holds_whatever_is_asked_for(store: Store, stack: Stack) -> None:
    settings = load_settings(partitions=store.generations.partitions + 1)
    assert await migrate(settings, stack.endpoints) == store.generations


async def test_a_strange_topic_of_another_partition_count_is_named(store: Store) -> None:
    wanted = store.generations.partitions + 1
    with pytest.raises(TopicMismatchError, match=rf"topic {USAGE}: the partition count .* must be {wanted}"):
        await make_topics(store.endpoints.kafka, wanted, LIMIT, {})


async def test_another_retention_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOPICS[0].config, "retention.ms", "1")
    with pytest.raises(TopicMismatchError, match=r"topic usage: retention.ms is \d+ but must be 1"):
        await make_topics(store.endpoints.kafka, store.generations.partitions, LIMIT, {})


async def test_a_log_that_the_database_does_not_know_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def records(*_: object) -> bool:
        return True

    monkeypatch.setattr("services.migrate.topics._has_records", records)
    with pytest.raises(UnknownLogError, match="knows nothing of"):
        await make_topics(store.endpoints.kafka, store.generations.partitions, LIMIT, {})


async def test_a_lost_log_is_never_made_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> dict[str, int]:
        return {}

    async def made(*_: object) -> None:
        return None

    monkeypatch.setattr("services.migrate.topics._there", nothing)
    monkeypatch.setattr("services.migrate.topics._make", made)
    with pytest.raises(TopicMissingError, match=f"topic {EVENTS} does not exist"):
        await make_topics(store.endpoints.kafka, store.generations.partitions, LIMIT, {EVENTS: 8})


@pytest.mark.parametrize("topic", sorted(BY_NAME))
async def test_a_topic_takes_records_of_the_setting_and_stands_on_the_brokers_there_are(
    store: Store, topic: str
) -> None:
    topic_settings = await settings_of(store.endpoints.kafka, topic)
    assert (topic_settings["max.message.bytes"], topic_settings["min.insync.replicas"]) == (str(LIMIT), "1")
    assert {name: topic_settings[name] for name in BY_NAME[topic].config} == BY_NAME[topic].config


async def test_a_topic_that_takes_smaller_records_is_named_with_what_to_do(store: Store) -> None:
    with pytest.raises(TopicMismatchError) as raised:
        await make_topics(store.endpoints.kafka, store.generations.partitions, LIMIT + 1, {})
    assert str(raised.value) == (
        f"topic usage: max.message.bytes is {LIMIT} but must be at least {LIMIT + 1}: kafka-configs.sh"
        f" --bootstrap-server {store.endpoints.kafka} --alter --entity-type topics --entity-name usage"
        f" --add-config max.message.bytes={LIMIT + 1}, or lower TRUEUP_MAX_RECORD_BYTES"
    )


async def test_topics_that_take_larger_records_are_kept_and_the_setting_holds(store: Store, stack: Stack) -> None:
    try:
        lowered = await migrate(load_settings(max_record_bytes=RECORD_BYTES_LEAST), stack.endpoints)
        assert lowered.record_bytes == RECORD_BYTES_LEAST
        topic_settings = await settings_of(store.endpoints.kafka, EVENTS)
        assert topic_settings["max.message.bytes"] == str(LIMIT)
    finally:
        await migrate(load_settings(), stack.endpoints)
    async with store.postgres.connection() as connection:
        assert await load_generations(connection) == store.generations


async def test_a_topic_that_the_cluster_refuses_is_named_with_the_setting(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"refused-{uuid4().hex}"
    monkeypatch.setattr("services.migrate.topics.TOPICS", (Topic(name, 1, {}),))
    with pytest.raises(
        TopicRefusedError, match=rf"topic {name} was refused by Kafka: .* -2 .*lower TRUEUP_MAX_RECORD_BYTES"
    ):
        await make_topics(store.endpoints.kafka, 1, -2, {})


async def test_a_cluster_that_lets_nobody_set_how_many_brokers_hold_a_record_has_its_own_way(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, cluster = f"managed-{uuid4().hex}", store.endpoints.kafka
    monkeypatch.setattr("services.migrate.topics.TOPICS", (Topic(name, 1, {"retention.ms": "-1"}),))

    def refused(topic: Topic, replicas: int, record_bytes: int) -> dict[str, str]:
        return config_of(topic, replicas, record_bytes) | {"min.insync.replicas": "0"}

    monkeypatch.setattr("services.migrate.topics.config_of", refused)
    with capture_logs() as lines:
        assert await make_topics(cluster, 1, LIMIT, {}) == ({name: 1}, {name})
    [line] = [line for line in lines if line["event"] == "min_in_sync_refused"]
    assert line["topic"] == name and "min.insync.replicas" in line["cause"]
    async with asyncio.timeout(10):
        while (topic_settings := await settings_of(cluster, name)).get("retention.ms") != "-1":
            await asyncio.sleep(0.1)
    assert (topic_settings["max.message.bytes"], topic_settings["min.insync.replicas"]) == (str(LIMIT), "1")
    await make_topics(cluster, 1, LIMIT, {name: 1})


async def test_a_topic_that_came_back_by_itself_and_takes_no_settings_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, cluster = f"returned-{uuid4().hex}", store.endpoints.kafka
    monkeypatch.setattr("services.migrate.topics.TOPICS", (Topic(name, 1, {}),))
    await make_topics(cluster, 1, LIMIT, {})
    with pytest.raises(TopicRefusedError, match=rf"topic {name} was refused by Kafka: .*max.message.bytes"):
        await make_topics(cluster, 1, -2, {name: 1}, name)


@pytest.mark.parametrize(("replicas", "brokers", "told"), [(1, 1, 0), (1, 2, 1), (2, 3, 1), (3, 3, 0), (3, 6, 0)])
def test_a_topic_that_stands_on_fewer_brokers_than_it_could_is_told(replicas: int, brokers: int, told: int) -> None:
    with capture_logs() as lines:
        note_few_replicas(Cluster("here:1"), BY_NAME[EVENTS], ExistingTopic(8, replicas), brokers)
        note_few_replicas(Cluster("here:1"), BY_NAME[BILL_LINES], ExistingTopic(8, replicas), brokers)
    assert [line["event"] for line in lines] == ["few_replicas"] * told


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_what_is_acknowledged_stands_on_two_brokers_where_there_are_three(replicas: int, in_sync: str) -> None:
    config = config_of(BY_NAME[EVENTS], replicas, LIMIT)
    assert config["min.insync.replicas"] == in_sync
    check_settings(Cluster("here:1"), BY_NAME[EVENTS], ExistingTopic(8, replicas), config, LIMIT)


@pytest.mark.parametrize("topic", [EVENTS, CATALOG, USAGE])
def test_a_topic_whose_records_may_be_lost_with_one_broker_is_named_with_what_to_do(topic: str) -> None:
    config = config_of(BY_NAME[topic], 3, LIMIT)
    check_settings(Cluster("here:1"), BY_NAME[topic], ExistingTopic(8, 3), config | {"min.insync.replicas": "3"}, LIMIT)
    with pytest.raises(TopicMismatchError) as raised:
        check_settings(
            Cluster("here:1"), BY_NAME[topic], ExistingTopic(8, 3), config | {"min.insync.replicas": "1"}, LIMIT
        )
    assert str(raised.value) == (
        f"topic {topic}: min.insync.replicas is 1 but must be at least 2 where there are 3 replicas, or what is"
        " acknowledged may be lost with one broker: kafka-configs.sh"
        f" --bootstrap-server here:1 --alter --entity-type topics --entity-name {topic}"
        " --add-config min.insync.replicas=2"
    )


def test_a_topic_that_a_restore_has_left_in_the_middle_is_named_as_one() -> None:
    config = config_of(BY_NAME[USAGE], 1, LIMIT) | BY_WRITERS
    with pytest.raises(TopicMismatchError, match=r"type is CreateTime .*`trueup restore` that was interrupted.*again"):
        check_settings(Cluster("here:1"), BY_NAME[USAGE], ExistingTopic(8, 1), config, LIMIT)


@pytest.mark.parametrize("topic", [BILL_LINES, USAGE_REJECTED, CHECKPOINTS])
def test_a_topic_that_can_be_written_again_may_stand_as_it_does(topic: str) -> None:
    config = config_of(BY_NAME[topic], 3, LIMIT) | {"min.insync.replicas": "1"}
    check_settings(Cluster("here:1"), BY_NAME[topic], ExistingTopic(8, 3), config, LIMIT)
