"""The families that a transaction of the projector has settled, by how many of their rows it writes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

from services.projection.unwritten import PartitionState
from services.readside.family_state import FamilyState


class Depth(Enum):
    """How many rows of a settled family are written: only balances, or more."""

    BALANCES = "balances"
    #: Draws and accrued lines as well.
    LINES = "lines"
    #: Outlooks as well.
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class SettledFamilies:
    """The families settled in a transaction, by depth, and those that failed."""

    connection: Any
    states: Mapping[int, PartitionState]
    settled: Mapping[Depth, list[FamilyState]] = field(default_factory=lambda: {depth: [] for depth in Depth})
    failed: list[FamilyState] = field(default_factory=list)

    @classmethod
    def over(cls, connection: Any, states: Iterable[PartitionState]) -> Self:
        """A transaction in which nothing was settled yet."""
        return cls(connection, {state.position.partition: state for state in states})

    def note(self, family: FamilyState, depth: Depth, is_settled: bool) -> None:
        """Note that a family was settled, or failed."""
        (self.settled[depth] if is_settled else self.failed).append(family)

    @property
    def count(self) -> int:
        """The number of settled families."""
        return sum(map(len, self.settled.values()))
