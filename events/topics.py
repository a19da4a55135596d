"""The topics and their settings; made by `trueup migrate`, never by auto-creation. Partition counts are for life."""

from dataclasses import dataclass

USAGE = "usage"
USAGE_REJECTED = "usage.rejected"
EVENTS = "billing.events"
CATALOG = "billing.catalog"
BILL_LINES = "billing.bill-line-items"

_FOR_EVER = "-1"
_DAY_MS = 24 * 60 * 60 * 1000

#: Headers: everything that Trueup itself says about a record; a replay from `usage.rejected` strips these.
HEADER_PREFIX = "trueup-"
#: The usage's first LogAppendTime in ms, carried through a re-route to the right partition.
ARRIVAL_HEADER = f"{HEADER_PREFIX}arrival"
#: Of a refused record: why, where it stood, and how large it was if its value is cut.
REASON_HEADER = f"{HEADER_PREFIX}reason"
RULE_HEADER = f"{HEADER_PREFIX}rule"
TOPIC_HEADER = f"{HEADER_PREFIX}topic"
PARTITION_HEADER = f"{HEADER_PREFIX}partition"
OFFSET_HEADER = f"{HEADER_PREFIX}offset"
CUT_HEADER = f"{HEADER_PREFIX}cut"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: `partitions` None means as many as `usage` has. How large its records may be is a setting."""

    name: str
    partitions: int | None
    config: dict[str, str]


def _config(retention_ms: str) -> dict[str, str]:
    return {
        "retention.ms": retention_ms,
        "retention.bytes": "-1",
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
    }


TOPICS = (
    Topic(USAGE, None, _config(str(40 * _DAY_MS))),
    Topic(EVENTS, None, _config(_FOR_EVER)),
    Topic(CATALOG, 1, _config(_FOR_EVER)),
    Topic(BILL_LINES, None, _config(_FOR_EVER)),
    Topic(USAGE_REJECTED, None, _config(str(400 * _DAY_MS))),
)


def usage_source(generation: str, partition: int) -> str:
    """Source of `UsageRated`; its sequence is the record's offset in `usage`."""
    return f"usage/{generation}/{partition}"


def read_source(generation: str, partition: int) -> str:
    """Source of `UsageRead`; its sequence is the next offset of `usage`."""
    return f"read/{generation}/{partition}"


def home_of(partition: int, partitions: int) -> int:
    """The partition of `billing.events` that tells of a partition of `usage`, of which there may be more by accident.

    `partitions` is the count that is fixed for life.
    """
    return partition % partitions


def partition_of(source: str) -> int:
    """The partition of `usage` that a `usage_source` or `read_source` is of."""
    return int(source.rpartition("/")[2])


def commands_source(generation: str) -> str:
    """Source of facts of the event store; the sequence is the store's position."""
    return f"commands/{generation}"


def clock_source(generation: str) -> str:
    """Source of the relay's ticks; the sequence is the number of quarter hours since 1970."""
    return f"clock/{generation}"
