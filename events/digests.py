"""The 16 bytes that identify a usage record: 12 for who sent which id, 4 for its content.

Both go into the log with every `UsageRated`, so these definitions are fixed for ever: after a change, every record
repeated from the last 35 days would count as new. Texts contain no NUL (refused before), so joining them by NUL is
unambiguous.

The id's part is a cryptographic hash, because two ids must never collide. The content's part only tells a repeated
record from a different record under the same id of the same publisher. Four bytes can do no more than a checksum, and
CRC-32 is the fastest.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Protocol, Self
from zlib import crc32

from events.sources import CONTENT_HASH_BYTES, ID_HASH_BYTES


class Hash(Protocol):
    """A hash object that accepts more data."""

    def copy(self) -> Self: ...
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


def id_hash(organization: str, account_id: str, source: str) -> Hash:
    """The common beginning of every `id_digest` of an account's usage from one source."""
    return blake2b(f"{organization}\0{account_id}\0{source}\0".encode(), digest_size=ID_HASH_BYTES)


def id_digest(begun: Hash, usage_id: str) -> bytes:
    """12 bytes of (organization, account, source, id); `id_hash` already holds the first three."""
    digest = begun.copy()
    digest.update(usage_id.encode())
    return digest.digest()


def meter_crc(meter_id: str) -> int:
    """The common beginning of every `content_digest` of a meter's usage."""
    return crc32(f"{meter_id}\0".encode())


def content_digest(
    meter: int, time: str, numbers: Mapping[str, str], categories: Mapping[str, Mapping[str, str]]
) -> bytes:
    """4 bytes of the content in normal form; `meter_crc` already holds the meter.

    `time` is UTC. `numbers` are plain texts; their trailing zeros do not count (1.0 equals 1.00). The order of fields
    does not count.
    """
    text = time
    for code, number in sorted(numbers.items()) if len(numbers) > 1 else numbers.items():
        text = f"{text}\0{code}\0{number.rstrip('0').rstrip('.') if '.' in number else number}"
    for category, fields in categories.items():
        text = f"{text}\0\0{category}"
        for code in sorted(fields) if len(fields) > 1 else fields:
            text = f"{text}\0{code}\0{fields[code]}"
    return crc32(text.encode(), meter).to_bytes(CONTENT_HASH_BYTES, "big")
