"""Are our topics there, are they what they must be, and may our processes do with them what they have to?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from events.topics import TOPICS, Topic
from services.doctor.findings import Check, Report
from services.doctor.rights import Right, rights_of
from services.kafka import Cluster, Password
from services.kafka.asking import Asking, Metadata, Operation, TopicSeen
from services.migrate.topic_settings import ExistingTopic, TopicMismatchError, mismatches

_MAKE = "run `trueup migrate`, which makes it"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What topics must be: partitions by name, those that the store has recorded as made, and the largest record."""

    partitions: Mapping[str, int]
    known: frozenset[str]
    record_bytes: int


async def examine_topics(report: Report, cluster: Cluster, asking: Asking, metadata: Metadata, wanted: Wanted) -> None:
    """Each topic: is it there, with these partitions and settings?"""
    for topic in TOPICS:
        name = cluster.topic(topic.name)
        if topic.name in metadata.hidden:
            continue  # a right is missing; that is said where rights are
        if topic.name not in metadata.topics:
            lost = topic.name in wanted.known
            says = "does not exist, but it did" if lost else "does not exist"
            mend = 'see docs/operation.md, "What to do", before you make it anew' if lost else _MAKE
            report.wrong(Check.KAFKA_TOPIC, f"topic {name}", says, mend)
            continue
        await _examine(report, cluster, asking, topic, metadata.topics[topic.name], wanted)


async def _examine(
    report: Report, cluster: Cluster, asking: Asking, topic: Topic, seen: TopicSeen, wanted: Wanted
) -> None:
    about, count, is_right = f"topic {cluster.topic(topic.name)}", wanted.partitions[topic.name], True
    if seen.partitions > count and topic.name in wanted.known:
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


def _partitions_mend(topic: Topic, wanted: Wanted) -> str:
    if topic.name in wanted.known:
        return 'it was made anew: see docs/operation.md, "What to do"'
    if topic.partitions is not None:
        return "delete it if nothing is in it, and run `trueup migrate`"
    return "set TRUEUP_PARTITIONS to what it has, or delete it if nothing is in it, and run `trueup migrate`"


def _words(mismatch: TopicMismatchError) -> str:
    return f"{mismatch.values['what']} is {mismatch.values['found']} but must be {mismatch.values['wanted']}"


async def examine_rights(
    report: Report, cluster: Cluster, asking: Asking, metadata: Metadata, processes: Iterable[str]
) -> None:
    """Every right of these processes that the cluster does not give us, one line for each topic or group."""
    missing: dict[tuple[str, str], dict[Operation, list[str]]] = defaultdict(lambda: defaultdict(list))
    wanted = [right for process in processes for right in rights_of(process)]
    allowed = await _held(asking, metadata, wanted)
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


async def _held(
    asking: Asking, metadata: Metadata, wanted: Iterable[Right]
) -> dict[tuple[str, str], frozenset[Operation] | None]:
    """What we may do with each topic or group. A topic that does not exist is not asked about: it is told elsewhere."""
    allowed: dict[tuple[str, str], frozenset[Operation] | None] = {}
    for right in wanted:
        if (right.kind, right.name) in allowed:
            continue
        if right.kind == "topic":
            topic = metadata.topics.get(right.name)
            none: frozenset[Operation] = frozenset() if right.name in metadata.hidden else frozenset(Operation)
            allowed[right.kind, right.name] = topic.may if topic else none
        elif metadata.topics:  # a cluster that has no groups yet makes its own table of them when it is asked for one
            allowed[right.kind, right.name] = await asking.allowed_of_group(right.name)
        else:
            allowed[right.kind, right.name] = frozenset(Operation)
    return allowed


def _give(cluster: Cluster, kind: str, name: str, operations: Iterable[Operation]) -> str:
    who = cluster.login.username if isinstance(cluster.login, Password) else "PRINCIPAL"
    options = " ".join(f"--operation {operation.name.title().replace('_', '')}" for operation in sorted(operations))
    return f"kafka-acls.sh --bootstrap-server {cluster} --add --allow-principal User:{who} {options} --{kind} {name}"
