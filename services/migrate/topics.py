"""Makes the topics with explicit settings, and checks existing ones without changing their settings silently."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidConfigurationError,
    KafkaConnectionError,
    KafkaError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    for_code,
)

from events.topics import CHECKPOINTS, NOTIFICATIONS, TOPICS, TREE_HEADS, USAGE_REJECTED, Topic
from services.breaks import TopicMissingError
from services.kafka import Cluster, KafkaUnreachableError, LogReader, new_admin
from services.migrate.topic_settings import (
    LIMIT,
    LOG,
    MIN_IN_SYNC,
    REPLICAS_MAX,
    STAMPS,
    ExistingTopic,
    TopicNotMadeError,
    TopicRefusedError,
    UnknownLogError,
    check_partitions,
    check_settings,
    config_of,
    note_few_replicas,
)

SHOWN_SECONDS = 30.0
#: Topics that are made anew if they are missing: nothing else follows from what they held.
MADE_ANEW = (USAGE_REJECTED, NOTIFICATIONS, CHECKPOINTS, TREE_HEADS)
#: Settings of a topic while an archive is restored into it: records keep the time that the writer gives, and stay.
BY_WRITERS = {STAMPS: "CreateTime", "retention.ms": "-1"}
#: Errors by which a broker says that it does not allow a setting.
_NOT_ALLOWED = (InvalidConfigurationError, PolicyViolationError)
_log = structlog.get_logger(__name__)


class Answer(NamedTuple):
    """Why a broker refused a request: its error code, and its message if it gave one."""

    code: int
    message: str | None = None

    def __str__(self) -> str:
        return self.message or for_code(self.code).__name__


async def make_topics(
    cluster: Cluster, partitions: int, record_bytes: int, counts_made: Mapping[str, int], remake: str | None = None
) -> tuple[dict[str, int], set[str]]:
    """Make or check all topics of TOPICS. `record_bytes`: the largest record that each must take, in bytes.

    `counts_made`: the numbers of partitions of the topics that this database has recorded as made. They never change,
    whatever `partitions` says, and even if partitions were added. A recorded topic that is missing is an error, unless
    it is `remake` or in MADE_ANEW: then it is made anew.

    Returns: numbers of partitions by topic, and the topics that were made or are not recorded yet.
    Raises: TopicMismatchError, TopicMissingError, UnknownLogError, TopicNotMadeError, TopicRefusedError,
    KafkaUnreachableError.
    """
    async with _admin(cluster) as admin:
        counts, fresh, made = {}, set(), set[str]()
        there, brokers = await _there(admin, cluster), len((await admin.describe_cluster())["brokers"])
        if lost := [name for name in LOG if name in counts_made and name not in there]:
            raise TopicMissingError(cluster, lost[0])  # before anything is said, or done, about a lesser one
        for topic in TOPICS:
            name, is_known = topic.name, topic.name in counts_made
            counts[name] = wanted = counts_made.get(name) or topic.count(partitions)
            if name not in there:
                if is_known and name not in (remake, *MADE_ANEW):
                    raise TopicMissingError(cluster, topic.name)
                await _make(admin, cluster, topic, wanted, min(brokers, REPLICAS_MAX), record_bytes)
                made.add(name)
                continue
            if is_known and name == remake:
                there[name] = await _set_up(admin, cluster, topic, there[name], wanted, record_bytes)
            check_partitions(cluster, topic, there[name], wanted, is_known=is_known)
            check_settings(cluster, topic, there[name], await _settings(admin, cluster.topic(name)), record_bytes)
            note_few_replicas(cluster, topic, there[name], brokers)
            if not is_known:
                fresh.add(name)
                if name in LOG and await _has_records(cluster, name, wanted):
                    raise UnknownLogError(cluster.topic(name))
        await _until_shown(admin, {cluster.topic(name) for name in made})
        return counts, fresh | made


async def let_writers_stamp(cluster: Cluster, topics: Mapping[str, int], record_bytes: int, *, may: bool) -> None:
    """Prepare topics for a restore (`may`), or give them back their ordinary settings (not `may`).

    During a restore, records keep the time that their writer gives, and do not expire. `topics`: their numbers of
    partitions. Missing topics are made; existing ones are changed only if their way of stamping is the wrong one.
    Raises: TopicNotMadeError, TopicRefusedError, KafkaUnreachableError.
    """
    async with _admin(cluster) as admin:
        there, brokers = await _there(admin, cluster), len((await admin.describe_cluster())["brokers"])
        for topic in (topic for topic in TOPICS if topic.name in topics):
            wanted = replace(topic, config=topic.config | BY_WRITERS) if may else topic
            if topic.name not in there:
                await _make(admin, cluster, wanted, topics[topic.name], min(brokers, REPLICAS_MAX), record_bytes)
            elif (await _settings(admin, cluster.topic(topic.name))).get(STAMPS) != wanted.config[STAMPS]:
                await _set_up(admin, cluster, wanted, there[topic.name], topics[topic.name], record_bytes)
        await _until_shown(admin, {cluster.topic(name) for name in topics})


@asynccontextmanager
async def _admin(cluster: Cluster) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client for the length of the block. Raises: KafkaUnreachableError."""
    admin = new_admin(cluster, request_timeout_ms=30_000)
    try:
        try:
            await admin.start()
        except KafkaConnectionError as error:
            raise KafkaUnreachableError(cluster, error) from error
        yield admin
    finally:
        await admin.close()


async def _set_up(
    admin: AIOKafkaAdminClient, cluster: Cluster, topic: Topic, there: ExistingTopic, wanted: int, record_bytes: int
) -> ExistingTopic:
    """Give an existing topic the settings and at least the number of partitions that it must have.

    A broker that creates topics on demand may have made it anew with its own defaults. Returns: the topic as it is
    then. Raises: TopicNotMadeError, TopicRefusedError.
    """

    name = cluster.topic(topic.name)

    async def alter(config: dict[str, str]) -> Answer | None:
        [answer] = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, config)])
        return next((Answer(code, message) for code, message, *_ in answer.resources if code), None)

    try:
        if there.partitions < wanted:
            await admin.create_partitions({name: NewPartitions(wanted)}, timeout_ms=30_000)
        await _allowed(name, config_of(topic, there.replicas, record_bytes), alter)
        await _until_set(admin, name, {**topic.config, LIMIT: str(record_bytes)})
    except KafkaError as error:
        raise TopicNotMadeError(name, error) from error
    return there._replace(partitions=max(there.partitions, wanted))


async def _there(admin: AIOKafkaAdminClient, cluster: Cluster) -> dict[str, ExistingTopic]:
    names = {cluster.topic(topic.name): topic.name for topic in TOPICS}
    existing = sorted(names.keys() & set(await admin.list_topics()))
    if not existing:
        return {}
    return {
        names[described["topic"]]: ExistingTopic(
            len(described["partitions"]), min(len(partition["replicas"]) for partition in described["partitions"])
        )
        for described in await admin.describe_topics(existing)
    }


async def _make(
    admin: AIOKafkaAdminClient, cluster: Cluster, topic: Topic, partitions: int, replicas: int, record_bytes: int
) -> None:
    """Make a topic; nothing happens if it exists by now. Raises: TopicNotMadeError, TopicRefusedError."""

    name = cluster.topic(topic.name)

    async def create(config: dict[str, str]) -> Answer | None:
        new = NewTopic(name, partitions, replicas, topic_configs=config)
        answer = await admin.create_topics([new], timeout_ms=30_000)
        made = next(Answer(code, *message) for _, code, *message in answer.topic_errors)
        return None if not made.code or for_code(made.code) is TopicAlreadyExistsError else made

    try:
        await _allowed(name, config_of(topic, replicas, record_bytes), create)
    except TopicAlreadyExistsError:
        return
    except KafkaError as error:
        raise TopicNotMadeError(name, error) from error


async def _until_shown(admin: AIOKafkaAdminClient, made: set[str]) -> None:
    """Wait until the broker lists the topics, which it may do only after it answered that they were made.

    Otherwise, whoever looks next, such as another `trueup migrate`, might not see them. Raises: TopicNotMadeError.
    """
    deadline = time.monotonic() + SHOWN_SECONDS
    while missing := made - set(await admin.list_topics()):
        if time.monotonic() > deadline:
            raise TopicNotMadeError(min(missing), f"Kafka has not shown it for {SHOWN_SECONDS:g} s; try again")
        await asyncio.sleep(0.05)


async def _until_set(admin: AIOKafkaAdminClient, name: str, wanted: Mapping[str, str]) -> None:
    """Wait until the broker shows these settings, but not for ever: the check that follows finds wrong settings."""
    deadline = time.monotonic() + SHOWN_SECONDS
    while time.monotonic() < deadline and not wanted.items() <= (await _settings(admin, name)).items():
        await asyncio.sleep(0.05)


async def _allowed(
    name: str, config: dict[str, str], ask: Callable[[dict[str, str]], Awaitable[Answer | None]]
) -> None:
    """Request these settings by `ask`, which returns None or why they were refused.

    Some managed clusters let nobody set `min.insync.replicas`: then the others are requested without it.
    Raises: TopicRefusedError.
    """
    refused = await ask(config)
    if refused is not None and for_code(refused.code) in _NOT_ALLOWED:
        others = {setting: value for setting, value in config.items() if setting != MIN_IN_SYNC}
        if await ask(others) is None:
            why = "the next `trueup migrate` checks what the cluster has set"
            _log.warning("min_in_sync_refused", topic=name, asked_for=config[MIN_IN_SYNC], cause=str(refused), note=why)
            return
    if refused is not None:
        raise TopicRefusedError(name, refused, config)


async def _settings(admin: AIOKafkaAdminClient, name: str) -> dict[str, Any]:
    """All settings of a topic that are in effect, by name, including the broker's defaults."""
    settings: dict[str, Any] = {}
    for answer in await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)]):
        for resource in answer.resources:
            settings |= {entry[0]: entry[1] for entry in resource[4]}
    return settings


async def _has_records(cluster: Cluster, topic: str, partitions: int) -> bool:
    async with LogReader(cluster) as reader:
        ends = await reader.end_offsets(topic, range(partitions))
    return any(ends.values())
