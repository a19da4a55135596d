"""Which of our processes needs which right: in Kafka, as docs/servers.md lists them, and as which role in Postgres."""

from collections.abc import Iterator
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
)
from services.kafka.asking import Operation
from services.postgres import Role

RELAY_GROUP, INGEST_GROUP, PROJECTOR_GROUP = "trueup-relay", "trueup-ingest", "trueup-projector"
_ALL = tuple(topic.name for topic in TOPICS)
#: What an archive keeps, and so what is restored.
ARCHIVED = (USAGE, EVENTS, CATALOG, TREE_HEADS)
_MAKE = (Operation.CREATE, Operation.ALTER, Operation.DESCRIBE_CONFIGS, Operation.ALTER_CONFIGS)
Kind = Literal["topic", "group"]


class Right(NamedTuple):
    """What one process must be allowed, of a topic or group by the name that we call it."""

    process: str
    operation: Operation
    kind: Kind
    name: str


#: Of those that need no more than these; the others read all, and ask how far the relay's group has come.
_READS: dict[str, tuple[str, ...]] = {"notary": (EVENTS, CATALOG, TREE_HEADS), "archive": ARCHIVED, "webhooks": ()}
#: Beside what all may: topics that a process writes, and the group that it is a member of.
_WRITES = {
    "api": (USAGE,),
    "relay": (EVENTS, CATALOG, BILL_LINES, NOTIFICATIONS),
    "ingest": (USAGE, USAGE_REJECTED, EVENTS),
    "notary": (TREE_HEADS,),
    "jobs": (CHECKPOINTS,),
    "restore": ARCHIVED,
}
_GROUPS = {"relay": RELAY_GROUP, "ingest": INGEST_GROUP, "projector": PROJECTOR_GROUP}
#: As which roles each acts. Commands act as the database's user.
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
#: Who asks nothing of Postgres.
KAFKA_ALONE = frozenset({"notary", "archive", "restore"})


def rights_of(process: str) -> Iterator[Right]:
    """All that it must be allowed in Kafka."""
    yield from (Right(process, Operation.READ, "topic", name) for name in _READS.get(process, _ALL))
    if process not in _READS:
        yield Right(process, Operation.DESCRIBE, "group", RELAY_GROUP)
    if process in ("migrate", "restore"):
        yield from (Right(process, operation, "topic", name) for operation in _MAKE for name in _ALL)
    yield from (Right(process, Operation.WRITE, "topic", name) for name in _WRITES.get(process, ()))
    if process in _GROUPS:
        yield Right(process, Operation.READ, "group", _GROUPS[process])
