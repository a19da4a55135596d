"""The records of a partition, compared with what was signed of it; wherever they come from."""

from collections.abc import Iterable, Sequence

from projections.proof.merkle import Hash, levels_of, node_hash, root_of
from projections.proof.segments import record_leaf
from services.proof.head import Head, SegmentSaid

#: An offset, and a value.
Numbered = tuple[int, bytes | None]


class PartitionCheck:
    """Takes all records of a partition, in order, a few at a time; `heads` are all that was signed of it.

    `difference` is the first one, in words; None: so far there is none.
    """

    def __init__(self, heads: Sequence[Head]) -> None:
        self._heads, self._left = heads, list[Numbered]()
        self._compared = 0
        self.difference: str | None = None

    def take(self, records: Iterable[Numbered]) -> None:
        """The next records."""
        self._left += records
        # One more than a segment has: if one was put in, it takes that to find out which.
        while self._is_open and len(self._left) > self._heads[self._compared].segment.records:
            self._compare()

    def end(self) -> None:
        """There are no more records."""
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
    """What became of a segment: these are its records now, and the one that follows them."""
    if len(records) < said.records:
        return f"{said.records} records were signed, and there are {len(records)}"
    inserted = _inserted(said, records)
    if inserted is not None:
        return f"the record at offset {records[inserted][0]} was put in; the others are those that were signed"
    return "the records are not those that were signed"


def _inserted(said: SegmentSaid, records: Sequence[Numbered]) -> int | None:
    """The index of the one record without which these are what was signed; all behind it stood one offset earlier."""
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
    """A node of the tree that has the leaves of one tree before the inserted record, else those of the other."""
    start, end = index << level, min((index + 1) << level, len(before[0]))
    if inserted >= end:
        return before[level][index]
    if inserted <= start:
        return behind[level][index]
    left = _joined(before, behind, level - 1, 2 * index, inserted)
    if 2 * index + 1 == len(before[level - 1]):
        return left
    return node_hash(left, _joined(before, behind, level - 1, 2 * index + 1, inserted))
