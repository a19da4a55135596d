"""Records for elsewhere: refused ones for `usage.rejected`, strayed ones for the right partition of `usage`.

A crash may write either twice. For a re-route the second copy is a duplicate of the first (same id, same content). For
a refusal both copies are equal, byte for byte, and name the coordinates of the original: readers count those once.
"""

import hashlib

from events.topics import ARRIVAL_HEADER, USAGE
from services.ingest.refusal import Refused
from services.kafka import FetchedRecord, Record

#: Everything that Trueup itself says about a record; a replay from `usage.rejected` strips these.
PREFIX = "trueup-"
REASON_HEADER = f"{PREFIX}reason"
RULE_HEADER = f"{PREFIX}rule"
TOPIC_HEADER = f"{PREFIX}topic"
PARTITION_HEADER = f"{PREFIX}partition"
OFFSET_HEADER = f"{PREFIX}offset"
CUT_HEADER = f"{PREFIX}cut"
#: A refused value is kept whole up to this many bytes; the headers on top must not push it over the topic's limit,
#: where no append could ever succeed and the partition would stop for good.
MAX_KEPT_BYTES = 8 * 1024 * 1024
MAX_RULE_LENGTH = 1000


def rerouted(record: FetchedRecord, arrival: int) -> Record:
    """The record as it came, for another partition, with its first arrival in ms."""
    others = [(name, value) for name, value in record.headers if name != ARRIVAL_HEADER]
    return Record(record.key, record.value, [*others, (ARRIVAL_HEADER, b"%d" % arrival)])


def rejected(record: FetchedRecord, partition: int, refused: Refused, arrival: int) -> Record:
    """Original bytes, key and headers of a record of this partition of `usage`, and why.

    Above MAX_KEPT_BYTES the value is cut, and says so.
    """
    kept = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    value = record.value or b""
    if sum(len(name) + len(content or b"") for name, content in kept) > MAX_KEPT_BYTES // 8:
        kept = []
    ours = [
        (REASON_HEADER, refused.reason.value.encode()),
        (RULE_HEADER, refused.rule[:MAX_RULE_LENGTH].encode(errors="replace")),
        (TOPIC_HEADER, USAGE.encode()),
        (PARTITION_HEADER, b"%d" % partition),
        (OFFSET_HEADER, b"%d" % record.offset),
        (ARRIVAL_HEADER, b"%d" % arrival),
    ]
    if len(value) > MAX_KEPT_BYTES:
        ours.append((CUT_HEADER, f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()}".encode()))
        value = value[:MAX_KEPT_BYTES]
    return Record(record.key if len(record.key or b"") <= MAX_KEPT_BYTES // 8 else None, value, [*kept, *ours])


def size_of(record: FetchedRecord) -> int:
    """Bytes of key, value and headers."""
    size = len(record.key or b"") + len(record.value or b"")
    return size + sum(len(name) + len(value or b"") for name, value in record.headers) if record.headers else size
