"""What a position remembers of the record before it, so that another record at that offset is noticed (decision 26).

An offset alone does not tell: a topic that was made anew and has grown past the old end has a record there, too.
"""

from hashlib import blake2b
from typing import NamedTuple

from services.kafka.fetching import FetchedRecord

DIGEST_BYTES = 8


class Mark(NamedTuple):
    """A record: its offset, its LogAppendTime in ms, and a hash of its key and value."""

    offset: int
    ms: int
    digest: bytes


def digest_of(key: bytes | None, value: bytes | None) -> bytes:
    """The hash that a mark has of a record."""
    content = blake2b(key or b"", digest_size=DIGEST_BYTES)
    content.update(b"\0")
    content.update(value or b"")
    return content.digest()


def mark_of(record: FetchedRecord) -> Mark:
    """The mark of a record that was read."""
    return Mark(record.offset, record.timestamp, digest_of(record.key, record.value))
