"""Sources: who numbered a record of the log, whether that was this system, and which records of a source were read.

The sequence rule (decision 5): a record counts if its sequence is greater than the last sequence from its source.
Whoever reads or writes a partition of the log keeps one `LastSequences` for it, so a record that was appended twice
counts once.

Anyone who reaches Kafka can write to it. A stranger's record has a source that this system never named; every reader
passes over it alike, so it can neither stop the log nor move a cent (decision 28).

This module also says how a repeated usage record is recognised, and for how long (decisions 3 and 11).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import lt
from typing import TypeVar

T = TypeVar("T")

#: Sizes in bytes of the two hashes in the digest of `UsageRated`. The first says who sent which id (organization,
#: account, source, id); the second tells different contents under the same id apart.
ID_HASH_BYTES = 12
CONTENT_HASH_BYTES = 4
DIGEST_BYTES = ID_HASH_BYTES + CONTENT_HASH_BYTES

#: Days for which a repetition is recognised: of log time for usage, of the store's clock for a request with an
#: Idempotency-Key.
WINDOW_DAYS = 35

#: Before the first record of a source.
NONE = -1
#: `usage/<generation>/<partition>`, `read/<generation>/<partition>`, `commands/<generation>`, `clock/<generation>`.
KINDS = frozenset(("usage", "read", "commands", "clock"))


def usage_source(generation: str, partition: int) -> str:
    """Source of `UsageRated`; its sequence is the record's offset in `usage`."""
    return f"usage/{generation}/{partition}"


def read_source(generation: str, partition: int) -> str:
    """Source of `UsageRead`; its sequence is the next offset of `usage`."""
    return f"read/{generation}/{partition}"


def commands_source(generation: str) -> str:
    """Source of facts of the event store; the sequence is the store's position."""
    return f"commands/{generation}"


def clock_source(generation: str) -> str:
    """Source of the relay's ticks; the sequence is the number of quarter hours since 1970."""
    return f"clock/{generation}"


def usage_partition_of(source: str) -> int:
    """The partition of `usage` in the name of a `usage_source` or `read_source`."""
    return int(source.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class Origins:
    """The names of all generations that this system's stores and topics ever had."""

    generations: frozenset[str]

    def own(self, source: str) -> bool:
        """Whether the source is one of this system's."""
        kind, _, rest = source.partition("/")
        # JSON may hold a text that has no bytes, of which no id can be made.
        return source.isascii() and kind in KINDS and rest.partition("/")[0] in self.generations


class LastSequences(dict[str, int]):
    """The last sequence of each source in one partition; as JSON an object."""

    def last(self, source: str) -> int:
        """The last sequence from this source; NONE before the first."""
        return self.get(source, NONE)

    def accepts(self, source: str, sequence: int) -> bool:
        """Whether the record is new from its source; a new record becomes the source's last one."""
        if sequence <= self.get(source, NONE):
            return False
        self[source] = sequence
        return True

    def accepts_all(self, source: str, sequences: Sequence[int]) -> bool:
        """Whether all these sequences are new from one source, in this order; otherwise nothing changes. False if there
        are none.
        """
        if not sequences or sequences[0] <= self.get(source, NONE) or not all(map(lt, sequences, sequences[1:])):
            return False
        self[source] = sequences[-1]
        return True

    def missing(self, source: str, numbered: Iterable[tuple[int, T]]) -> list[T]:
        """The records of a source whose sequences are new; nothing changes."""
        last = self.get(source, NONE)
        return [record for sequence, record in numbered if sequence > last]
