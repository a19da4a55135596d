"""Standing charges, minimum spend and counters of one billing period (domain.md 3)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from projections.calendar import Period
from projections.money import divide
from projections.rating.charges import Charge, ChargeKey, ChargeType, Slice, weights_of
from projections.rating.terms import AccountTerms, CounterPricingTerms, CounterSeries, PlanTerms, Recurring
from projections.rating.timelines import held_days
from projections.rating.usage import RatedUsage

ONE = Fraction(1)
ZERO = Fraction(0)


def standing_charge(plan: PlanTerms, number: int) -> Iterator[Charge]:
    """The standing charge on the bill of this billing period, if it rides on it.

    Bills are counted from 0 for the period that holds the account plan's start.
    """
    standing, ordinal = plan.standing, number - plan.grid.number(plan.start)
    if not standing.amount or ordinal < standing.offset or (ordinal - standing.offset) % standing.interval:
        return
    period = plan.period(number)
    amount = plan.rounding.minor(prorated(plan, standing.amount, period.days, number))
    yield Charge(
        key=ChargeKey("STANDING_CHARGE", plan.account.id, plan.id, "", period.start),
        plan=plan,
        account=plan.account,
        end=period.end,
        due=period.start if standing.in_advance else period.end,
        amount=amount,
        slices=(Slice(period.start, amount),),
        quantity=ONE,
        units=ONE,
        description=standing.description,
        accounting_product_id=standing.accounting_product_id,
    )


def minimum_spends(plan: PlanTerms, number: int, rated: Sequence[RatedUsage], through: date) -> Iterator[Charge]:
    """The plan's minimum spend of this billing period and those of its pricings.

    `rated` is all usage of the account plan and period, at normal rates.
    """
    period, minimum = plan.period(number), plan.minimum
    rated = [one for one in rated if one.pool.series.kind == "DEBIT"]
    if minimum.amount:
        owed = prorated(plan, minimum.amount, period.days, number)
        yield from _minimum(plan, minimum, "", period, period.end, (owed, _total(rated)), through)
    for series in plan.series:
        for pricing, runs in held_days(series.spans, period):
            if pricing.minimum.amount and series.kind == "DEBIT":
                owed = prorated(plan, pricing.minimum.amount, sum(run.days for run in runs), number)
                used = _total(one for one in rated if one.pool.pricing is pricing)
                days = Period(runs[0].start, runs[-1].end)
                for charge in _minimum(plan, pricing.minimum, pricing.id, days, period.end, (owed, used), through):
                    yield replace(charge, item_code=pricing.code)


def prorated(plan: PlanTerms, amount: Decimal, days: int, number: int) -> Fraction:
    """An amount per full billing period for so many days of the one with this number: money, not rounded."""
    return Fraction(amount) * days / plan.full_days(number)


def shortfall(plan: PlanTerms, owed: Fraction, used: int) -> int:
    """What usage charges leave of a prorated minimum, in minor units; the charge is rounded, so not the minimum."""
    return plan.rounding.minor(max(ZERO, owed - Fraction(plan.rounding.decimal(used))))


def _total(rated: Iterable[RatedUsage]) -> int:
    return sum(one.amount for one in rated)


def _minimum(
    plan: PlanTerms, terms: Recurring, item: str, days: Period, close: date, money: tuple[Fraction, int], through: date
) -> Iterator[Charge]:
    """The shortfall of `money` (owed, used), settled at `close`; before it, in advance, the whole minimum."""
    (owed, used), closed = money, close <= through
    whole = plan.rounding.minor(owed)
    amount = whole if terms.in_advance and not closed else shortfall(plan, owed, used)
    if amount or terms.in_advance:
        yield Charge(
            key=ChargeKey("MINIMUM_SPEND", plan.account.id, plan.id, item, days.start),
            plan=plan,
            account=plan.account,
            end=days.end,
            due=days.start if terms.in_advance else close,
            amount=amount,
            slices=(Slice(days.start, amount),) if amount else (),
            quantity=ONE,
            units=ONE,
            description=terms.description,
            accounting_product_id=terms.accounting_product_id,
            in_advance=whole if terms.in_advance and closed else None,
        )


def counter_charges(plan: PlanTerms, number: int) -> Iterator[Charge]:
    """Running totals and prorated changes of every counter in this billing period."""
    for pool in counter_pools(plan, number):
        yield from pool.running_total()
        yield from pool.adjustments()


def counter_pools(plan: PlanTerms, number: int) -> "Iterator[CounterPool]":
    """Every counter of the account plan under each of its pricings in this billing period."""
    period, full = plan.period(number), plan.full_days(number)
    for series in plan.counters:
        for pricing, runs in held_days(series.spans, period):
            yield CounterPool(plan, series, pricing, runs, period.end, full)


class Change(NamedTuple):
    """A change of a counter inside the period: each member's value before and after, C's change, and the days left."""

    day: date
    before: list[int]
    after: list[int]
    worth: Fraction
    left: Fraction


class CounterPool:
    """A counter under one pricing in one billing period: of one account, or of a parent with its pooled children.

    `runs` are the days on which the pricing holds, `span` from the first to the last of them; `share` is their part of
    the full period's days (`full`).
    """

    def __init__(
        self,
        plan: PlanTerms,
        series: CounterSeries,
        pricing: CounterPricingTerms,
        runs: Sequence[Period],
        due: date,
        full: int,
    ) -> None:
        self._plan, self._series, self.pricing, self._due = plan, series, pricing, due
        self._runs, self._full, self.span = runs, full, Period(runs[0].start, runs[-1].end)
        self.share = self._share_from(self.span.start)
        self.members = [member for member in plan.members if series.values.get(member.id)]

    def _value(self, member: AccountTerms, day: date) -> int:
        """The member's value at the end of the day, 0 where the plan does not rate it."""
        if not self._plan.rates(member, day):
            return 0
        return next((value for at, value in reversed(self._series.values[member.id]) if at <= day), 0)

    def values(self) -> list[int]:
        """Each member's value at the end of the first day."""
        return [self._value(member, self.span.start) for member in self.members]

    def running_total(self) -> Iterator[Charge]:
        """C(value at the first day, its adjustment included), for the share of the period that is held."""
        values = [Fraction(one) for one in self.values()]
        worth = self.pricing.price.charge(sum(values, Fraction(0)))
        amount = self._plan.rounding.minor(worth * self.share if self.pricing.prorate_total else worth)
        due = self.span.start if self.pricing.in_advance else self._due
        yield from self._charges("COUNTER_RUNNING_TOTAL_CHARGE", amount, values, due)

    def changes(self) -> Iterator[Change]:
        """The changes after the first day; `left` is 1 where they are not prorated."""
        held = self.values()
        for day in self._changes():
            now = [self._value(member, day) for member in self.members]
            worth = self._worth(now) - self._worth(held)
            prorates = self.pricing.prorate_debit if worth > 0 else self.pricing.prorate_credit
            left = self._share_from(day) if prorates else ONE
            yield Change(day, held, now, worth, left)
            held = now

    def adjustments(self) -> Iterator[Charge]:
        """The changes after the first day: what costs more as one debit, what costs less as one credit, by days left.

        With volume prices fewer may cost more, so the price decides, not the count.
        """
        debit = credit = Fraction(0)
        dearer = [Fraction(0)] * len(self.members)
        cheaper = [Fraction(0)] * len(self.members)
        for change in self.changes():
            debit += max(Fraction(0), change.worth * change.left)
            credit += max(Fraction(0), -change.worth * change.left)
            for place, (old, new) in enumerate(zip(change.before, change.after, strict=True)):
                # A change that is worth nothing goes by the count: more seats inside a free tier are no credit.
                grows = change.worth > 0 or (not change.worth and sum(change.after) > sum(change.before))
                (dearer if grows else cheaper)[place] += abs(new - old)
        minor = self._plan.rounding.minor
        yield from self._charges("COUNTER_ADJUSTMENT_DEBIT", minor(debit), dearer, self._due)
        yield from self._charges("COUNTER_ADJUSTMENT_CREDIT", minor(credit), cheaper, self._due)

    def _worth(self, values: Sequence[int]) -> Fraction:
        return self.pricing.price.charge(Fraction(sum(values)))

    def _share_from(self, day: date) -> Fraction:
        """The part of the full period on which the pricing holds from the day on; another may hold in between."""
        return Fraction(sum((run.end - max(run.start, day)).days for run in self._runs if day < run.end), self._full)

    def _changes(self) -> list[date]:
        """Days after the first on which a value changes, or a child leaves the pool."""
        days = {at for member in self.members for at, _ in self._series.values[member.id]}
        days |= {member.pooled_until for member in self.members if member.is_child and member.pooled_until}
        return sorted(day for day in days if self.span.start < day < self.span.end)

    def _charges(self, charge_type: ChargeType, amount: int, quantities: list[Fraction], due: date) -> Iterator[Charge]:
        if not any(quantities):
            return
        start, pricing = self.span.start, self.pricing
        parts = divide(amount, weights_of(quantities))
        for member, part, quantity in zip(self.members, parts, quantities, strict=True):
            if quantity:
                yield Charge(
                    key=ChargeKey(charge_type, member.id, self._plan.id, pricing.id, start),
                    plan=self._plan,
                    account=member,
                    end=self.span.end,
                    due=due,
                    amount=part,
                    slices=(Slice(start, part),) if part else (),
                    quantity=quantity,
                    units=quantity,
                    description=pricing.description or self._series.name,
                    item_code=self._series.code,
                    unit=self._series.unit,
                    counter_id=self._series.counter_id,
                    accounting_product_id=pricing.accounting_product_id,
                )
