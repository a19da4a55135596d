"""Voided and amended events, corrected in the totals that already hold them (decision 32).

This step comes after all others of a poll: memory then holds every record below the poll's end, so the corrected totals
are a function of the log up to there, whatever the sizes of polls.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NamedTuple

from events.codec import decode
from events.envelope import Envelope
from events.facts.corrections import UsageAmended, UsageCorrection
from events.resources.catalog import AggregationFunction
from events.sources import Origins
from projections.aggregates import Contribution, DayState
from projections.corrections import NOTHING, Corrected, CorrectedFold, corrections_of, day_of, put_in, taken_out
from projections.readmodels import columns, facts, usage_totals
from projections.readmodels.facts import FactRow
from projections.usage import CellKey, MeterPlan
from services.kafka import LogReader
from services.projection.taking import Decoded
from services.readside.family_cache import FamilyCache
from services.readside.family_state import FamilyState
from services.readside.past.logged_usage import usage_between


def corrections_in(decoded: Decoded) -> list[Envelope]:
    """The facts of a poll that correct usage, in order."""
    return [envelope for _, _, envelope, _ in decoded.facts if isinstance(envelope.data, UsageCorrection)]


async def known_corrections(
    connection: Any, partition: int, organizations: Iterable[str], unwritten: Sequence[FactRow]
) -> dict[int, Corrected]:
    """All corrections of these organizations that were folded in a partition: written ones, then unwritten ones."""
    wanted = set(organizations)
    rows = await connection.fetch(facts.CORRECTIONS, partition, sorted(wanted))
    records = [bytes(row["record"]) for row in rows]
    records += [row.record for row in unwritten if row.organization in wanted and row.type in facts.CORRECTING]
    return corrections_of(map(decode, records))


Ranges = dict[CellKey, tuple[int, int]]


async def written_ranges(connection: Any, keys: Iterable[CellKey]) -> Ranges:
    """The first and last written offset of these totals."""
    rows = await connection.fetch(usage_totals.OFFSETS, *columns(list(keys), 4))
    return {tuple(row)[:4]: (row["first_offset"], row["last_offset"]) for row in rows}


class _Part(NamedTuple):
    """What the event at a log offset contributes to a total, by its aggregation's function: to be taken out of it, or
    put in."""

    key: CellKey
    offset: int
    function: AggregationFunction
    value: DayState
    is_gone: bool


@dataclass(frozen=True, slots=True)
class Correcting:
    """The inputs for correcting totals of a partition. `passing_over` are aggregations that are derived again instead;
    `ranges` gives the result of `written_ranges`.
    """

    reader: LogReader
    ranges: Callable[[Collection[CellKey]], Awaitable[Ranges]]
    partition: int
    origins: Origins
    plans: Mapping[str, MeterPlan]
    cache: FamilyCache
    passing_over: Set[str]

    async def correct(self, corrections: Iterable[Envelope]) -> set[CellKey]:
        """Apply facts that the families in memory have already evolved by; returns the changed totals.

        A total's state mostly suffices to remove or replace an event. If it does not, for example when the maximum is
        removed, the total is added up again from the log, after all facts are applied.
        """
        touched = set[CellKey]()
        #: Totals to add up again, and the log offset of the last corrected event in each.
        again: dict[CellKey, int] = {}
        for part in self._parts(corrections):
            touched.add(part.key)
            if not self._restate(part, is_sure=part.key not in again):
                again[part.key] = part.offset
        if again:
            for start, end, keys in self._merged(again, await self.ranges(again.keys())):
                await self._add_up_again(start, end, keys, again)
        return touched

    def _parts(self, corrections: Iterable[Envelope]) -> Iterator[_Part]:
        """What the facts take out of totals and put in, in order."""
        for envelope in corrections:
            fact, family = envelope.data, self.cache.of_account(envelope.account or "")
            assert isinstance(fact, UsageCorrection) and family is not None, "a fact's family is in memory"
            event, plan = family.corrections[fact.log_offset], self.plans.get(fact.meter_id)
            if plan is None:
                continue
            yield from self._parts_of(event, fact.log_offset, plan, event.adds(plan, fact.was), is_gone=True)
            if isinstance(fact, UsageAmended):
                yield from self._parts_of(event, fact.log_offset, plan, event.adds(plan, fact.now), is_gone=False)

    def _parts_of(
        self, event: Corrected, offset: int, plan: MeterPlan, parts: Iterable[Contribution], *, is_gone: bool
    ) -> Iterator[_Part]:
        day = day_of(event, self.cache.zones)
        for aggregation_id, segment, value in parts:
            if aggregation_id not in self.passing_over:
                key = (event.account, aggregation_id, segment, day)
                yield _Part(key, offset, plan.functions[aggregation_id], value, is_gone)

    def _restate(self, part: _Part, *, is_sure: bool) -> bool:
        """Take the part out of its total, or put it in. False: the total must be added up again.

        Not `is_sure`: that is known already, so the state stays as it is.
        """
        family = self._family(part.key)
        state = family.total(part.key)
        if state is None:
            assert not part.is_gone, "what is taken out was added before"
            family.restate(part.key, part.value, part.offset)
            return True
        change = taken_out if part.is_gone else put_in
        after = change(part.function, state, part.value) if is_sure else None
        family.restate(part.key, state if after is None else after, part.offset)
        return after is not None

    def _merged(self, keys: Iterable[CellKey], written: Ranges) -> Iterator[tuple[int, int, list[CellKey]]]:
        """The ranges of the log within the totals' own offsets, written or not; overlapping ranges are merged."""
        overlapping: list[CellKey] = []
        start = end = 0
        for first, last, key in sorted((*self._range(key, written), key) for key in keys):
            if overlapping and first >= end:
                yield start, end, overlapping
                overlapping = []
            start, end = (start, max(end, last + 1)) if overlapping else (first, last + 1)
            overlapping.append(key)
        if overlapping:
            yield start, end, overlapping

    def _range(self, key: CellKey, written: Ranges) -> tuple[int, int]:
        first, last = self._family(key).offsets[key]
        before = written.get(key, (first, last))
        return min(first, before[0]), max(last, before[1])

    async def _add_up_again(
        self, start: int, end: int, keys: Sequence[CellKey], corrected: Mapping[CellKey, int]
    ) -> None:
        accounts, aggregations = {key[0] for key in keys}, {key[1] for key in keys}
        corrections: dict[int, Corrected] = {}
        for key in keys:
            corrections |= self._family(key).corrections
        plans = {meter_id: _only(plan, aggregations) for meter_id, plan in self.plans.items()}
        fold = CorrectedFold(corrections, plans, self.cache.zones)
        usage = usage_between(self.reader, self.partition, start, end, accounts, self.origins)
        async with aclosing(usage) as polls:
            async for logged in polls:
                values = {usage.offset: usage.value for usage in logged}
                fold.fold(list(values), [usage.record for usage in logged], values.__getitem__)
        cells = fold.cells()
        for key in keys:
            self._family(key).restate(key, cells[key].day_state() if key in cells else NOTHING, corrected[key])

    def _family(self, key: CellKey) -> FamilyState:
        family = self.cache.of_account(key[0])
        assert family is not None, "a family with a correction stays in memory"
        return family


def _only(plan: MeterPlan, aggregations: Set[str]) -> MeterPlan:
    sums = tuple(sum for sum in plan.sums if sum[0] in aggregations)
    return plan._replace(sums=sums, others=tuple(other for other in plan.others if other.id in aggregations))
