"""The settings that a topic is made with, those that an existing one must have, and the errors if it does not."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import structlog

from events.topics import CATALOG, EVENTS, USAGE, Topic
from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster

#: The log of record. If it holds records, the database must be the one that knows of them.
LOG = (EVENTS, CATALOG)
#: Topics whose records are kept nowhere else. Where there are three brokers, a record must be on two of them before it
#: is acknowledged.
KEPT = (*LOG, USAGE)
REPLICAS_MAX, IN_SYNC = 3, 2
LIMIT, MIN_IN_SYNC, STAMPS = "max.message.bytes", "min.insync.replicas", "message.timestamp.type"
#: A restore lets its writers stamp records until it has ended, so whoever sets this by hand takes a part for the whole.
_INTERRUPTED = "a `trueup restore` that was interrupted leaves it so, and the topic without its end: run it again"
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
    """An existing topic: its number of partitions, and the smallest number of replicas of any of them."""

    partitions: int
    replicas: int


def config_of(topic: Topic, replicas: int, record_bytes: int) -> dict[str, str]:
    """The settings to make a topic with, by name. There are as few as possible: managed clusters refuse many others.

    `record_bytes`: the largest record it is to take.
    """
    in_sync = IN_SYNC if replicas >= REPLICAS_MAX else 1
    return {**topic.config, LIMIT: str(record_bytes), MIN_IN_SYNC: str(in_sync)}


def check_partitions(cluster: Cluster, topic: Topic, there: ExistingTopic, wanted: int, *, is_known: bool) -> None:
    """Check an existing topic's number of partitions. `is_known`: this database has recorded the topic as its own.

    Partitions that were added to a known topic only cause a warning, and are not used.
    Raises: TopicMismatchError.
    """
    if there.partitions > wanted and is_known:
        _log.warning("partitions_added", topic=cluster.topic(topic.name), partitions=there.partitions, made_with=wanted)
    elif there.partitions != wanted:
        what = "the partition count (TRUEUP_PARTITIONS)"
        raise TopicMismatchError(cluster.topic(topic.name), what, there.partitions, wanted)


def check_settings(
    cluster: Cluster, topic: Topic, there: ExistingTopic, settings: Mapping[str, Any], record_bytes: int
) -> None:
    """Check an existing topic. Raises: TopicMismatchError, the first of its `mismatches`."""
    for mismatch in mismatches(cluster, topic, there, settings, record_bytes):
        raise mismatch


def mismatches(
    cluster: Cluster, topic: Topic, there: ExistingTopic, settings: Mapping[str, Any], record_bytes: int
) -> Iterator[TopicMismatchError]:
    """The settings of an existing topic that do not fit, as errors that say how to set them.

    Settings of the topic's `config` must be equal: how long records stay, which clock stamps them. Two must be large
    enough: the size of a record, and the number of brokers that must have it. `settings`: the topic's, by name.
    """
    shown = cluster.topic(topic.name)
    for name, wanted in sorted(topic.config.items(), key=lambda setting: setting[0] != STAMPS):
        if settings.get(name) != wanted:
            how = _how_to_set(cluster, topic, name, wanted)
            if name == STAMPS:
                how = f"{_INTERRUPTED}; if none was, {how}"
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
    """Log a warning if a topic has fewer replicas than it could have: its records may be lost with a broker."""
    wanted = min(brokers, REPLICAS_MAX)
    if topic.name in KEPT and there.replicas < wanted:
        note = "what is acknowledged is lost with the brokers that hold it: have its partitions reassigned to more"
        _log.warning(
            "few_replicas", topic=cluster.topic(topic.name), replicas=there.replicas, brokers=brokers, note=note
        )
