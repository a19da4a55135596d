"""The targets of waits, and the one place where ends and positions are compared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from events.sources import read_source
from events.topics import home_of
from services.readside.looking import Seen


class WaitTarget(Protocol):
    """The target of a wait: a value, so that all waits for equal targets are one wait. `what` and `who` are for
    messages.

    `is_of_read_models`: read models of another version never reach it.
    """

    @property
    def what(self) -> str: ...
    @property
    def who(self) -> str: ...
    @property
    def is_of_read_models(self) -> bool: ...

    def reached(self, seen: Seen) -> bool:
        """Whether the look shows that the target is reached."""
        ...

    def standing(self, seen: Seen) -> object:
        """A value that changes as long as there is progress towards the target."""
        ...


def usage_read(seen: Seen, partitions: Iterable[int]) -> dict[int, int]:
    """The offset up to which each of these partitions of `usage` is rated and projected."""
    generations, sequences = seen.generations, seen.projected.sequences
    read = {}
    for partition in partitions:
        of_home = sequences.get(home_of(partition, generations.partitions), {})
        read[partition] = max(
            of_home.get(read_source(generations.usage, partition), 0), generations.begin_of(partition)
        )
    return read


@dataclass(frozen=True, slots=True)
class Relayed:
    """Kafka has acknowledged every event of the store up to a position."""

    position: int
    what = "the relay to publish every command"
    who = "relay"
    is_of_read_models = False

    def reached(self, seen: Seen) -> bool:
        return seen.relayed >= self.position

    def standing(self, seen: Seen) -> object:
        return seen.relayed


@dataclass(frozen=True, slots=True)
class UsageProjected:
    """Usage up to these ends of `usage`, by partition, is rated and projected."""

    ends: tuple[tuple[int, int], ...]
    what = "usage to be rated and projected"
    who = "ingest worker or the projector"
    is_of_read_models = True

    def reached(self, seen: Seen) -> bool:
        read = self._read(seen)
        return seen.outdated is None and all(read[partition] >= end for partition, end in self.ends)

    def standing(self, seen: Seen) -> object:
        return self._read(seen) if seen.outdated is None else seen.projected

    def _read(self, seen: Seen) -> Mapping[int, int]:
        return usage_read(seen, (partition for partition, _ in self.ends))


@dataclass(frozen=True, slots=True)
class LogProjected:
    """The read models have folded these ends of `billing.events`, by partition, and of `billing.catalog` in each."""

    ends: tuple[tuple[int, int], ...]
    catalog: int
    what = "the log to be projected"
    who = "projector"
    is_of_read_models = True

    def reached(self, seen: Seen) -> bool:
        log, catalogs = seen.projected.next_offsets, seen.projected.catalog_offsets
        return seen.outdated is None and all(
            log.get(partition, 0) >= end and catalogs.get(partition, 0) >= self.catalog for partition, end in self.ends
        )

    def standing(self, seen: Seen) -> object:
        return seen.projected
