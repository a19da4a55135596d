"""The needs of our processes in Kafka: the rights of each (docs/servers.md lists them, with the Postgres role of each),
the topics and their settings, and whether these rights are granted.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from events.topics import (
    BILL_LINES,
    CATALOG,
    CHECKPOINTS,
    EVENTS,
    NOTIFICATIONS,
    TOPICS,
    TREE_HEADS,
    USAGE,
    USAGE_REJECTED,
    Topic,
)
from services.doctor.findings import Check, Report
from services.kafka import Cluster, Password
from services.kafka.asking import Metadata, Operation, QueryClient, TopicSeen
from services.migrate.topic_settings import ExistingTopic, TopicMismatchError, mismatches
from services.postgres import Role

_MAKES_IT = "run `trueup migrate`, which makes it"
RELAY_GROUP, INGEST_GROUP, PROJECTOR_GROUP = "trueup-relay", "trueup-ingest", "trueup-projector"
_ALL = tuple(topic.name for topic in TOPICS)
#: The topics that an archive keeps, and that a restore fills.
ARCHIVED = (USAGE, EVENTS, CATALOG, TREE_HEADS)
_MAKE = (Operation.CREATE, Operation.ALTER, Operation.DESCRIBE_CONFIGS, Operation.ALTER_CONFIGS)
Kind = Literal["topic", "group"]


class Right(NamedTuple):
    """A right that one process needs, on a topic or group by our name for it."""

    process: str
    operation: Operation
    kind: Kind
    name: str


#: Rights of processes that need no more than these; the others read all topics, and the position of the relay's group.
_READS: dict[str, tuple[str, ...]] = {"notary": (EVENTS, CATALOG, TREE_HEADS), "archive": ARCHIVED, "webhooks": ()}
#: Beside the rights of all: the topics that a process writes, and its consumer group.
_WRITES = {
    "api": (USAGE,),
    "relay": (EVENTS, CATALOG, BILL_LINES, NOTIFICATIONS),
    "ingest": (USAGE, USAGE_REJECTED, EVENTS),
    "notary": (TREE_HEADS,),
    "jobs": (CHECKPOINTS,),
    "restore": ARCHIVED,
}
_GROUPS = {"relay": RELAY_GROUP, "ingest": INGEST_GROUP, "projector": PROJECTOR_GROUP}
#: The Postgres roles of each process. Commands use the database's owner.
ROLES: dict[str, tuple[Role, ...]] = {
    "migrate": (),
    "api": (Role.API, Role.WATCH),
    "relay": (Role.RELAY,),
    "ingest": (Role.INGEST,),
    "projector": (Role.PROJECTOR,),
    "webhooks": (Role.WEBHOOKS,),
    "notary": (),
    "jobs": (),
    "archive": (),
    "restore": (),
}
PROCESSES = tuple(ROLES)
#: Processes without Postgres.
KAFKA_ALONE = frozenset({"notary", "archive", "restore"})


def rights_of(process: str) -> Iterator[Right]:
    """All rights that the process needs in Kafka."""
    yield from (Right(process, Operation.READ, "topic", name) for name in _READS.get(process, _ALL))
    if process not in _READS:
        yield Right(process, Operation.DESCRIBE, "group", RELAY_GROUP)
    if process in ("migrate", "restore"):
        yield from (Right(process, operation, "topic", name) for operation in _MAKE for name in _ALL)
    yield from (Right(process, Operation.WRITE, "topic", name) for name in _WRITES.get(process, ()))
    if process in _GROUPS:
        yield Right(process, Operation.READ, "group", _GROUPS[process])


@dataclass(frozen=True, slots=True)
class WantedTopics:
    """The required topics: partitions by name, the partition counts recorded in the store, and the largest record."""

    partitions: Mapping[str, int]
    made: frozenset[str]
    record_bytes: int


async def examine_topics(
    report: Report, cluster: Cluster, asking: QueryClient, metadata: Metadata, wanted: WantedTopics
) -> None:
    """Check for each topic that it exists, with the required partitions and settings."""
    for topic in TOPICS:
        name = cluster.topic(topic.name)
        if topic.name in metadata.hidden:
            continue  # a missing right hides the topic; `examine_rights` reports it
        if topic.name not in metadata.topics:
            lost = topic.name in wanted.made
            says = "does not exist, but it did" if lost else "does not exist"
            mend = 'see docs/operation.md, "What to do", before you make it anew' if lost else _MAKES_IT
            report.wrong(Check.KAFKA_TOPIC, f"topic {name}", says, mend)
            continue
        await _examine(report, cluster, asking, topic, metadata.topics[topic.name], wanted)


async def _examine(
    report: Report, cluster: Cluster, asking: QueryClient, topic: Topic, seen: TopicSeen, wanted: WantedTopics
) -> None:
    about, count, is_right = f"topic {cluster.topic(topic.name)}", wanted.partitions[topic.name], True
    if seen.partitions > count and topic.name in wanted.made:
        says = f"has {seen.partitions} partitions, {count} for life: somebody added some"
        report.note(Check.KAFKA_TOPIC, about, says, "tell publishers the right count; nothing is lost")
    elif seen.partitions != count:
        is_right = False
        says, mend = f"has {seen.partitions} partitions, not {count}", _partitions_mend(topic, wanted)
        report.wrong(Check.KAFKA_TOPIC, about, says, mend)
    settings = await asking.settings(topic.name)
    if settings is None:
        report.not_tried(Check.KAFKA_TOPIC, about, f"{cluster.user} may not see its settings (DESCRIBE_CONFIGS)")
        return
    for mismatch in mismatches(
        cluster, topic, ExistingTopic(seen.partitions, seen.replicas), settings, wanted.record_bytes
    ):
        is_right = False
        report.wrong(Check.KAFKA_TOPIC, about, _words(mismatch), mismatch.how)
    if is_right:
        report.ok(Check.KAFKA_TOPIC, about, f"{seen.partitions} partitions, {seen.replicas} replicas, settings as due")


def _partitions_mend(topic: Topic, wanted: WantedTopics) -> str:
    if topic.name in wanted.made:
        return 'it was made anew: see docs/operation.md, "What to do"'
    if topic.partitions is not None:
        return "delete it if nothing is in it, and run `trueup migrate`"
    return "set TRUEUP_PARTITIONS to what it has, or delete it if nothing is in it, and run `trueup migrate`"


def _words(mismatch: TopicMismatchError) -> str:
    return f"{mismatch.values['what']} is {mismatch.values['found']} but must be {mismatch.values['wanted']}"


async def examine_rights(
    report: Report, cluster: Cluster, asking: QueryClient, metadata: Metadata, processes: Iterable[str]
) -> None:
    """Check that the cluster grants every right that these processes need; reports missing rights, one line for each
    topic or group.
    """
    missing: dict[tuple[str, str], dict[Operation, list[str]]] = defaultdict(lambda: defaultdict(list))
    wanted = [right for process in processes for right in rights_of(process)]
    allowed = await _allowed_of(asking, metadata, wanted)
    for right in wanted:
        may = allowed[right.kind, right.name]
        if may is not None and right.operation not in may:
            missing[right.kind, right.name][right.operation].append(right.process)
    for (kind, name), operations in sorted(missing.items()):
        shown = cluster.topic(name) if kind == "topic" else cluster.group(name)
        who = ", ".join(f"{operation.name} ({', '.join(of)})" for operation, of in sorted(operations.items()))
        report.wrong(
            Check.KAFKA_RIGHT,
            f"{kind} {shown}",
            f"{cluster.user} may not {who}",
            _give(cluster, kind, shown, operations),
        )
    if None in allowed.values():
        report.not_tried(
            Check.KAFKA_RIGHT, "cluster", "it does not tell what we may; docs/servers.md lists what we must"
        )
    elif not missing:
        report.ok(Check.KAFKA_RIGHT, "cluster", f"{cluster.user} may do what {', '.join(processes)} must")


async def _allowed_of(
    asking: QueryClient, metadata: Metadata, wanted: Iterable[Right]
) -> dict[tuple[str, str], frozenset[Operation] | None]:
    """Our rights on each wanted topic or group, by (kind, name); None if the cluster does not tell. A topic that does
    not exist counts as permitted, because `examine_topics` reports it.
    """
    allowed: dict[tuple[str, str], frozenset[Operation] | None] = {}
    for right in wanted:
        if (right.kind, right.name) in allowed:
            continue
        if right.kind == "topic":
            topic = metadata.topics.get(right.name)
            none: frozenset[Operation] = frozenset() if right.name in metadata.hidden else frozenset(Operation)
            allowed[right.kind, right.name] = topic.may if topic else none
        elif metadata.topics:  # asking a cluster that has no groups yet would make it create its table of groups
            allowed[right.kind, right.name] = await asking.allowed_of_group(right.name)
        else:
            allowed[right.kind, right.name] = frozenset(Operation)
    return allowed


def _give(cluster: Cluster, kind: str, name: str, operations: Iterable[Operation]) -> str:
    who = cluster.login.username if isinstance(cluster.login, Password) else "PRINCIPAL"
    options = " ".join(f"--operation {operation.name.title().replace('_', '')}" for operation in sorted(operations))
    return f"kafka-acls.sh --bootstrap-server {cluster} --add --allow-principal User:{who} {options} --{kind} {name}"
