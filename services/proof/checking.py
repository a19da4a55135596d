"""Compares the records of a partition with its signed heads, wherever the records come from."""

from collections.abc import Iterable, Sequence

from projections.proof.merkle import Hash, levels_of, node_hash, root_of
from projections.proof.segments import record_leaf
from services.proof.head import Head, SegmentSaid

#: A record's offset and value.
Numbered = tuple[int, bytes | None]


class PartitionCheck:
    """Compares a partition with its heads: call `take` with all of its records in order, a few at a time, then `end`.

    `heads`: all that were signed, in order. `difference`: the first difference, in words; None while there is none.
    """

    def __init__(self, heads: Sequence[Head]) -> None:
        self._heads, self._left = heads, list[Numbered]()
        self._compared = 0
        self.difference: str | None = None

    def take(self, records: Iterable[Numbered]) -> None:
        """Take the next records."""
        self._left += records
        # Wait for one record more than the segment has: if one was inserted, it takes that to find out which.
        while self._is_open and len(self._left) > self._heads[self._compared].segment.records:
            self._compare()

    def end(self) -> None:
        """Compare what is left. Call it once there are no more records."""
        while self._is_open:
            self._compare()

    @property
    def _is_open(self) -> bool:
        return self.difference is None and self._compared < len(self._heads)

    def _compare(self) -> None:
        head = self._heads[self._compared]
        said, records = head.segment, self._left[: head.segment.records]
        if _is(said, records):
            del self._left[: said.records]
            self._compared += 1
        else:
            what = _told(said, self._left[: said.records + 1])
            self.difference = f"{head.named}, of offsets {said.start} to {said.end}: {what}"


def _is(said: SegmentSaid, records: Sequence[Numbered]) -> bool:
    if len(records) != said.records or records[0][0] < said.start or records[-1][0] + 1 != said.end:
        return False
    return root_of([record_leaf(offset, value) for offset, value in records]) == said.root


def _told(said: SegmentSaid, records: Sequence[Numbered]) -> str:
    """How a segment was changed, in words. `records`: its records now, and the one that follows them."""
    if len(records) < said.records:
        return f"{said.records} records were signed, and there are {len(records)}"
    inserted = _inserted(said, records)
    if inserted is not None:
        return f"the record at offset {records[inserted][0]} was put in; the others are those that were signed"
    return "the records are not those that were signed"


def _inserted(said: SegmentSaid, records: Sequence[Numbered]) -> int | None:
    """The index of the one record that was inserted: without it, and with all later ones an offset earlier, the records
    are what was signed. None if there is no such record.
    """
    if len(records) != said.records + 1:
        return None
    before = levels_of([record_leaf(offset, value) for offset, value in records[:-1]])
    behind = levels_of([record_leaf(offset - 1, value) for offset, value in records[1:]])
    for index in range(len(records)):
        if _joined(before, behind, len(before) - 1, 0, index) == said.root:
            return index
    return None


def _joined(
    before: Sequence[Sequence[Hash]], behind: Sequence[Sequence[Hash]], level: int, index: int, inserted: int
) -> Hash:
    """The hash of a node of the tree without the inserted record.

    Its leaves are those of tree `before` up to the inserted record's index, then those of tree `behind`; `level` and
    `index` say which node. Subtrees that have leaves of one tree alone are taken from that, so few hashes are computed.
    """
    start, end = index << level, min((index + 1) << level, len(before[0]))
    if inserted >= end:
        return before[level][index]
    if inserted <= start:
        return behind[level][index]
    left = _joined(before, behind, level - 1, 2 * index, inserted)
    if 2 * index + 1 == len(before[level - 1]):
        return left
    return node_hash(left, _joined(before, behind, level - 1, 2 * index + 1, inserted))
