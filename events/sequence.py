"""The sequence rule (decision 5): a record counts if its sequence is greater than the last one from its source.

Whoever reads or writes a partition of the log keeps one `LastSequences` of it: what was appended twice counts once.
"""

from collections.abc import Iterable, Sequence
from operator import lt
from typing import TypeVar

T = TypeVar("T")

#: Before the first record of a source.
NONE = -1


class LastSequences(dict[str, int]):
    """The last sequence of each source in one partition; as JSON an object."""

    def last(self, source: str) -> int:
        """The last sequence from this source; NONE before the first."""
        return self.get(source, NONE)

    def accepts(self, source: str, sequence: int) -> bool:
        """Whether the record is new from its source; if so it is the last one from now on."""
        if sequence <= self.get(source, NONE):
            return False
        self[source] = sequence
        return True

    def accepts_all(self, source: str, sequences: Sequence[int]) -> bool:
        """Whether all of these are new from one source in this order; if not, nothing is changed. None are none."""
        if not sequences or sequences[0] <= self.get(source, NONE) or not all(map(lt, sequences, sequences[1:])):
            return False
        self[source] = sequences[-1]
        return True

    def missing(self, source: str, numbered: Iterable[tuple[int, T]]) -> list[T]:
        """Those of a source's numbered records that are not here yet; nothing is changed."""
        last = self.get(source, NONE)
        return [record for sequence, record in numbered if sequence > last]
