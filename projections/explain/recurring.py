"""Standing charges, minimum spends and counters (domain.md 3)."""

from fractions import Fraction

from projections.explain.draws import slice_documents
from projections.explain.parts import Add, Document, Part, UsageRef, charge_document, charge_resources, number, ratio
from projections.explain.rating import usage_refs
from projections.rating.charges import Charge
from projections.rating.recurring import CounterPool, counter_pools, prorated
from projections.rating.terms import Recurring
from projections.rating.timelines import held_days
from projections.rating.usage import RatedUsage
from projections.settlement import Settlement


def standing_part(settlement: Settlement, charge: Charge) -> Part:
    """A standing charge by days."""
    plan = charge.plan
    full = plan.full_days(plan.grid.number(charge.start))
    inputs = {
        "standingCharge": plan.standing.amount,
        "days": (charge.end - charge.start).days,
        "fullDays": full,
        "inAdvance": plan.standing.in_advance,
    }
    what = f"{plan.standing.amount} x {(charge.end - charge.start).days}/{full} days"
    return _part(settlement, charge, (Add(what, charge.amount),), inputs)


def minimum_part(settlement: Settlement, charge: Charge, *, refund: bool) -> Part:
    """A minimum spend: the shortfall, or in advance the whole minimum, which a refund line restates."""
    plan, number_ = charge.plan, charge.plan.grid.number(charge.start)
    terms, days, rated = _minimum_terms(settlement, charge)
    owed, used = prorated(plan, terms.amount, days, number_), sum(one.amount for one in rated)
    in_advance, money = charge.in_advance, plan.rounding.decimal
    inputs: Document = {
        "minimumSpend": terms.amount,
        "days": days,
        "fullDays": plan.full_days(number_),
        "prorated": number(owed),
        "usageCharges": money(used),
        "inAdvance": terms.in_advance,
        "counted": [charge_document(part) for one in rated for part in one.parts],
    }
    adds: tuple[Add, ...]
    if refund:
        assert in_advance is not None
        adds = (Add("the shortfall", charge.amount), Add("the minimum that was billed in advance", -in_advance))
    elif in_advance is not None or (terms.in_advance and plan.period(number_).end > settlement.through):
        adds = (Add("the prorated minimum, in advance", plan.rounding.minor(owed)),)
    else:
        # The shortfall is rounded, not the minimum: what the two add up to is what was rounded.
        adds = (Add("the prorated minimum", charge.amount + used), Add("the usage charges", -used))
    refs = tuple(ref for one in rated for ref in usage_refs(settlement, one))
    return _part(settlement, charge, adds, inputs, refs)


def _minimum_terms(settlement: Settlement, charge: Charge) -> tuple[Recurring, int, list[RatedUsage]]:
    """The minimum, its days in the period, and the usage that it is compared with."""
    plan, period = charge.plan, charge.plan.period(charge.plan.grid.number(charge.start))
    rated = [
        one
        for many in settlement.kept.rated.usage.values()
        for one in many
        if one.pool.plan is plan and one.pool.period.start == period.start and one.pool.series.kind == "DEBIT"
    ]
    if not charge.key.pricing_id:
        return plan.minimum, period.days, rated
    for series in plan.series:
        for pricing, runs in held_days(series.spans, period):
            if pricing.id == charge.key.pricing_id:
                own = [one for one in rated if one.pool.pricing is pricing]
                return pricing.minimum, sum(run.days for run in runs), own
    raise AssertionError("a pricing's minimum spend stands under a pricing that holds")


def counter_part(settlement: Settlement, charge: Charge) -> Part:
    """A counter's running total, or its rises or falls; of a pool, the account's share."""
    pool = _counter_pool(charge)
    sign = -1 if charge.type == "COUNTER_ADJUSTMENT_CREDIT" else 1
    if charge.type == "COUNTER_RUNNING_TOTAL_CHARGE":
        inputs, what = _running_total(pool), "the running total"
    else:
        inputs, what = _changes(pool, sign), "the rises" if sign > 0 else "the falls"
    inputs["accounts"] = [member.code for member in pool.members]
    return _part(settlement, charge, (Add(what, sign * charge.amount),), inputs)


def _counter_pool(charge: Charge) -> CounterPool:
    plan = charge.plan
    pools = counter_pools(plan, plan.grid.number(charge.start))
    return next(one for one in pools if one.pricing.id == charge.key.pricing_id and one.span.start == charge.start)


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
    changes = [one for one in pool.changes() if one.worth * sign > 0]
    return {
        "changes": [
            {
                "day": one.day,
                "from": one.before,
                "to": one.after,
                "change": number(one.worth),
                "daysLeft": ratio(one.left),
                "unrounded": number(one.worth * one.left),
            }
            for one in changes
        ]
    }


def _part(
    settlement: Settlement, charge: Charge, adds: tuple[Add, ...], inputs: Document, refs: tuple[UsageRef, ...] = ()
) -> Part:
    return Part(
        adds,
        charge.plan.rounding,
        {"charge": charge_document(charge)} | ({"price": inputs} if inputs else {}),
        slice_documents(settlement, charge),
        refs,
        charge_resources(charge),
    )
