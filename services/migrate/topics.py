"""Makes the topics with explicit settings and checks those that are there: no auto-creation, no silent change."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from events.topics import CATALOG, EVENTS, TOPICS, USAGE, USAGE_REJECTED, Topic
from services.continuity.breaks import TopicMissingError
from services.failures import ExpectedFailure
from services.kafka import KafkaUnreachableError, LogReader

#: The log of record: what it holds is this database's, or the database is another one's.
LOG = (EVENTS, CATALOG)
#: What is acknowledged here stands nowhere else, so it must stand on two brokers before it is, where there are three.
KEPT = (*LOG, USAGE)
REPLICAS_MAX, IN_SYNC = 3, 2
LIMIT, MIN_IN_SYNC = "max.message.bytes", "min.insync.replicas"
log = structlog.get_logger(__name__)


class TopicMismatchError(ExpectedFailure):
    """topic {name}: {what} is {found} but must be {wanted}"""

    def __init__(self, name: str, what: str, found: object, wanted: object) -> None:
        super().__init__(f"topic {name}: {what} is {found} but must be {wanted}")


class TopicRefusedError(ExpectedFailure):
    """topic {name} was refused: {cause}; it was to take records of TRUEUP_MAX_RECORD_BYTES"""

    def __init__(self, name: str, cause: object, record_bytes: int) -> None:
        super().__init__(
            f"topic {name} was refused: {cause}; it was to take records of {record_bytes} bytes: if the cluster does"
            " not allow as much, lower TRUEUP_MAX_RECORD_BYTES"
        )


class TopicNotMadeError(ExpectedFailure):
    """topic {name} could not be made: {cause}"""

    def __init__(self, name: str, cause: object) -> None:
        super().__init__(f"topic {name} could not be made: {cause}")


class UnknownLogError(ExpectedFailure):
    """topic {name} holds records that this database knows nothing of."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"topic {name} holds records that this database knows nothing of; restore Postgres, or run"
            " `trueup rebuild-store` to fill this database from the log, or give another Kafka"
        )


class Found(NamedTuple):
    """A topic that is there: how many partitions it has, and how many replicas each has at least."""

    partitions: int
    replicas: int


async def make_topics(
    bootstrap: str, partitions: int, record_bytes: int, known: Mapping[str, int], remake: str | None = None
) -> tuple[dict[str, int], set[str]]:
    """All topics of TOPICS, made or checked; `record_bytes` is what each takes at least.

    `known` are the counts of those that this database has recorded as made: they hold for life, whatever `partitions`
    says, and also if somebody has added some. One that is known and gone is made anew if it is `remake`, or holds only
    refused usage.

    Returns: partition count by name, and the names of those that were made or are new to this database.
    Raises: TopicMismatchError, TopicMissingError, UnknownLogError, TopicNotMadeError, TopicRefusedError,
    KafkaUnreachableError.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=30_000)
    try:
        await admin.start()
    except KafkaConnectionError as error:
        await admin.close()
        raise KafkaUnreachableError(bootstrap, error) from error
    try:
        counts, fresh = {}, set()
        there = await _there(admin)
        for topic in TOPICS:
            name, is_known = topic.name, topic.name in known
            counts[name] = wanted = known.get(name) or topic.partitions or partitions
            if name not in there:
                if is_known and name not in (remake, USAGE_REJECTED):
                    raise TopicMissingError(name)
                await _make(admin, topic, wanted, record_bytes)
                fresh.add(name)
                continue
            if is_known and name == remake:
                there[name] = await _set_up(admin, topic, there[name], wanted, record_bytes)
            _check_partitions(topic, there[name], wanted, is_known=is_known)
            check_settings(bootstrap, topic, there[name], await _settings(admin, name), record_bytes)
            if not is_known:
                fresh.add(name)
                if name in LOG and await _has_records(bootstrap, name, wanted):
                    raise UnknownLogError(name)
        return counts, fresh
    finally:
        await admin.close()


def config_of(topic: Topic, replicas: int, record_bytes: int) -> dict[str, str]:
    """What the topic is made with, and no more: a managed cluster refuses what it lets nobody set."""
    in_sync = IN_SYNC if replicas >= REPLICAS_MAX else 1
    return {**topic.config, LIMIT: str(record_bytes), MIN_IN_SYNC: str(in_sync)}


async def _set_up(admin: AIOKafkaAdminClient, topic: Topic, found: Found, wanted: int, record_bytes: int) -> Found:
    """Give a topic that came back by itself, as by a broker that makes what it is asked for, what it is to have.

    Returns: what it is then. Raises: TopicNotMadeError.
    """
    config = config_of(topic, found.replicas, record_bytes)
    try:
        if found.partitions < wanted:
            await admin.create_partitions({topic.name: NewPartitions(wanted)}, timeout_ms=30_000)
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, config)])
    except KafkaError as error:
        raise TopicNotMadeError(topic.name, error) from error
    return found._replace(partitions=max(found.partitions, wanted))


async def _there(admin: AIOKafkaAdminClient) -> dict[str, Found]:
    names = [topic.name for topic in TOPICS]
    existing = sorted(set(await admin.list_topics()) & set(names))
    if not existing:
        return {}
    return {
        found["topic"]: Found(len(found["partitions"]), min(len(one["replicas"]) for one in found["partitions"]))
        for found in await admin.describe_topics(existing)
    }


async def _make(admin: AIOKafkaAdminClient, topic: Topic, partitions: int, record_bytes: int) -> None:
    replicas = min(len((await admin.describe_cluster())["brokers"]), REPLICAS_MAX)
    new = NewTopic(topic.name, partitions, replicas, topic_configs=config_of(topic, replicas, record_bytes))
    try:
        answer = await admin.create_topics([new], timeout_ms=30_000)
    except TopicAlreadyExistsError:
        return
    except KafkaError as error:
        raise TopicNotMadeError(topic.name, error) from error
    for name, code, *message in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise TopicRefusedError(name, (message and message[0]) or for_code(code).__name__, record_bytes)


def _check_partitions(topic: Topic, found: Found, wanted: int, *, is_known: bool) -> None:
    if found.partitions > wanted and is_known:
        log.warning("partitions_added", topic=topic.name, partitions=found.partitions, made_with=wanted)
    elif found.partitions != wanted:
        raise TopicMismatchError(topic.name, "the partition count (TRUEUP_PARTITIONS)", found.partitions, wanted)


async def _settings(admin: AIOKafkaAdminClient, name: str) -> dict[str, Any]:
    """The topic's settings as they hold, set or not."""
    found: dict[str, Any] = {}
    for answer in await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)]):
        for resource in answer.resources:
            found |= {entry[0]: entry[1] for entry in resource[4]}
    return found


def check_settings(bootstrap: str, topic: Topic, found: Found, settings: Mapping[str, Any], record_bytes: int) -> None:
    """What must not differ: where records lie, how long they stay, which clock stamps them; and what must suffice: how
    large they may be, and on how many brokers they stand. Raises: TopicMismatchError.
    """
    for name, wanted in topic.config.items():
        if settings.get(name) != wanted:
            raise TopicMismatchError(topic.name, name, settings.get(name), wanted)
    if int(settings.get(LIMIT) or 0) < record_bytes:
        how = f"{_how_to_set(bootstrap, topic, LIMIT, record_bytes)}, or lower TRUEUP_MAX_RECORD_BYTES"
        raise TopicMismatchError(topic.name, LIMIT, settings.get(LIMIT), f"at least {record_bytes}: {how}")
    if topic.name in KEPT and found.replicas >= REPLICAS_MAX and int(settings.get(MIN_IN_SYNC) or 0) < IN_SYNC:
        how = _how_to_set(bootstrap, topic, MIN_IN_SYNC, IN_SYNC)
        why = f"at least {IN_SYNC} where there are {found.replicas} replicas: {how}"
        raise TopicMismatchError(topic.name, MIN_IN_SYNC, settings.get(MIN_IN_SYNC), why)


def _how_to_set(bootstrap: str, topic: Topic, setting: str, value: int) -> str:
    return (
        f"kafka-configs.sh --bootstrap-server {bootstrap} --alter --entity-type topics --entity-name {topic.name}"
        f" --add-config {setting}={value}"
    )


async def _has_records(bootstrap: str, topic: str, partitions: int) -> bool:
    async with LogReader(bootstrap) as reader:
        ends = await reader.end_offsets(topic, range(partitions))
    return any(ends.values())
