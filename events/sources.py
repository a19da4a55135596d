"""Sources: who numbered a record of the log, which of them are this system's own, and what of each is read already.

The sequence rule (decision 5): a record counts if its sequence is greater than the last one from its source. Whoever
reads or writes a partition of the log keeps one `LastSequences` of it: what was appended twice counts once.

Kafka lets anyone write who may reach it. A record of a stranger, whose source bears no name that this system gave, is
passed over by every reader alike, so it can neither stop the log nor move a cent (decision 28).

Also how what a publisher sends twice is known again, and for how long (decisions 3 and 11).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import lt
from typing import TypeVar

T = TypeVar("T")

#: A usage record is known by who sent which id (organization, account, source, id), and told from another one under the
#: same id by its content: hashes of so many bytes, one behind the other in the digest of `UsageRated`.
ID_HASH_BYTES = 12
CONTENT_HASH_BYTES = 4
DIGEST_BYTES = ID_HASH_BYTES + CONTENT_HASH_BYTES

#: Days for which what is sent twice is known again: of log time for usage, of the store's clock for a request with an
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
    """The partition of `usage` that a `usage_source` or `read_source` is of."""
    return int(source.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class Origins:
    """The names of all generations that stores and topics of this system ever had."""

    generations: frozenset[str]

    def own(self, source: str) -> bool:
        """Whether a source is one of ours."""
        kind, _, rest = source.partition("/")
        return kind in KINDS and rest.partition("/")[0] in self.generations


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
        """Whether all of these are new from one source in this order; if not, nothing is changed. Of no sequences at
        all it is False."""
        if not sequences or sequences[0] <= self.get(source, NONE) or not all(map(lt, sequences, sequences[1:])):
            return False
        self[source] = sequences[-1]
        return True

    def missing(self, source: str, numbered: Iterable[tuple[int, T]]) -> list[T]:
        """Those of a source's numbered records that are not here yet; nothing is changed."""
        last = self.get(source, NONE)
        return [record for sequence, record in numbered if sequence > last]
