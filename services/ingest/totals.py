"""The usage totals of one partition in memory: a `DayState` per account, aggregation, segment and day.

The same states as the projector's table `usage_totals`, folded by the same functions of `projections.aggregates`.
Ingest needs them to say what a record adds to its charges; no bill rests on them.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal

from events.resources.catalog import AggregationFunction
from projections.aggregates import Contribution, DayState, TotalsKey, contributions, merge, merge_all
from projections.calendar import Period
from services.projector.cells import MeterPlan


class PartitionTotals:
    """Totals by key and day."""

    def __init__(self) -> None:
        self._days: dict[TotalsKey, dict[date, DayState]] = {}

    def load(self, key: TotalsKey, day: date, state: DayState) -> None:
        """Take a row of a snapshot."""
        self._days.setdefault(key, {})[day] = state

    def add(self, account_id: str, day: date, plan: MeterPlan, parts: Iterable[Contribution]) -> None:
        """Merge what a record adds into its day."""
        for aggregation_id, segment, value in parts:
            key = (account_id, aggregation_id, segment)
            days = self._days.get(key)
            if days is None:
                days = self._days[key] = {}
            held = days.get(day)
            days[day] = value if held is None else merge(plan.functions[aggregation_id], held, value)

    def over(self, key: TotalsKey, function: AggregationFunction, periods: Iterable[Period]) -> DayState | None:
        """The state of all days that lie in one of the periods."""
        days = self._days.get(key)
        if not days:
            return None
        inside = [state for day, state in days.items() if any(period.holds(day) for period in periods)]
        return merge_all(function, inside)


def parts_of(
    plan: MeterPlan,
    numbers: Mapping[str, Decimal],
    texts: Iterable[Mapping[str, str]],
    ts: datetime,
    usage_id: str,
) -> list[Contribution]:
    """What a record with these numbers and maps of text adds to the aggregations of its meter.

    Plain sums, which nearly all usage is, are taken here; everything else by `projections.aggregates`.
    """
    parts = [
        Contribution(aggregation_id, "", DayState(numbers[field], 1))
        for aggregation_id, field in plan.sums
        if field in numbers
    ]
    if plan.others:
        joined: dict[str, str] = {}
        for fields in texts:
            joined.update(fields)
        parts += contributions(plan.others, numbers, joined, ts, usage_id)
    return parts
