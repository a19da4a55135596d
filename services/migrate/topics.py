"""Makes the topics with explicit settings and checks those that are there: no auto-creation, no silent change."""

from collections.abc import Mapping
from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from events.topics import CATALOG, EVENTS, TOPICS, USAGE_REJECTED, Topic
from services.continuity.breaks import TopicMissingError
from services.failures import ExpectedFailure
from services.kafka import KafkaUnreachableError, LogReader

#: What must not differ: where records lie, how long they stay, which clock stamps them, how large they may be.
CHECKED = ("retention.ms", "retention.bytes", "cleanup.policy", "message.timestamp.type", "max.message.bytes")
#: The log of record: what it holds is this database's, or the database is another one's.
LOG = (EVENTS, CATALOG)
REPLICAS_MAX = 3
log = structlog.get_logger(__name__)


class TopicMismatchError(ExpectedFailure):
    """topic {name}: {what} is {found} but must be {wanted}"""

    def __init__(self, name: str, what: str, found: object, wanted: object) -> None:
        super().__init__(f"topic {name}: {what} is {found} but must be {wanted}")


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


async def make_topics(
    bootstrap: str, partitions: int, known: Mapping[str, int], remake: str | None = None
) -> tuple[dict[str, int], set[str]]:
    """All topics of TOPICS, made or checked.

    `known` are the counts of those that this database has recorded as made: they hold for life, whatever `partitions`
    says, and also if somebody has added some. One that is known and gone is made anew if it is `remake`, or holds only
    refused usage.

    Returns: partition count by name, and the names of those that were made or are new to this database.
    Raises: TopicMismatchError, TopicMissingError, UnknownLogError, TopicNotMadeError, KafkaUnreachableError.
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
                await _make(admin, topic, wanted)
                fresh.add(name)
                continue
            if is_known and name == remake:
                there[name] = await _set_up(admin, topic, there[name], wanted)
            await _check(admin, topic, there[name], wanted, is_known=is_known)
            if not is_known:
                fresh.add(name)
                if name in LOG and await _has_records(bootstrap, name, wanted):
                    raise UnknownLogError(name)
        return counts, fresh
    finally:
        await admin.close()


async def _set_up(admin: AIOKafkaAdminClient, topic: Topic, found: int, wanted: int) -> int:
    """Give a topic that came back by itself, as by a broker that makes what it is asked for, what it is to have.

    Returns: its partition count then. Raises: TopicNotMadeError.
    """
    resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, topic.config)
    try:
        if found < wanted:
            await admin.create_partitions({topic.name: NewPartitions(wanted)}, timeout_ms=30_000)
        await admin.alter_configs([resource])
    except KafkaError as error:
        raise TopicNotMadeError(topic.name, error) from error
    return max(found, wanted)


async def _there(admin: AIOKafkaAdminClient) -> dict[str, int]:
    names = [topic.name for topic in TOPICS]
    existing = sorted(set(await admin.list_topics()) & set(names))
    if not existing:
        return {}
    return {found["topic"]: len(found["partitions"]) for found in await admin.describe_topics(existing)}


async def _make(admin: AIOKafkaAdminClient, topic: Topic, partitions: int) -> None:
    brokers = len((await admin.describe_cluster())["brokers"])
    new = NewTopic(topic.name, partitions, min(brokers, REPLICAS_MAX), topic_configs=topic.config)
    try:
        answer = await admin.create_topics([new], timeout_ms=30_000)
    except TopicAlreadyExistsError:
        return
    except KafkaError as error:
        raise TopicNotMadeError(topic.name, error) from error
    for name, code, *message in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise TopicNotMadeError(name, (message and message[0]) or for_code(code).__name__)


async def _check(admin: AIOKafkaAdminClient, topic: Topic, found: int, wanted: int, *, is_known: bool) -> None:
    if found > wanted and is_known:
        log.warning("partitions_added", topic=topic.name, partitions=found, made_with=wanted)
    elif found != wanted:
        raise TopicMismatchError(topic.name, "the partition count (TRUEUP_PARTITIONS)", found, wanted)
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name)])
    settings: dict[str, Any] = {}
    for answer in answers:
        for resource in answer.resources:
            settings |= {entry[0]: entry[1] for entry in resource[4]}
    for name in CHECKED:
        if settings.get(name) != topic.config[name]:
            raise TopicMismatchError(topic.name, name, settings.get(name), topic.config[name])


async def _has_records(bootstrap: str, topic: str, partitions: int) -> bool:
    async with LogReader(bootstrap) as reader:
        ends = await reader.end_offsets(topic, range(partitions))
    return any(ends.values())
