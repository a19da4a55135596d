"""The log cut into segments by its content alone, so every reader of the same records gets the same segments (decision
31).

A segment ends with the tick of a quarter hour (decision 14), or when it has MOST records. Its records are the leaves of
one tree. The segments of a partition are the leaves of another tree: each leaf has the segment's offsets and the root
of its records. So reading one segment proves a record, and no record at all need be read to prove that nothing earlier
changed.

The records may come from anywhere: the log, an archive of it, or an export.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from projections.not_json import NOT_JSON
from projections.proof.merkle import Hash, grown, leaf_hash, root_of, root_of_peaks

#: Most records of a segment, hence of a proof: some 30 MB, read in less than a second.
MOST = 65_536
_OFFSET_BYTES = 8
_UTC = timedelta(0)
_TICK = b'{"type":"ClockTicked",'


class Segment(NamedTuple):
    """Records at offsets from `start`, before `end`; `root` is the root of their tree.

    `tick` is the quarter hour whose tick ended the segment; None: it was full.
    """

    start: int
    end: int
    records: int
    root: Hash
    tick: datetime | None

    def leaf(self, topic: str, partition: int) -> Hash:
        """Its leaf in the tree of this partition's segments. The topic has Trueup's name for it, in any cluster."""
        tick = self.tick.isoformat() if self.tick else "-"
        text = f"{topic}/{partition} {self.start} {self.end} {self.records} {self.root.hex()} {tick}"
        return leaf_hash(text.encode())


def record_leaf(offset: int, value: bytes | None) -> Hash:
    """A record's leaf: its offset, in 8 bytes, big endian, and the bytes of its value."""
    return leaf_hash(offset.to_bytes(_OFFSET_BYTES) + (value or b""))


@dataclass(frozen=True, slots=True)
class SegmentLeaves:
    """A segment with the leaves, and the offsets, of its records."""

    segment: Segment
    leaves: list[Hash]
    offsets: list[int]


class Cutter:
    """Takes the records of one partition, a few at a time, in order, and returns the segments that they complete."""

    def __init__(self, start: int) -> None:
        #: The offset at which the incomplete segment begins.
        self.start = start
        self._leaves: list[Hash] = []
        self._offsets: list[int] = []

    def take(self, records: Iterable[tuple[int, bytes | None]]) -> list[SegmentLeaves]:
        """Take the next records, each with its offset."""
        cuts = []
        leaves, offsets = self._leaves, self._offsets
        for offset, value in records:
            leaves.append(record_leaf(offset, value))
            offsets.append(offset)
            tick = tick_of(value)
            if tick is not None or len(leaves) == MOST:
                segment = Segment(self.start, offset + 1, len(leaves), root_of(leaves), tick)
                cuts.append(SegmentLeaves(segment, leaves, offsets))
                self.start = offset + 1
                leaves = self._leaves = []
                offsets = self._offsets = []
        return cuts


def tick_of(value: bytes | None) -> datetime | None:
    """The quarter hour in a record that is a tick of the real clock; None for any other record.

    It is read from the bytes alone, so records of other program versions and of strangers are no exception. A stranger
    may write any moment; only one in UTC counts, as all real ticks are: others have no single text in a signed head, or
    cannot be converted to UTC.
    """
    if value is None or not value.startswith(_TICK):
        return None
    try:
        document = json.loads(value)
        tick = datetime.fromisoformat(document["data"]["now"]) if document["organization"] == "" else None
    except (*NOT_JSON, KeyError, TypeError):
        return None
    return tick if tick is not None and tick.utcoffset() == _UTC else None


@dataclass(frozen=True, slots=True)
class Tree:
    """The tree of a partition's segments, as far as it has grown.

    `size` is the number of segments, `end` the end of the last one, `peaks` the state from which the tree grows.
    """

    topic: str
    partition: int
    size: int = 0
    end: int = 0
    peaks: tuple[Hash, ...] = ()

    @property
    def root(self) -> Hash:
        """A hash over all records before `end`."""
        return root_of_peaks(self.peaks)

    def grown(self, segment: Segment) -> "Tree":
        """The tree with the next segment."""
        peaks = tuple(grown(self.peaks, self.size, segment.leaf(self.topic, self.partition)))
        return Tree(self.topic, self.partition, self.size + 1, segment.end, peaks)
