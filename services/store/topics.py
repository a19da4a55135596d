"""Makes the topics with explicit settings and checks those that are there: no auto-creation, no silent change."""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from events.topics import CATALOG, EVENTS, TOPICS, Topic
from services.failures import ExpectedFailure
from services.kafka import KafkaUnreachableError, LogReader

#: What must not differ: where records lie, how long they stay, which clock stamps them, how large they may be.
CHECKED = ("retention.ms", "retention.bytes", "cleanup.policy", "message.timestamp.type", "max.message.bytes")
#: The log of record. Lost or unknown, it is never made anew behind anybody's back.
LOG = (EVENTS, CATALOG)
REPLICAS_MAX = 3


class TopicMismatchError(ExpectedFailure):
    """topic {name}: {what} is {found} but must be {wanted}"""

    def __init__(self, name: str, what: str, found: object, wanted: object) -> None:
        super().__init__(f"topic {name}: {what} is {found} but must be {wanted}")


class TopicNotMadeError(ExpectedFailure):
    """topic {name} could not be made: {cause}"""

    def __init__(self, name: str, cause: object) -> None:
        super().__init__(f"topic {name} could not be made: {cause}")


class LogGoneError(ExpectedFailure):
    """topic {name}, the log of record, is gone, but this database has written to it; restore Kafka's data."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"topic {name}, the log of record, is gone, but this database has written to it; restore Kafka's data"
        )


class UnknownLogError(ExpectedFailure):
    """topic {name} holds records that this database knows nothing of; restore Postgres, or give another Kafka."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"topic {name} holds records that this database knows nothing of; restore Postgres, or give another Kafka"
        )


async def make_topics(bootstrap: str, partitions: int, known: dict[str, int]) -> tuple[dict[str, int], set[str]]:
    """All topics of TOPICS, made or checked. `known` are those that this database has recorded as made.

    Returns: partition count by name, and the names of those that are new to this database.
    Raises: TopicMismatchError, LogGoneError, UnknownLogError, TopicNotMadeError, KafkaUnreachableError.
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
            counts[topic.name] = wanted = topic.partitions or partitions
            if topic.name not in there:
                if topic.name in known and topic.name in LOG:
                    raise LogGoneError(topic.name)
                await _make(admin, topic, wanted)
                fresh.add(topic.name)
                continue
            await _check(admin, topic, there[topic.name], wanted)
            if topic.name not in known:
                fresh.add(topic.name)
                if topic.name in LOG and await _has_records(bootstrap, topic.name, wanted):
                    raise UnknownLogError(topic.name)
        return counts, fresh
    finally:
        await admin.close()


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


async def _check(admin: AIOKafkaAdminClient, topic: Topic, found: int, wanted: int) -> None:
    if found != wanted:
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
