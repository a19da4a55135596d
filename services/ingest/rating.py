"""What a usage record adds to its charges: C(total after) - C(total before), exact (rules 3.4, decision 16).

Informative: bills are settled from quantities by day. So a child's usage is rated by its own total even where the bill
pools it with its parent's, and a record that arrives late is rated as the last one of its charge. What must hold, and
is tested, is that the amounts of one account's charge sum to C of its total.
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial

from projections.aggregates import TotalsKey, contributions
from projections.calendar import ONE_DAY, Period
from projections.rating.terms import Reader
from projections.rating.timelines import held_days
from projections.usage.cells import MeterPlan
from services.ingest.decimal_price import DecimalPrice, decimal_price
from services.ingest.directory import Directory
from services.ingest.lane import Lane
from services.ingest.running import Applied, Running
from services.ingest.totals import Cell, PartitionTotals, joined
from services.ingest.validate import Usage

#: Which series read a total of an account.
ReadersOf = Callable[[Directory, TotalsKey], tuple[Reader, ...]]
_Readers = Callable[[TotalsKey], tuple[Reader, ...]]


class _Sum:
    """A plain sum of one account: its field, and of the day at hand its cell and the charges that it runs into."""

    __slots__ = ("cell", "charges", "day", "field", "key")

    def __init__(self, field: str, key: TotalsKey) -> None:
        self.field = field
        self.key = key
        self.day: date | None = None
        self.cell: Cell
        self.charges: tuple[Running, ...]


class Rater:
    """Rates the records of one partition, on its totals. `forget` after the catalog moved, and all lanes with it."""

    def __init__(self, totals: PartitionTotals) -> None:
        self._totals = totals
        self._others: dict[tuple[str, str, str, date], tuple[Running, ...]] = {}
        self._held: dict[TotalsKey, tuple[Period, tuple[Running, ...]]] = {}
        self._running: dict[tuple[str, str, str, str, str, Period], Running] = {}
        self._prices: dict[tuple[str, str], DecimalPrice | None] = {}

    def forget(self) -> None:
        """Prices may have changed: charges are found again, from the totals by day."""
        self._others.clear()
        self._held.clear()
        self._running.clear()
        self._prices.clear()

    def rate(self, usage: Usage, readers: ReadersOf) -> str:
        """Add the record to its totals, and to the charges that read them; what each of these gained, as JSON.

        To be called in context EXACT.
        """
        lane, day, numbers, found = usage.lane, usage.day, usage.numbers, ""
        plan = lane.plan
        if plan is None:
            return found
        if lane.sums is None:
            lane.sums = tuple(_Sum(field, (lane.account.id, code, "")) for code, field in plan.sums)
        for one in lane.sums:
            text = numbers.get(one.field)
            if text is None:
                continue
            if one.day != day:
                self._turn(one, day, lane, readers)
            cell, number = one.cell, Decimal(text)
            cell.number += number
            cell.records += 1
            for running in one.charges:
                if gained := running.gain(number, text):
                    found = f'{found},{running.json}{gained}"}}' if found else f'{running.json}{gained}"}}'
        if plan.others:
            others = self._rate_others(usage, day, plan, partial(readers, lane.directory))
            found = ",".join([found, *others] if found else others)
        return found

    def _turn(self, one: _Sum, day: date, lane: Lane, readers: ReadersOf) -> None:
        """Turn to another day: usage comes in order of time, so this is rare."""
        one.charges = self._find(one.key, day, partial(readers, lane.directory))
        one.cell = self._totals.cell(one.key, day)
        one.day = day

    def _rate_others(self, usage: Usage, day: date, plan: MeterPlan, readers: _Readers) -> list[str]:
        account_id, found = usage.lane.account.id, list[str]()
        values = {code: Decimal(number) for code, number in usage.numbers.items()}
        parts = contributions(plan.others, values, joined(usage.texts.values()), usage.ts, usage.usage_id)
        for aggregation_id, segment, state in parts:
            place = (account_id, aggregation_id, segment, day)
            charges = self._others.get(place)
            if charges is None:
                charges = self._others[place] = self._find(place[:3], day, readers)
            for running in charges:
                if gained := running.gain_state(state):
                    found.append(f'{running.json}{gained}"}}')
        self._totals.add(account_id, day, plan, parts)
        return found

    def _find(self, key: TotalsKey, day: date, readers: _Readers) -> tuple[Running, ...]:
        """The charges of a total on a day; those of one day are mostly those of the whole billing period."""
        held = self._held.get(key)
        if held is None or not held[0].holds(day):
            applied, days = applied_on(readers(key), key[0], day)
            held = self._held[key] = (days, tuple(self._of(key, one) for one in applied))
        return held[1]

    def _of(self, key: TotalsKey, applied: Applied) -> Running:
        """One running state per charge, shared by all days of it, made before the record counts in the totals."""
        identity = (*key, applied.plan.id, applied.pricing.id, applied.days[0])
        running = self._running.get(identity)
        if running is None:
            state = self._totals.over(key, applied.series.function, applied.days)
            running = self._running[identity] = Running(key, applied, self._price(key[1], applied), state)
        return running

    def _price(self, aggregation_id: str, applied: Applied) -> DecimalPrice | None:
        """The price in decimals, one for all accounts that pay it: what every record reads should stay in the cache."""
        identity = (aggregation_id, applied.pricing.id)
        if identity not in self._prices:
            self._prices[identity] = decimal_price(applied.series, applied.pricing)
        return self._prices[identity]


def applied_on(readers: tuple[Reader, ...], account_id: str, day: date) -> tuple[list[Applied], Period]:
    """The charges that usage of the day runs into: debit pricings that hold on it, with the days they sum.

    Returns them with days around it for which the same is true.
    """
    found, same = [], Period(date.min, date.max)
    for plan, series, _ in readers:
        if series.kind != "DEBIT":
            continue
        member = next((one for one in plan.members if one.id == account_id), None)
        inside = plan.start <= day and (plan.end is None or day < plan.end)
        if member is None or not inside or not plan.rates(member, day):
            same = Period(day, day + ONE_DAY)
            continue
        billing = plan.period(plan.grid.number(day))
        run = billing if member.id == plan.account.id else Period(day, day + ONE_DAY)
        for pricing, runs in held_days(series.spans, billing):
            holding = next((one for one in runs if one.holds(day)), None)
            if holding is not None:
                days = (Period(plan.start, plan.end or date.max),) if pricing.span else tuple(runs)
                found.append(Applied(plan, series, pricing, days))
                run = run.clipped(*holding)
                break
        else:
            run = Period(day, day + ONE_DAY)
        same = same.clipped(*run)
    return found, same
