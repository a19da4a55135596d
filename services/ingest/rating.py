"""The amount that a usage record adds to its charges: C(total after) - C(total before), exact (rules 3.4, decision 16).

For information only: bills are settled from quantities by day. So a child's usage is rated by its own total even if the
bill pools it with its parent's, and a late record is rated as the last one of its charge. One law must hold, and is
tested: the amounts of one account's charge sum to C of its total.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

from projections.aggregates import TotalsKey, contributions
from projections.calendar import ONE_DAY, Period, within
from projections.rating.terms import PlanTerms, Reader, Series
from projections.rating.timelines import held_days
from projections.usage import MeterPlan, joined
from services.ingest.directory import Directory
from services.ingest.lane import DayAtHand
from services.ingest.running_charge import Applied, RunningCharge, Stretches, stretches_of
from services.ingest.totals import PartitionTotals
from services.ingest.validate import Usage


class ReadersOf(Protocol):
    """What knows by which series usage is rated."""

    def readers(self, directory: Directory, key: TotalsKey) -> tuple[Reader, ...]:
        """The series that read a total of an account."""


@dataclass(slots=True)
class _Charges:
    """The cached charges of one account."""

    #: By aggregation, segment and day, for aggregations that are not plain sums.
    others: dict[tuple[str, str, date], tuple[RunningCharge, ...]] = field(default_factory=dict)
    #: By total, with the days for which they are the same.
    by_period: dict[TotalsKey, tuple[Period, tuple[RunningCharge, ...]]] = field(default_factory=dict)
    #: By total, account plan, pricing and the first of the days they sum.
    running: dict[tuple[TotalsKey, str, str, Period], RunningCharge] = field(default_factory=dict)


class Rater:
    """Rates the records of one partition by its totals. Call `forget` after the catalog moved, and drop the lanes
    too.
    """

    def __init__(self, totals: PartitionTotals) -> None:
        self._totals = totals
        #: By account.
        self._charges: defaultdict[str, _Charges] = defaultdict(_Charges)
        self._prices: dict[tuple[str, str], Stretches | None] = {}

    def forget(self, accounts: Iterable[str], *, prices: bool) -> None:
        """Drop the cached charges of these accounts, and with `prices` all cached prices; they are found again from the
        totals by day.
        """
        for account in accounts:
            self._charges.pop(account, None)
        if prices:
            self._prices.clear()

    def rate(self, usage: Usage, catalogs: ReadersOf) -> str:
        """Add the record to its totals, and to the charges that read them; a `RatedCharge` for each that gained.

        The result is JSON, the items of a list without its brackets. Call it in context EXACT.
        """
        lane, day, numbers = usage.lane, usage.day, usage.numbers
        gained: list[str] = []  # `list[str]()` takes ten times as long
        for running_sum in lane.sums:
            text = numbers.get(running_sum.field)
            if text is None:
                continue
            at_hand = running_sum.at_hand
            if at_hand is None or at_hand.day != day:
                at_hand = running_sum.take_up(self._day_of(running_sum.key, day, lane.directory, catalogs))
            _, cell, charges = at_hand
            number = Decimal(text)
            cell.number += number
            cell.records += 1
            for charge in charges:
                if amount := charge.gain(number, text):
                    gained.append(f'{{{charge.members},"amount":"{amount}"}}')
        if lane.plan is not None and lane.plan.others:
            gained += self._rate_others(usage, day, lane.plan, catalogs)
        return ",".join(gained)

    def _day_of(self, key: TotalsKey, day: date, directory: Directory, catalogs: ReadersOf) -> DayAtHand:
        # Charges first: what they have summed so far is found before this record's cell is there.
        charges = self._find(key, day, directory, catalogs)
        return DayAtHand(day, self._totals.cell(key, day), charges)

    def _rate_others(self, usage: Usage, day: date, plan: MeterPlan, catalogs: ReadersOf) -> list[str]:
        lane, account_id = usage.lane, usage.lane.account.id
        gains: list[str] = []
        values = {code: Decimal(number) for code, number in usage.numbers.items()}
        parts = contributions(plan.others, values, joined(usage.texts.values()), usage.ts, usage.usage_id)
        others = self._charges[account_id].others
        for aggregation_id, segment, state in parts:
            on_day = (aggregation_id, segment, day)
            charges = others.get(on_day)
            if charges is None:
                key = account_id, aggregation_id, segment
                charges = others[on_day] = self._find(key, day, lane.directory, catalogs)
            for charge in charges:
                if amount := charge.gain_state(state):
                    gains.append(f'{{{charge.members},"amount":"{amount}"}}')
        self._totals.add(account_id, day, plan, parts)
        return gains

    def _find(self, key: TotalsKey, day: date, directory: Directory, catalogs: ReadersOf) -> tuple[RunningCharge, ...]:
        """The charges of a total on a day; those of one day are mostly those of the whole billing period."""
        of_account = self._charges[key[0]]
        last_period = of_account.by_period.get(key)
        if last_period is None or not last_period[0].holds(day):
            applied, days = applied_on(catalogs.readers(directory, key), key[0], day)
            charges = tuple(self._of(key, priced, of_account.running) for priced in applied)
            last_period = of_account.by_period[key] = (days, charges)
        return last_period[1]

    def _of(
        self, key: TotalsKey, applied: Applied, running: dict[tuple[TotalsKey, str, str, Period], RunningCharge]
    ) -> RunningCharge:
        """One running state per charge, shared by all days of the charge, made before the record enters the totals."""
        identity = (key, applied.plan.id, applied.pricing.id, applied.days[0])
        charge = running.get(identity)
        if charge is None:
            state = self._totals.over(key, applied.series.function, applied.days)
            charge = running[identity] = RunningCharge(key, applied, self._price(key[1], applied), state)
        return charge

    def _price(self, aggregation_id: str, applied: Applied) -> Stretches | None:
        """The price in stretches, shared by all its payers: data that every record reads should stay in the cache."""
        identity = (aggregation_id, applied.pricing.id)
        if identity not in self._prices:
            self._prices[identity] = stretches_of(applied.series, applied.pricing)
        return self._prices[identity]


def applied_on(readers: tuple[Reader, ...], account_id: str, day: date) -> tuple[list[Applied], Period]:
    """The charges that usage of the day affects: debit pricings that apply on it, with the days they sum.

    Also returns the days around it for which the result is the same.
    """
    applied, same = [], Period(date.min, date.max)
    for plan, series, _ in readers:
        # A formula's value also moves with records of other meters: it is only settled, and no record has a share of
        # it.
        if not (series.is_credit or series.compound_id is not None):
            charge, days = _applied_by(plan, series, account_id, day)
            if charge is not None:
                applied.append(charge)
            same = same.clipped(*days)
    return applied, same


def _applied_by(plan: PlanTerms, series: Series, account_id: str, day: date) -> tuple[Applied | None, Period]:
    """The charge of one series, None if none of its pricings applies; with the days around it as in `applied_on`."""
    alone = Period(day, day + ONE_DAY)
    member = next((account for account in plan.members if account.id == account_id), None)
    if member is None or not within(day, plan.start, plan.end) or not plan.rates(member, day):
        return None, alone
    billing = plan.period(plan.grid.number(day))
    for pricing, runs in held_days(series.spans, billing):
        holding = next((span for span in runs if span.holds(day)), None)
        if holding is not None:
            summed = (Period(plan.start, plan.end or date.max),) if pricing.span else tuple(runs)
            # This plan may not rate another day of a child.
            same = billing.clipped(*holding) if member.id == plan.account.id else alone.clipped(*holding)
            return Applied(plan, series, pricing, summed), same
    return None, alone
