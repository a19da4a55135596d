"""The log cut into segments, by what stands in it alone, so whoever reads the same records gets the same (decision 31).

A segment ends with the tick of a quarter hour (decision 14), or when it has MOST records. Its records are the leaves of
one tree, and the segments of a partition those of another, where each says from where to where it goes and what the
root of its records is. So a record is proved by reading its segment, and that nothing before was changed without
reading any record at all.

Where the records come from is nothing to this module: the log, an archive of it, or an export.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from projections.proof.merkle import Hash, grown, leaf_hash, root_of, root_of_peaks

#: To prove a record costs at most so many read: some 30 MB, and less than a second.
MOST = 65_536
_OFFSET_BYTES = 8
_TICK = b'{"type":"ClockTicked",'


class Segment(NamedTuple):
    """Records at offsets from `start`, before `end`; `root` is that of their tree.

    `tick` is the quarter hour whose tick ended it; None: it was full.
    """

    start: int
    end: int
    records: int
    root: Hash
    tick: datetime | None

    def leaf(self, topic: str, partition: int) -> Hash:
        """Its leaf in the tree of the segments of this partition. The topic is called as we call it, in any cluster."""
        tick = self.tick.isoformat() if self.tick else "-"
        text = f"{topic}/{partition} {self.start} {self.end} {self.records} {self.root.hex()} {tick}"
        return leaf_hash(text.encode())


def record_leaf(offset: int, value: bytes | None) -> Hash:
    """A record's leaf: its offset, in 8 bytes, big endian, and the bytes of its value."""
    return leaf_hash(offset.to_bytes(_OFFSET_BYTES) + (value or b""))


@dataclass(frozen=True, slots=True)
class Cut:
    """A segment with the leaves, and the offsets, of its records."""

    segment: Segment
    leaves: list[Hash]
    offsets: list[int]


class Cutter:
    """Takes the records of one partition, a few at a time, in order; gives the segments that they complete."""

    def __init__(self, start: int) -> None:
        #: Where the segment begins that is not complete.
        self.start = start
        self._leaves: list[Hash] = []
        self._offsets: list[int] = []

    def take(self, records: Iterable[tuple[int, bytes | None]]) -> list[Cut]:
        """The next records, each with its offset."""
        cuts = []
        leaves, offsets = self._leaves, self._offsets
        for offset, value in records:
            leaves.append(record_leaf(offset, value))
            offsets.append(offset)
            tick = tick_of(value)
            if tick is not None or len(leaves) == MOST:
                segment = Segment(self.start, offset + 1, len(leaves), root_of(leaves), tick)
                cuts.append(Cut(segment, leaves, offsets))
                self.start = offset + 1
                leaves = self._leaves = []
                offsets = self._offsets = []
        return cuts


def tick_of(value: bytes | None) -> datetime | None:
    """The quarter hour that a record tells of all organizations; None for any other record.

    It is told from the bytes alone, also of one that another version of the program wrote, or nobody of ours.
    """
    if value is None or not value.startswith(_TICK):
        return None
    try:
        document = json.loads(value)
        return datetime.fromisoformat(document["data"]["now"]) if document["organization"] == "" else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class Tree:
    """The tree of a partition's segments, as far as it has grown.

    `size` is how many there are, `end` where the last one ends, `peaks` what it grows on from.
    """

    topic: str
    partition: int
    size: int = 0
    end: int = 0
    peaks: tuple[Hash, ...] = ()

    @property
    def root(self) -> Hash:
        """What stands for all records before `end`."""
        return root_of_peaks(self.peaks)

    def grown(self, segment: Segment) -> "Tree":
        """With the segment that follows."""
        peaks = tuple(grown(self.peaks, self.size, segment.leaf(self.topic, self.partition)))
        return Tree(self.topic, self.partition, self.size + 1, segment.end, peaks)
