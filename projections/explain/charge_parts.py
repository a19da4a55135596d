"""Charges that are not usage: standing charges, minimum spends, counters, one-off ones (rules 3.11 to 3.15, 3.18)."""

from datetime import date
from fractions import Fraction

from projections.explain.draw_parts import slice_documents
from projections.explain.parts import (
    Add,
    Document,
    LinePart,
    UsageRef,
    charge_document,
    charge_resources,
    number,
    ratio,
)
from projections.explain.usage_parts import usage_refs
from projections.line_types import CHARGES
from projections.rating.charges import Charge
from projections.rating.counters import CounterPool, counter_pools
from projections.rating.recurring import MinimumSpend, minimums_of, rated_in, standing_period
from projections.rating.terms import Recurring
from projections.settlement import Settlement


def standing_part(settlement: Settlement, charge: Charge) -> LinePart:
    """A standing charge by days."""
    plan = charge.account_plan
    (covered, full), fee = standing_period(plan, plan.grid.number(charge.start)), plan.standing.amount_on(charge.start)
    inputs: Document = {
        "standingCharge": fee,
        **_since(plan.standing, charge.start),
        "days": covered.days,
        "fullDays": full,
        "billingPeriods": plan.standing.interval,
        "inAdvance": plan.standing.in_advance,
    }
    what = f"{fee} x {covered.days}/{full} days"
    return _part(settlement, charge, (Add(what, charge.amount),), inputs)


def _since(terms: Recurring, start: date) -> Document:
    """The day from which a changed amount applies."""
    since = terms.since(start)
    return {} if since == date.min else {"holdsFrom": since}


def minimum_part(settlement: Settlement, charge: Charge, *, refund: bool) -> LinePart:
    """A minimum spend: the shortfall, or in advance the whole minimum, which a refund line restates."""
    plan, number_ = charge.account_plan, charge.account_plan.grid.number(charge.start)
    period = plan.period(number_)
    minimum = _minimum(settlement, charge, number_)
    in_advance, money = charge.in_advance, plan.rounding.decimal
    inputs: Document = {
        "minimumSpend": minimum.amount,
        **_since(minimum.terms, period.start),
        "days": minimum.days,
        "fullDays": plan.full_days(number_),
        "prorated": number(minimum.owed),
        "usageCharges": money(minimum.used),
        "inAdvance": minimum.terms.in_advance,
        "counted": [charge_document(part) for usage in minimum.rated for part in usage.parts],
    }
    if minimum.nested_whole:
        inner = "plans" if plan.grouped else "pricings"
        inputs |= {f"{inner}Minimums": money(minimum.nested_whole), f"{inner}Shortfalls": money(minimum.nested)}
    adds: tuple[Add, ...]
    if refund:
        assert in_advance is not None
        adds = (Add("the shortfall", charge.amount), Add("the minimum that was billed in advance", -in_advance))
    elif in_advance is not None or (minimum.terms.in_advance and period.end > settlement.through):
        adds = _in_advance(minimum)
    else:
        adds = _shortfall(minimum)
    refs = tuple(ref for usage in minimum.rated for ref in usage_refs(settlement, usage))
    return _part(settlement, charge, adds, inputs, refs)


def _in_advance(minimum: MinimumSpend) -> tuple[Add, ...]:
    if not minimum.nested_whole:
        return (Add("the prorated minimum, in advance", minimum.whole),)
    return (
        Add("the prorated minimum, in advance", minimum.whole + minimum.nested_whole),
        Add(f"its {_inner(minimum)} own minimums", -minimum.nested_whole),
    )


def _shortfall(minimum: MinimumSpend) -> tuple[Add, ...]:
    """The shortfall is rounded, not the minimum, so these parts add up to the rounded value."""
    whole = minimum.shortfall + minimum.used + minimum.nested
    adds = (Add("the prorated minimum", whole), Add("the usage charges", -minimum.used))
    nested = Add(f"what its {_inner(minimum)} own minimums charge", -minimum.nested)
    return (*adds, nested) if minimum.nested else adds


def _inner(minimum: MinimumSpend) -> str:
    return "plans'" if minimum.plan.grouped else "pricings'"


def _minimum(settlement: Settlement, charge: Charge, number: int) -> MinimumSpend:
    """The minimum spend behind the charge, with the usage of its account plan in its billing period."""
    plan = charge.account_plan
    rated = rated_in(plan, number, (usage for many in settlement.kept.rated.usage.values() for usage in many))
    minimums = {minimum.pricing.id if minimum.pricing else "": minimum for minimum in minimums_of(plan, number, rated)}
    return minimums[charge.key.pricing_id]


def one_off_part(settlement: Settlement, charge: Charge) -> LinePart:
    """A charge put on the account directly, once or by a schedule: its amount, or its units at its unit price."""
    what = "as it was put on the account" if charge.schedule_id is None else "as its schedule has it"
    return _part(settlement, charge, (Add(f"the charge {what}", charge.amount),), {})


def running_total_part(settlement: Settlement, charge: Charge) -> LinePart:
    """A counter's running total; of a pool, the account's share."""
    pool = _counter_pool(charge)
    inputs = _running_total(pool) | {"accounts": [member.code for member in pool.members]}
    return _part(settlement, charge, (Add("the running total", charge.amount),), inputs)


def counter_changes_part(settlement: Settlement, charge: Charge) -> LinePart:
    """A counter's rises or falls; of a pool, the account's share."""
    pool = _counter_pool(charge)
    what, sign = ("the falls", -1) if CHARGES[charge.type].credit else ("the rises", 1)
    inputs = _changes(pool, sign) | {"accounts": [member.code for member in pool.members]}
    return _part(settlement, charge, (Add(what, sign * charge.amount),), inputs)


def _counter_pool(charge: Charge) -> CounterPool:
    plan = charge.account_plan
    pools = counter_pools(plan, plan.grid.number(charge.start))
    return next(pool for pool in pools if pool.pricing.id == charge.key.pricing_id and pool.span.start == charge.start)


def _running_total(pool: CounterPool) -> Document:
    values = pool.values()
    uses = pool.pricing.price.breakdown(Fraction(sum(values)))
    return {
        "values": values,
        "value": sum(values),
        "bands": [
            {"lowerLimit": number(use.lower_limit), "units": number(use.units), "amount": number(use.amount)}
            for use in uses
        ],
        "charge": number(pool.pricing.price.charge(Fraction(sum(values)))),
        "shareOfPeriod": ratio(pool.share if pool.pricing.prorate_total else Fraction(1)),
    }


def _changes(pool: CounterPool, sign: int) -> Document:
    changes = [change for change in pool.changes() if change.worth * sign > 0]
    return {
        "changes": [
            {
                "day": change.day,
                "from": change.before,
                "to": change.after,
                "change": number(change.worth),
                "daysLeft": ratio(change.left),
                "unrounded": number(change.worth * change.left),
            }
            for change in changes
        ]
    }


def _part(
    settlement: Settlement, charge: Charge, adds: tuple[Add, ...], inputs: Document, refs: tuple[UsageRef, ...] = ()
) -> LinePart:
    return LinePart(
        adds,
        charge.plan.rounding,
        {"charge": charge_document(charge)} | ({"price": inputs} if inputs else {}),
        slice_documents(settlement, charge),
        refs,
        charge_resources(charge),
    )
