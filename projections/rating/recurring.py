"""Standing charges and minimum spends of one billing period (rules 3.11 to 3.14, 8.8)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from projections.calendar import Period
from projections.rating.charges import Charge, ChargeKey, Slice, one_slice
from projections.rating.terms import PlanTerms, PricingTerms, Recurring
from projections.rating.timelines import held_days
from projections.rating.usage_charges import RatedUsage

ONE = Fraction(1)
ZERO = Fraction(0)


def rides(plan: PlanTerms, number: int) -> bool:
    """Whether this billing period's bill has the standing charge.

    Bills are counted from 0 for the period that holds the account plan's start.
    """
    ordinal = number - plan.grid.number(plan.start) - plan.standing.offset
    return ordinal >= 0 and ordinal % plan.standing.interval == 0


def standing_period(plan: PlanTerms, number: int) -> tuple[Period, int]:
    """The days of service of the standing charge on this billing period's bill: its days of the account plan, and the
    days of the interval's whole billing periods.
    """
    full = Period(plan.grid.start(number), plan.grid.start(number + plan.standing.interval))
    return full.clipped(plan.start, plan.end), full.days


def standing_charge(plan: PlanTerms, number: int) -> Iterator[Charge]:
    """The standing charge on the bill of this billing period, if the bill has one."""
    standing, bill = plan.standing, plan.period(number)
    fee = standing.amount_on(bill.start)
    if not fee or not rides(plan, number):
        return
    covered, full_days = standing_period(plan, number)
    amount = plan.rounding.minor(Fraction(fee) * covered.days / full_days)
    yield Charge(
        key=ChargeKey("STANDING_CHARGE", plan.account.id, plan.id, "", covered.start, plan.of_id),
        plan=plan,
        account=plan.account,
        end=covered.end,
        due=bill.start if standing.in_advance else bill.end,
        amount=amount,
        slices=(Slice(covered.start, amount),),
        quantity=ONE,
        units=ONE,
        description=standing.description,
        accounting_product_id=standing.accounting_product_id,
    )


class MinimumSpend(NamedTuple):
    """A minimum spend of one billing period, from a pricing, a plan or a plan group, and the charges that reduce it.

    `owed` is the unrounded minimum for the `days` on which it applies. `rated` is the usage that counts, at normal
    rates. A plan's minimum is also reduced by its pricings' own minimums, and a group's by those of its plans: `nested`
    is what these charge beyond usage, `nested_whole` their full amount. Minor units.
    """

    plan: PlanTerms
    pricing: PricingTerms | None
    span: Period
    days: int
    amount: Decimal
    owed: Fraction
    rated: Sequence[RatedUsage]
    nested: int = 0
    nested_whole: int = 0

    @property
    def terms(self) -> Recurring:
        """The terms of the minimum spend: the pricing's own, else the plan's."""
        return self.plan.minimum if self.pricing is None else self.pricing.minimum

    @property
    def used(self) -> int:
        """The usage charges that count."""
        return sum(usage.amount for usage in self.rated)

    @property
    def shortfall(self) -> int:
        """What is left of the minimum, rounded once; the charges subtracted from it are already rounded."""
        return self._less(self.used + self.nested)

    @property
    def whole(self) -> int:
        """The amount billed in advance: the minimum; for a plan, less its pricings' own minimums."""
        return self._less(self.nested_whole)

    def _less(self, amount: int) -> int:
        rounding = self.plan.rounding
        return rounding.minor(max(ZERO, self.owed - Fraction(rounding.decimal(amount))))


def minimums_of(plan: PlanTerms, number: int, rated: Sequence[RatedUsage]) -> list[MinimumSpend]:
    """The minimums of a billing period, the pricings' own first.

    `rated` is all usage of the account plan in the period; for a plan group, the usage of its plans whose billing
    periods start in it.
    """
    period = plan.period(number)
    debits = [usage for usage in rated if not usage.is_credit]
    minimums = []
    for series in plan.series:
        for pricing, runs in held_days(series.spans, period) if not series.is_credit else ():
            amount = pricing.minimum.amount_on(period.start)
            if amount:
                days, span = sum(run.days for run in runs), Period(runs[0].start, runs[-1].end)
                own = [usage for usage in debits if usage.pool.pricing is pricing]
                owed = prorated(plan, amount, days, number)
                minimums.append(MinimumSpend(plan, pricing, span, days, amount, owed, own))
    amount = plan.minimum.amount_on(period.start)
    if amount:
        inner = [*minimums, *_of_grouped(plan, period, rated)]
        nested, whole = sum(minimum.shortfall for minimum in inner), sum(minimum.whole for minimum in inner)
        owed = prorated(plan, amount, period.days, number)
        minimums.append(MinimumSpend(plan, None, period, period.days, amount, owed, debits, nested, whole))
    return minimums


def _of_grouped(plan: PlanTerms, period: Period, rated: Sequence[RatedUsage]) -> Iterator[MinimumSpend]:
    """The minimums of a group's plans, for their billing periods that start in the group's period."""
    for member in plan.grouped:
        number = member.grid.number(period.start)
        while (start := member.period(number).start) < period.end:
            if start >= period.start:
                own = [usage for usage in rated if usage.pool.plan is member and usage.pool.period.start == start]
                yield from minimums_of(member, number, own)
            number += 1


def rated_in(plan: PlanTerms, number: int, rated: Iterable[RatedUsage]) -> list[RatedUsage]:
    """The part of rated usage that counts toward an account plan's minimum spends of this billing period."""
    period, plans = plan.period(number), plan.minimum_counts
    return [usage for usage in rated if usage.pool.plan in plans and period.holds(usage.pool.period.start)]


def minimum_spends(plan: PlanTerms, number: int, rated: Sequence[RatedUsage], through: date) -> Iterator[Charge]:
    """The plan's minimum spend of this billing period and those of its pricings.

    `rated` is all usage of the account plan and period. In advance, the whole minimum is due at the start, and it is
    restated to the shortfall after the period's end.
    """
    close = plan.period(number).end
    for minimum in minimums_of(plan, number, rated):
        terms, item = minimum.terms, minimum.pricing
        in_advance, closed = terms.in_advance, close <= through
        amount = minimum.whole if in_advance and not closed else minimum.shortfall
        if amount or in_advance:
            yield Charge(
                key=ChargeKey(
                    "MINIMUM_SPEND", plan.account.id, plan.id, item.id if item else "", minimum.span.start, plan.of_id
                ),
                plan=plan,
                account=plan.account,
                end=minimum.span.end,
                due=minimum.span.start if in_advance else close,
                amount=amount,
                slices=one_slice(minimum.span.start, amount),
                quantity=ONE,
                units=ONE,
                description=terms.description,
                item_code=item.code if item else "",
                accounting_product_id=terms.accounting_product_id,
                in_advance=minimum.whole if in_advance and closed else None,
            )


def prorated(plan: PlanTerms, amount: Decimal, days: int, number: int) -> Fraction:
    """An amount per full billing period, prorated to this many days of the period with this number: money, not
    rounded.
    """
    return Fraction(amount) * days / plan.full_days(number)
