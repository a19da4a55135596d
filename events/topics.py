"""The topics and their settings; made by `trueup migrate`, never by auto-creation. Partition counts are for life.

An account's log lies where Kafka's default partitioner puts its key, by murmur2.
"""

from dataclasses import dataclass

USAGE = "usage"
USAGE_REJECTED = "usage.rejected"
EVENTS = "billing.events"
CATALOG = "billing.catalog"
BILL_LINES = "billing.bill-line-items"
NOTIFICATIONS = "billing.notifications"
CHECKPOINTS = "billing.checkpoints"
TREE_HEADS = "billing.tree-heads"

MIB = 1024 * 1024
#: Bounds for the setting of the largest record, its batch included: batches of the lower bound are always written, and
#: no Kafka is asked for more than the upper bound.
RECORD_BYTES_LEAST, RECORD_BYTES_MOST = MIB, 64 * MIB
_FOR_EVER = "-1"
_DAY_MS = 24 * 60 * 60 * 1000

#: Headers that Trueup adds to a record; a replay from `usage.rejected` strips them.
HEADER_PREFIX = "trueup-"
#: The usage's first LogAppendTime in ms, carried through a re-route to the right partition.
ARRIVAL_HEADER = f"{HEADER_PREFIX}arrival"
#: Headers of a refused record: the reason, where it stood, and its size if its value was cut.
REASON_HEADER = f"{HEADER_PREFIX}reason"
RULE_HEADER = f"{HEADER_PREFIX}rule"
TOPIC_HEADER = f"{HEADER_PREFIX}topic"
PARTITION_HEADER = f"{HEADER_PREFIX}partition"
OFFSET_HEADER = f"{HEADER_PREFIX}offset"
CUT_HEADER = f"{HEADER_PREFIX}cut"
#: Header of a refused record that is held until its account or meter exists: the end of the hold, in ms by the
#: organization's clock.
HELD_HEADER = f"{HEADER_PREFIX}held-until"
#: Header of a filler record without a value. It takes an offset at which Kafka had only the end of a transaction, so
#: that the records behind it keep their offsets. It is no record of the log.
GAP_HEADER = f"{HEADER_PREFIX}gap"
_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: `partitions` None means as many as `usage` has. The size of its largest record is a setting."""

    name: str
    partitions: int | None
    config: dict[str, str]

    def count(self, partitions: int) -> int:
        """The topic's number of partitions, given that of `usage`."""
        return self.partitions or partitions


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
    Topic(NOTIFICATIONS, None, _config(str(40 * _DAY_MS))),
    Topic(USAGE_REJECTED, None, _config(str(400 * _DAY_MS))),
    Topic(CHECKPOINTS, 1, _config(_FOR_EVER)),
    Topic(TREE_HEADS, None, _config(_FOR_EVER)),
)


def home_of(partition: int, partitions: int) -> int:
    """The partition of `billing.events` for a partition of `usage`, which may have gained partitions by accident.

    `partitions` is the count that is fixed for life.
    """
    return partition % partitions


def _mix(word: int) -> int:
    word = word * _MULTIPLIER & _MASK
    return (word ^ word >> 24) * _MULTIPLIER & _MASK


def murmur2(data: bytes) -> int:
    """The unsigned 32-bit hash by which Kafka's clients choose a key's partition."""
    whole = len(data) & ~3
    value = (_SEED ^ len(data)) & _MASK
    for start in range(0, whole, 4):
        value = (value * _MULTIPLIER & _MASK) ^ _mix(int.from_bytes(data[start : start + 4], "little"))
    if tail := data[whole:]:
        value = (value ^ int.from_bytes(tail, "little")) * _MULTIPLIER & _MASK
    value = (value ^ value >> 13) * _MULTIPLIER & _MASK
    return value ^ value >> 15


def usage_key(organization: str, account_code: str) -> bytes:
    """The record key that leads a publisher to a root account's partition."""
    return f"{organization}/{account_code}".encode()


def partition_of(organization: str, account_code: str, partitions: int) -> int:
    """The partition of a root account at its creation, kept for life."""
    return (murmur2(usage_key(organization, account_code)) & 0x7FFFFFFF) % partitions
