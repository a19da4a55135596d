"""Measures: from the states of days to one quantity, of one aggregation (rules 3.1) or of a formula over several
(3.19).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

from events.resources.catalog import AggregationFunction
from projections.aggregates import ADDS_UP, DayState, difference, merge, merge_all, value
from projections.calculation import Calculation, UndefinedError

ZERO = Fraction(0)


class CompoundState(NamedTuple):
    """The states of a formula's aggregations, over one day or several, in the formula's order; None if one has no
    usage.
    """

    parts: tuple[DayState | None, ...]

    @property
    def records(self) -> int:
        """The number of records; a record that several aggregations count is counted for each."""
        return sum(part.records for part in self.parts if part is not None)


State = DayState | CompoundState


class Day(NamedTuple):
    """The state of a day; `held` if the charge's pricing applies (other days only carry a total from before or
    between).
    """

    day: date
    held: bool
    state: State


class Measure(Protocol):
    """The operations that rating needs of a quantity."""

    @property
    def adds_up(self) -> bool:
        """Whether the values of two spans of days add up to the value of both spans together."""

    @property
    def runs_on(self) -> bool:
        """Whether the value covers the whole billing period, whatever pricings succeed each other in it."""

    def merge(self, first: Any, second: Any) -> State:
        """The state of both spans of days together."""

    def merge_all(self, states: Iterable[Any]) -> State | None:
        """The state of all spans together, None for none."""

    def difference(self, before: Any, after: Any) -> State | None:
        """The state that turns `before` into `after` when merged into a total that includes `before`; None if there is
        none, as for a maximum.
        """

    def value(self, state: Any) -> Fraction:
        """The exact value; 0 for no usage."""

    def gain(self, days: Iterable[Day]) -> Fraction:
        """The quantity that the held days add; `days` are in order."""


@dataclass(frozen=True, slots=True)
class Simple:
    """The value of one aggregation."""

    function: AggregationFunction

    @property
    def adds_up(self) -> bool:
        return self.function in ADDS_UP

    @property
    def runs_on(self) -> bool:
        return False

    def merge(self, first: DayState, second: DayState) -> DayState:
        return merge(self.function, first, second)

    def merge_all(self, states: Iterable[DayState]) -> DayState | None:
        return merge_all(self.function, states)

    def difference(self, before: DayState, after: DayState) -> DayState | None:
        return difference(self.function, before, after)

    def value(self, state: DayState | None) -> Fraction:
        return value(self.function, state)

    def gain(self, days: Iterable[Day]) -> Fraction:
        return self.value(self.merge_all([day[2] for day in days if day[1]]))  # type: ignore[misc]


class Source(NamedTuple):
    """An aggregation in a formula; `default` is its value on no usage; None: it then has no value."""

    id: str
    code: str
    function: AggregationFunction
    default: Fraction | None


class Worked(NamedTuple):
    """An evaluated formula: its input values by code (None: no usage), its value, and, if the value is 0 because
    evaluation failed, the reason.
    """

    values: Mapping[str, Fraction | None]
    value: Fraction
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Compound:
    """The value of a formula over the values of aggregations; the sources are in the order of the formula's codes."""

    calculation: Calculation
    sources: Sequence[Source]
    evaluates_nulls: bool

    @property
    def adds_up(self) -> bool:
        return False

    @property
    def runs_on(self) -> bool:
        return True

    def merge(self, first: CompoundState, second: CompoundState) -> CompoundState:
        parts = zip(self.sources, first.parts, second.parts, strict=True)
        return CompoundState(tuple(_merged(source.function, mine, other) for source, mine, other in parts))

    def merge_all(self, states: Iterable[CompoundState]) -> CompoundState | None:
        merged = None
        for state in states:
            merged = state if merged is None else self.merge(merged, state)
        return merged

    def difference(self, before: CompoundState, after: CompoundState) -> CompoundState | None:
        return None

    def value(self, state: CompoundState | None) -> Fraction:
        return ZERO if state is None else self.worked_out(state).value

    def gain(self, days: Iterable[Day]) -> Fraction:
        gained, before, running = ZERO, ZERO, None
        for _, held, state in days:
            assert isinstance(state, CompoundState)
            running = state if running is None else self.merge(running, state)
            after = self.value(running)
            if held:
                gained += after - before
            before = after
        return gained

    def worked_out(self, state: CompoundState) -> Worked:
        """The formula evaluated over the state, with everything that explains the value."""
        values = {source.code: _value(source, part) for source, part in zip(self.sources, state.parts, strict=True)}
        nothing = next((code for code, quantity in values.items() if quantity is None), None)
        if nothing is not None and not self.evaluates_nulls:
            return Worked(values, ZERO, f"{nothing} has no usage and no defaultValue")
        try:
            numbers = {code: ZERO if quantity is None else quantity for code, quantity in values.items()}
            return Worked(values, self.calculation.value(numbers))
        except UndefinedError as error:
            return Worked(values, ZERO, str(error))


def _merged(function: AggregationFunction, mine: DayState | None, other: DayState | None) -> DayState | None:
    if mine is None or other is None:
        return mine or other
    return merge(function, mine, other)


def _value(source: Source, part: DayState | None) -> Fraction | None:
    return source.default if part is None else value(source.function, part)
