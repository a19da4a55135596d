"""Usage charges: quantities by day, units, bands, slices (rules 3.1 to 3.9, 4.1), and their overage (rules 5)."""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction

from projections.aggregates import DayState
from projections.explain.draw_parts import fund_document, slice_documents
from projections.explain.parts import (
    Add,
    Document,
    LinePart,
    UsageRef,
    aggregation_document,
    charge_document,
    charge_resources,
    day_document,
    formula_document,
    number,
    ratio,
)
from projections.pricing import BandUse, Price
from projections.rating.charges import Charge
from projections.rating.pools import Pool
from projections.rating.terms import AccountTerms
from projections.rating.usage_charges import RatedUsage
from projections.settlement import Settlement
from projections.settlement.agreements import Fund
from projections.settlement.overage import Beyond, uncovered


def rated_of(settlement: Settlement, charge: Charge) -> RatedUsage:
    """The rated usage that the charge is a part of."""
    rated = (usage for many in settlement.kept.rated.usage.values() for usage in many)
    return next(usage for usage in rated if any(part is charge for part in usage.parts))


def usage_part(settlement: Settlement, charge: Charge, amount: int) -> LinePart:
    """A USAGE line's part: the slices, less what is billed as separate overage."""
    adds = [*_slices(charge, 1)]
    if amount != charge.amount:
        adds.append(Add("billed as separate overage", amount - charge.amount))
    return _part(settlement, charge, adds, {})


def credit_part(settlement: Settlement, charge: Charge, amount: int) -> LinePart:
    """A USAGE_CREDIT line's part: the credit's worth, less the remainder that its scope could not take."""
    adds = [*_slices(charge, -1)]
    if amount != -charge.amount:
        why = "beyond what there is to credit" if charge.amount > 0 else "a credit is never negative"
        adds.append(Add(why, amount + charge.amount))
    return _part(settlement, charge, adds, {})


def _slices(charge: Charge, sign: int) -> list[Add]:
    return [Add(f"the slice from {slice.start}", sign * slice.amount) for slice in charge.slices]


def surcharge_part(settlement: Settlement, charge: Charge, fund: Fund, amount: int) -> LinePart:
    """A surcharge: the overage under the fund's terms x p / 100; of a pool, the account's share of it."""
    rated, money = rated_of(settlement, charge), charge.plan.rounding.decimal
    own, pooled = _uncovered(settlement, charge, fund), 0
    for part in rated.parts:
        pooled += _uncovered(settlement, part, fund)
    inputs = {
        "overage": money(own),
        "pooledOverage": money(pooled),
        "percent": fund.surcharge,
        "unrounded": number(fund.surcharge_on(money(pooled))),
        "agreement": fund_document(settlement, fund),
    }
    return _part(settlement, charge, [Add(f"{fund.surcharge} % of the overage", amount)], inputs, {fund.id})


def _uncovered(settlement: Settlement, charge: Charge, fund: Fund) -> int:
    by_fund = uncovered(settlement.outcomes.get(charge.key, ()))
    return by_fund.get(settlement.terms.funds.index(fund), 0)


def overage_part(settlement: Settlement, charge: Charge, fund: Fund) -> LinePart:
    """Separate overage: the uncovered slices at normal rates, or the units beyond exhaustion by overage bands."""
    rated, funds = rated_of(settlement, charge), settlement.terms.funds
    bands = rated.pool.pricing.overage
    if bands is None:
        adds = [
            Add(f"uncovered of the slice from {outcome.piece.start}", outcome.uncovered)
            for outcome in settlement.outcomes.get(charge.key, ())
            if outcome.overage is not None and funds[outcome.overage] is fund
        ]
        return _part(settlement, charge, adds, {"agreement": fund_document(settlement, fund)}, {fund.id})
    beyond = Beyond(rated, [settlement.outcomes.get(part.key, []) for part in rated.parts], funds)
    own = rated.parts.index(charge), funds.index(fund)
    inputs = {
        "unitsBeyondExhaustion": _beyond(rated, beyond, own),
        "overageBands": _bands(bands),
        "overageCharge": _uses(bands.breakdown(sum(beyond.units.values(), Fraction(0)))),
        "agreement": fund_document(settlement, fund),
    }
    worth = beyond.worth(*own).items()
    adds = [
        Add(f"beyond exhaustion in the slice from {start}, by overagePricingBands", amount) for start, amount in worth
    ]
    return _part(settlement, charge, adds, inputs, {fund.id})


def _beyond(rated: RatedUsage, beyond: Beyond, own: tuple[int, int]) -> list[Document]:
    """The units beyond exhaustion by slice; their price is divided by each account's uncovered amount in the slice."""
    money = rated.pool.plan.rounding.decimal
    return [
        {
            "start": start,
            "units": number(units),
            "uncovered": money(beyond.uncovered[start].get(own, 0)),
            "pooledUncovered": money(sum(beyond.uncovered[start].values())),
        }
        for start, units in beyond.units.items()
    ]


def _part(
    settlement: Settlement, charge: Charge, adds: list[Add], more: Document, resources: set[str] | None = None
) -> LinePart:
    rated = rated_of(settlement, charge)
    return LinePart(
        tuple(adds),
        charge.plan.rounding,
        {"charge": charge_document(charge), **usage_inputs(rated), **more},
        slice_documents(settlement, charge),
        usage_refs(settlement, rated),
        charge_resources(charge) | (resources or set()),
    )


def usage_inputs(rated: RatedUsage) -> Document:
    """From quantities by day to the rounded slices of the (pooled) charge."""
    pool, price = rated.pool, rated.pool.pricing.price
    before = pool.units(pool.base)
    after = rated.steps[-1].after if rated.steps else before
    inputs: Document = {
        "billingPeriod": [pool.period.start, pool.period.end],
        "aggregation": aggregation_document(pool.series),
        "pricing": {"id": pool.pricing.id, "code": pool.pricing.code, "tiersSpanPlan": pool.pricing.span}
        | _bands(price),
        "days": [day_document(pool.series, day) for day in pool.days],
        "unitsBefore": number(before),
        "units": number(after),
        "bands": _uses(price.breakdown(after)),
        "steps": _steps(rated),
    }
    inputs |= formula_document(pool)
    if pool.weight != 1:
        inputs["shareOfPeriod"] = ratio(pool.weight)
    if before:
        inputs["bandsBefore"] = _uses(price.breakdown(before))
    if len(pool.shares) > 1:
        inputs["pool"] = _shares(rated)
    return inputs


def _steps(rated: RatedUsage) -> list[Document]:
    """Slices of the whole charge: each is C at its end less C at its start, both rounded."""
    pool, money = rated.pool, rated.pool.plan.rounding.decimal
    return [
        {
            "start": step.start,
            "unitsBefore": number(step.before),
            "unitsAfter": number(step.after),
            "chargeBefore": money(pool.worth(step.before)),
            "chargeAfter": money(pool.worth(step.after)),
            "amount": money(step.amount),
        }
        for step in rated.steps
    ]


def _shares(rated: RatedUsage) -> list[Document]:
    """The division of the pooled charge, by account code; a negative share is credited at the first band's unit
    price.
    """
    pool, money = rated.pool, rated.pool.plan.rounding.decimal
    return [
        {"accountCode": share.account.code, "quantity": number(share.quantity), "amount": money(part.amount)}
        | ({"creditedAt": number(pool.pricing.price.unit[0])} if pool.gets_its_own_back(share) else {})
        for share, part in zip(pool.shares, rated.parts, strict=True)
    ]


def _bands(price: Price) -> Document:
    bands = zip(price.ids, price.lowers, price.unit, price.fixed, strict=True)
    return {
        "cumulative": price.cumulative,
        "pricingBands": [
            {"id": id, "lowerLimit": number(lower), "unitPrice": number(unit), "fixedPrice": number(fixed)}
            for id, lower, unit, fixed in bands
        ],
    }


def _uses(uses: list[BandUse]) -> list[Document]:
    """Units and unrounded money per band; the money sums to C."""
    return [
        {
            "lowerLimit": number(use.lower_limit),
            "units": number(use.units),
            "unitPrice": number(use.unit_price),
            "fixedPrice": number(use.fixed_price),
            "amount": number(use.amount),
        }
        for use in uses
    ]


def usage_refs(settlement: Settlement, rated: RatedUsage) -> tuple[UsageRef, ...]:
    """The totals that the charge was rated from, of every account of its pool."""
    pool, series = rated.pool, rated.pool.series
    refs = []
    for account in accounts_of(pool):
        for key in series.keys(account.id):
            totals = settlement.family.totals.get(key, {})
            days = tuple(day for day in _days_of(pool, totals) if day in totals and pool.plan.rates(account, day))
            if days:
                refs.append(UsageRef(*key, days))
    return tuple(refs)


def accounts_of(pool: Pool) -> Sequence[AccountTerms]:
    """The accounts whose usage moves the pool's charge; under tiersSpanPlan, and in a formula, also accounts without
    usage on the charge's own days.
    """
    running = pool.pricing.span or pool.series.measure.runs_on
    return pool.plan.members if running else [share.account for share in pool.shares]


def _days_of(pool: Pool, totals: Mapping[date, DayState]) -> list[date]:
    """The days that move the charge: the days under its pricing; if the quantity runs on, all days up to the last of
    them.
    """
    if pool.pricing.span or pool.series.measure.runs_on:
        start = pool.plan.start if pool.pricing.span else pool.period.start
        return sorted(day for day in totals if start <= day < pool.end)
    return [day.day for day in pool.days if day.held]
