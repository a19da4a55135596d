"""Digests of ranges of the log, computed in the same pass that folds it, independent of how polls divide the records.

A digest covers each record's offset, append time, key and value. Records of the log have no headers, so headers are not
covered.
"""

import sys
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from operator import attrgetter

from services.kafka import FetchedRecord, LogReader

DIGEST_BYTES = 32
#: The version of the method. Digests of different schemes cannot be compared.
SCHEME = 1
#: Four numbers of eight bytes each: offset, time, and the lengths of key and value.
_PLACE_BYTES = 32
#: The length that stands for a missing key or value.
_NONE = -1
#: Offsets `[start, end)`.
Range = tuple[int, int]
_OFFSET, _TIMESTAMP, _KEY, _VALUE = map(attrgetter, ("offset", "timestamp", "key", "value"))


class LogDigest:
    """The digest of consecutive records, which are added in groups of any size."""

    def __init__(self) -> None:
        # Three separate hashes, so that the sizes of the groups do not matter: places, which have a fixed width and
        # include the lengths of keys and values, then keys, then values.
        self._places, self._keys, self._values = (blake2b(digest_size=DIGEST_BYTES) for _ in range(3))

    def add(self, records: Sequence[FetchedRecord]) -> None:
        """Add the next records."""
        if not records:
            return
        keys, values = list(map(_KEY, records)), list(map(_VALUE, records))
        places = array("q", bytes(_PLACE_BYTES * len(records)))
        columns = map(_OFFSET, records), map(_TIMESTAMP, records), _lengths(keys), _lengths(values)
        for column, numbers in enumerate(columns):
            places[column :: len(columns)] = array("q", numbers)
        if sys.byteorder == "big":
            places.byteswap()
        self._places.update(places)
        self._keys.update(b"".join(filter(None, keys)))
        self._values.update(b"".join(filter(None, values)))

    def hexdigest(self) -> str:
        """The digest of all records so far."""
        parts = b"".join(digest.digest() for digest in (self._places, self._keys, self._values))
        return blake2b(parts, digest_size=DIGEST_BYTES).hexdigest()


def _lengths(parts: Sequence[bytes | None]) -> list[int]:
    """The lengths of the parts, or _NONE. Nearly always all parts are there, or none: then no loop is needed."""
    missing = parts.count(None)
    if missing == len(parts):
        return [_NONE] * missing
    return [_NONE if part is None else len(part) for part in parts] if missing else list(map(len, parts))  # type: ignore[arg-type]


class RangeDigests:
    """Digests of several ranges of one partition. The ranges may overlap; records are taken once, in order."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self._ends: dict[int, set[int]] = {}
        for start, end in ranges:
            self._ends.setdefault(start, set()).add(end)
        cuts = {*self._ends, *(end for ends in self._ends.values() for end in ends)}
        self._cuts = deque(sorted(cuts))
        #: The running digests, by the start of their ranges.
        self._open: dict[int, LogDigest] = {}
        self._digests: dict[Range, str] = {}

    def take(self, records: Sequence[FetchedRecord]) -> None:
        """Take the next records."""
        while records and self._cuts and self._cuts[0] <= records[-1].offset:
            cut = bisect_left(records, self._cuts[0], key=_OFFSET)
            self._add(records[:cut])
            self._cut(self._cuts.popleft())
            records = records[cut:]
        self._add(records)

    def reach(self, next_offset: int) -> None:
        """Note that everything before this offset was taken, even if no record stands just before it."""
        while self._cuts and self._cuts[0] <= next_offset:
            self._cut(self._cuts.popleft())

    def digest(self, start: int, end: int) -> str | None:
        """The digest of a requested range; None if it was not read to its end."""
        return LogDigest().hexdigest() if start == end else self._digests.get((start, end))

    def _add(self, records: Sequence[FetchedRecord]) -> None:
        for digest in self._open.values():
            digest.add(records)

    def _cut(self, offset: int) -> None:
        for start in [start for start, ends in self._ends.items() if offset in ends]:
            if start != offset:
                self._digests[start, offset] = self._open[start].hexdigest()
            if offset == max(self._ends[start]):
                self._open.pop(start, None)
        if offset in self._ends and max(self._ends[offset]) > offset:
            self._open[offset] = LogDigest()


async def digest_between(reader: LogReader, topic: str, partition: int, start: int, end: int) -> str:
    """The digest of the records at offsets `[start, end)`."""
    digest = LogDigest()
    async for records in reader.read(topic, partition, start, end):
        digest.add(records)
    return digest.hexdigest()
