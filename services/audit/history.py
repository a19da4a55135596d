"""Digests of ranges of the log, taken in the one pass that folds it, however that is cut into polls.

A digest is over what a record is: its offset, the time of its append, its key and its value. It says nothing of a
record's headers, of which the log has none.
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
#: How a digest is made: another way has another number, and is not compared with this one.
SCHEME = 1
#: Four numbers of eight bytes each.
_PLACE_BYTES = 32
#: The length of what is not there.
_NONE = -1
#: From an offset to a next offset.
Range = tuple[int, int]
_OFFSET, _TIMESTAMP, _KEY, _VALUE = map(attrgetter, ("offset", "timestamp", "key", "value"))


class LogDigest:
    """The digest of records that follow each other, a few at a time."""

    def __init__(self) -> None:
        # Apart from each other, or it would matter how many came at a time: places, which have a fixed width, keys and
        # values, whose lengths stand among the places.
        self._places, self._keys, self._values = (blake2b(digest_size=DIGEST_BYTES) for _ in range(3))

    def add(self, records: Sequence[FetchedRecord]) -> None:
        """The next records."""
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
        """What all of them together are known by."""
        parts = b"".join(digest.digest() for digest in (self._places, self._keys, self._values))
        return blake2b(parts, digest_size=DIGEST_BYTES).hexdigest()


def _lengths(parts: Sequence[bytes | None]) -> list[int]:
    """Nearly always all of them are there, or none: that is seen without a loop."""
    missing = parts.count(None)
    if missing == len(parts):
        return [_NONE] * missing
    return [_NONE if part is None else len(part) for part in parts] if missing else list(map(len, parts))  # type: ignore[arg-type]


class RangeDigests:
    """Digests of some ranges of one partition. The ranges may overlap; the records come once, in order."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self._ends: dict[int, set[int]] = {}
        for start, end in ranges:
            self._ends.setdefault(start, set()).add(end)
        cuts = {*self._ends, *(end for ends in self._ends.values() for end in ends)}
        self._cuts = deque(sorted(cuts))
        #: By the start of their ranges.
        self._open: dict[int, LogDigest] = {}
        self._digests: dict[Range, str] = {}

    def take(self, records: Sequence[FetchedRecord]) -> None:
        """The records that follow those before."""
        while records and self._cuts and self._cuts[0] <= records[-1].offset:
            cut = bisect_left(records, self._cuts[0], key=_OFFSET)
            self._add(records[:cut])
            self._cut(self._cuts.popleft())
            records = records[cut:]
        self._add(records)

    def reach(self, next_offset: int) -> None:
        """Everything before this offset was taken, though no record may stand at its end."""
        while self._cuts and self._cuts[0] <= next_offset:
            self._cut(self._cuts.popleft())

    def digest(self, start: int, end: int) -> str | None:
        """The digest of a range that was asked for; None: it was not read to its end."""
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
    """The digest of a range of a topic."""
    digest = LogDigest()
    async for records in reader.read(topic, partition, start, end):
        digest.add(records)
    return digest.hexdigest()
