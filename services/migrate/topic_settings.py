"""What a topic is made with, what one that is there must have, and why it could not be made or taken, in words."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import structlog

from events.topics import CATALOG, EVENTS, USAGE, Topic
from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster

#: The log of record: what it holds is this database's, or the database is another one's.
LOG = (EVENTS, CATALOG)
#: What is acknowledged here stands nowhere else, so it must stand on two brokers before it is, where there are three.
KEPT = (*LOG, USAGE)
REPLICAS_MAX, IN_SYNC = 3, 2
LIMIT, MIN_IN_SYNC, STAMPS = "max.message.bytes", "min.insync.replicas", "message.timestamp.type"
_log = structlog.get_logger(__name__)


class TopicRefusedError(Worded, ExpectedFailure):
    """topic {name} was refused by Kafka: {cause}; it was asked for with {asked}. If the cluster does not allow as much
    {limit}, lower TRUEUP_MAX_RECORD_BYTES; if it refuses another setting, have its operators allow it: what the
    topics hold depends on each of them
    """

    def __init__(self, name: str, cause: object, config: Mapping[str, str]) -> None:
        asked = ", ".join(f"{setting}={value}" for setting, value in sorted(config.items()))
        super().__init__(name=name, cause=cause, asked=asked, limit=LIMIT)


class TopicNotMadeError(Worded, ExpectedFailure):
    """topic {name} could not be made: {cause}"""

    def __init__(self, name: str, cause: object) -> None:
        super().__init__(name=name, cause=cause)


class UnknownLogError(Worded, ExpectedFailure):
    """topic {name} holds records that this database knows nothing of; restore Postgres, or run `trueup rebuild-store`
    to fill this database from the log, or give another Kafka
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class TopicMismatchError(Worded, ExpectedFailure):
    """topic {name}: {what} is {found} but must be {wanted}{how}"""

    def __init__(self, name: str, what: str, found: object, wanted: object, how: str = "") -> None:
        super().__init__(name=name, what=what, found=found, wanted=wanted, how=f": {how}" if how else "")
        self.how = how


class ExistingTopic(NamedTuple):
    """A topic that is there: how many partitions it has, and how many replicas each has at least."""

    partitions: int
    replicas: int


def config_of(topic: Topic, replicas: int, record_bytes: int) -> dict[str, str]:
    """What the topic is made with, and no more: a managed cluster refuses what it lets nobody set."""
    in_sync = IN_SYNC if replicas >= REPLICAS_MAX else 1
    return {**topic.config, LIMIT: str(record_bytes), MIN_IN_SYNC: str(in_sync)}


def check_partitions(cluster: Cluster, topic: Topic, there: ExistingTopic, wanted: int, *, is_known: bool) -> None:
    if there.partitions > wanted and is_known:
        _log.warning("partitions_added", topic=cluster.topic(topic.name), partitions=there.partitions, made_with=wanted)
    elif there.partitions != wanted:
        what = "the partition count (TRUEUP_PARTITIONS)"
        raise TopicMismatchError(cluster.topic(topic.name), what, there.partitions, wanted)


def check_settings(
    cluster: Cluster, topic: Topic, there: ExistingTopic, settings: Mapping[str, Any], record_bytes: int
) -> None:
    """Raises: TopicMismatchError, the first one."""
    for mismatch in mismatches(cluster, topic, there, settings, record_bytes):
        raise mismatch


def mismatches(
    cluster: Cluster, topic: Topic, there: ExistingTopic, settings: Mapping[str, Any], record_bytes: int
) -> Iterator[TopicMismatchError]:
    """What must not differ: where records lie, how long they stay, which clock stamps them; and what must suffice: how
    large they may be, and on how many brokers they stand.
    """
    shown = cluster.topic(topic.name)
    for name, wanted in topic.config.items():
        if settings.get(name) != wanted:
            how = _how_to_set(cluster, topic, name, wanted)
            yield TopicMismatchError(shown, name, settings.get(name), wanted, how)
    if int(settings.get(LIMIT) or 0) < record_bytes:
        how = f"{_how_to_set(cluster, topic, LIMIT, record_bytes)}, or lower TRUEUP_MAX_RECORD_BYTES"
        yield TopicMismatchError(shown, LIMIT, settings.get(LIMIT), f"at least {record_bytes}", how)
    if topic.name in KEPT and there.replicas >= REPLICAS_MAX and int(settings.get(MIN_IN_SYNC) or 0) < IN_SYNC:
        why = (
            f"at least {IN_SYNC} where there are {there.replicas} replicas, or what is acknowledged may be lost with"
            " one broker"
        )
        how = _how_to_set(cluster, topic, MIN_IN_SYNC, IN_SYNC)
        yield TopicMismatchError(shown, MIN_IN_SYNC, settings.get(MIN_IN_SYNC), why, how)


def _how_to_set(cluster: Cluster, topic: Topic, setting: str, value: object) -> str:
    return (
        f"kafka-configs.sh --bootstrap-server {cluster} --alter --entity-type topics"
        f" --entity-name {cluster.topic(topic.name)} --add-config {setting}={value}"
    )


def note_few_replicas(cluster: Cluster, topic: Topic, there: ExistingTopic, brokers: int) -> None:
    """A topic that somebody made on one broker of many is lost with it, whatever its settings say."""
    wanted = min(brokers, REPLICAS_MAX)
    if topic.name in KEPT and there.replicas < wanted:
        note = "what is acknowledged is lost with the brokers that hold it: have its partitions reassigned to more"
        _log.warning(
            "few_replicas", topic=cluster.topic(topic.name), replicas=there.replicas, brokers=brokers, note=note
        )
