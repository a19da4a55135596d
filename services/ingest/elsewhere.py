"""Records that do not settle where they came: refused ones go to `usage.rejected`, strayed ones to the partition of
`usage` in which their account lies.

A crash may write either twice. For a re-route the second copy is a duplicate of the first (same id, same content). For
a refusal both copies are equal, byte for byte, and name the coordinates of the original: readers count those once.
"""

import hashlib

from events.topics import (
    ARRIVAL_HEADER,
    CUT_HEADER,
    HEADER_PREFIX,
    HELD_HEADER,
    OFFSET_HEADER,
    PARTITION_HEADER,
    REASON_HEADER,
    RULE_HEADER,
    TOPIC_HEADER,
    USAGE,
)
from services.kafka import FetchedRecord, Record, header_bytes
from services.refusals.refusal import Refused

#: A refused record is kept whole up to this share of the largest record. Of a larger one the value is cut there, and
#: key and headers are kept up to an eighth of that: with what is said about it, it must stay below the topic's limit,
#: or no append could ever succeed and the partition would stop for good.
KEPT_SHARE = 2
MAX_RULE_LENGTH = 1000


def rerouted(record: FetchedRecord, arrival: int) -> Record:
    """The record as it came, for another partition, with its first arrival in ms."""
    others = [(name, value) for name, value in record.headers if name != ARRIVAL_HEADER]
    return Record(record.key, record.value, [*others, (ARRIVAL_HEADER, b"%d" % arrival)])


def rejected(record: FetchedRecord, partition: int, refused: Refused, arrival: int, record_bytes: int) -> Record:
    """Original bytes, key and headers of a record of this partition of `usage`, and why.

    Of one larger than half of what a record may have the value may be cut, and says so. `record_bytes`: that much.
    """
    key, value, most = record.key, record.value or b"", record_bytes // KEPT_SHARE
    headers = [(name, value) for name, value in record.headers if not name.startswith(HEADER_PREFIX)]
    if size_of(record) > most:
        key = key if len(key or b"") <= most // 8 else None
        headers = headers if header_bytes(headers) <= most // 8 else []
    ours = [
        (REASON_HEADER, refused.reason.value.encode()),
        (RULE_HEADER, refused.rule[:MAX_RULE_LENGTH].encode(errors="replace")),
        (TOPIC_HEADER, USAGE.encode()),
        (PARTITION_HEADER, b"%d" % partition),
        (OFFSET_HEADER, b"%d" % record.offset),
        (ARRIVAL_HEADER, b"%d" % arrival),
    ]
    if refused.hold is not None:
        ours.append((HELD_HEADER, b"%d" % refused.hold.until(arrival)))
    if len(value) > most:
        ours.append((CUT_HEADER, f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()}".encode()))
        value = value[:most]
    return Record(key, value, [*headers, *ours])


def size_of(record: FetchedRecord) -> int:
    """Bytes of key, value and headers."""
    size = len(record.key or b"") + len(record.value or b"")
    return size + header_bytes(record.headers) if record.headers else size
