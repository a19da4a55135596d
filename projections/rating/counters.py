"""Counters of one billing period: running totals and prorated changes (rules 3.15)."""

from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from events.facts.bills import ChargeType
from projections.calendar import Period
from projections.money import divide
from projections.rating.charges import Charge, ChargeKey, one_slice, weights_of
from projections.rating.terms import AccountTerms, CounterPricingTerms, CounterSeries, PlanTerms
from projections.rating.timelines import held_days

ONE = Fraction(1)


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
    """A change of a counter within the period: each member's value before and after, the change of C, and the days
    left.
    """

    day: date
    before: list[int]
    after: list[int]
    worth: Fraction
    left: Fraction


class CounterPool:
    """A counter under one pricing in one billing period: of one account, or of a parent with its pooled children.

    `runs` are the days on which the pricing applies, `span` reaches from the first to the last of them; `share` is
    their part of the full period's days (`full`).
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
        """The member's value at the end of the day, 0 if the plan does not rate the member on that day."""
        if not self._plan.rates(member, day):
            return 0
        return next((value for at, value in reversed(self._series.values[member.id]) if at <= day), 0)

    def values(self) -> list[int]:
        """Each member's value at the end of the first day."""
        return [self._value(member, self.span.start) for member in self.members]

    def running_total(self) -> Iterator[Charge]:
        """C(value on the first day, its adjustment included), for the share of the period in which the pricing
        applies.
        """
        values = [Fraction(total) for total in self.values()]
        worth = self.pricing.price.charge(sum(values, Fraction(0)))
        amount = self._plan.rounding.minor(worth * self.share if self.pricing.prorate_total else worth)
        due = self.span.start if self.pricing.in_advance else self._due
        yield from self._charges("COUNTER_RUNNING_TOTAL_CHARGE", amount, values, due)

    def changes(self) -> Iterator[Change]:
        """The changes after the first day; `left` is 1 if they are not prorated."""
        before = self.values()
        for day in self._changes():
            now = [self._value(member, day) for member in self.members]
            worth = self._worth(now) - self._worth(before)
            prorates = self.pricing.prorate_debit if worth > 0 else self.pricing.prorate_credit
            left = self._share_from(day) if prorates else ONE
            yield Change(day, before, now, worth, left)
            before = now

    def adjustments(self) -> Iterator[Charge]:
        """The changes after the first day: all that cost more as one debit, all that cost less as one credit, by days
        left.

        With volume prices a lower count may cost more, so the price decides, not the count.
        """
        debit = credit = Fraction(0)
        dearer = [Fraction(0)] * len(self.members)
        cheaper = [Fraction(0)] * len(self.members)
        for change in self.changes():
            debit += max(Fraction(0), change.worth * change.left)
            credit += max(Fraction(0), -change.worth * change.left)
            for index, (old, new) in enumerate(zip(change.before, change.after, strict=True)):
                # A change of price 0 goes by the count: more seats inside a free tier are no credit.
                grows = change.worth > 0 or (not change.worth and sum(change.after) > sum(change.before))
                (dearer if grows else cheaper)[index] += abs(new - old)
        minor = self._plan.rounding.minor
        yield from self._charges("COUNTER_ADJUSTMENT_DEBIT", minor(debit), dearer, self._due)
        yield from self._charges("COUNTER_ADJUSTMENT_CREDIT", minor(credit), cheaper, self._due)

    def _worth(self, values: Sequence[int]) -> Fraction:
        return self.pricing.price.charge(Fraction(sum(values)))

    def _share_from(self, day: date) -> Fraction:
        """The part of the full period, from the day on, in which the pricing applies; other pricings may apply in
        between.
        """
        return Fraction(sum((run.end - max(run.start, day)).days for run in self._runs if day < run.end), self._full)

    def _changes(self) -> list[date]:
        """The days after the first on which a value changes, or a child leaves the pool."""
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
                    key=ChargeKey(charge_type, member.id, self._plan.id, pricing.id, start, self._plan.of_id),
                    plan=self._plan,
                    account=member,
                    end=self.span.end,
                    due=due,
                    amount=part,
                    slices=one_slice(start, part),
                    quantity=quantity,
                    units=quantity,
                    description=pricing.description or self._series.name,
                    item_code=self._series.code,
                    unit=self._series.unit,
                    counter_id=self._series.counter_id,
                    accounting_product_id=pricing.accounting_product_id,
                )
