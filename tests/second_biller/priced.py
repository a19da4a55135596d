"""A pricing on those days of a billing period on which it holds: its cumulative charge, and each account's part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from .formulas import Formula, quantity_named
from .grid import Period, periods
from .holding import groups, of_aggregations, pool_of, stretches
from .money import divide, round_money
from .rates import Record, aggregate, cumulative_charge, price_of, quantity_for, sorted_bands, to_units
from .reading import Thing, absent, flag, money_or_zero, num
from .readings import NEGATIVE_REST_TAKES_FROM_LATER, POOL_CREDIT_GROWS_WITH_ITS_QUANTITY
from .world import World

CREDITS = ("PRODUCT_CREDIT", "GLOBAL_CREDIT")
#: A month of two prices is no two months of these.
NOT_ADDING_UP = ("MIN", "MAX", "LATEST", "MEAN", "UNIQUE")


@dataclass
class Step:
    """A day on which the cumulative charge may move: units before and after, rounded money before and after."""

    day: date
    before: Fraction
    after: Fraction
    low: Fraction
    high: Fraction


@dataclass
class PricedPeriod:
    """With all accounts that are rated together. `share` of C is owed: less than 1 where prices divide the period.
    `records` are what counts, by account: of a formula all of the period's, held or not."""

    account_plan: Thing
    pricing: Thing
    aggregation: Thing
    formula: Formula | None
    period: Period
    held: list[tuple[date, date]]
    share: Fraction
    currency: str
    rounding: str
    steps: list[Step]
    records: dict[str, list[Record]]
    counted: list[Record]
    home: str

    @property
    def start(self) -> date:
        return self.held[0][0]

    @property
    def end(self) -> date:
        return self.held[-1][1]

    @property
    def days_held(self) -> int:
        return sum((b - a).days for a, b in self.held)

    @property
    def amount(self) -> Fraction:
        return sum((s.high - s.low for s in self.steps), Fraction(0))

    @cached_property
    def own(self) -> dict[str, Fraction]:
        """Each account's own quantity in the period."""
        own = {name: self.quantity_of(records, self.period.end) for name, records in self.records.items()}
        if self.formula is not None and not any(own.values()):
            own[self.home] = self.quantity_of(self.counted, self.period.end)
        return own

    def quantity_of(self, records: list[Record], until: date) -> Fraction:
        """A quantity before a day; of a formula what its value moved by on the days held."""
        records = [record for record in records if record.day < until]
        if self.formula is None:
            return aggregate(self.aggregation, records)
        moved = Fraction(0)
        for at in sorted({r.day for r in records if any(a <= r.day < b for a, b in self.held)}):
            moved += self.formula.of([r for r in records if r.day <= at])
            moved -= self.formula.of([r for r in records if r.day < at])
        return moved

    def overage_cost(self, beyond: Fraction) -> Fraction:
        cost = cumulative_charge(self.pricing["overagePricingBands"], True, beyond)
        return round_money(cost * self.share, self.currency, self.rounding)

    def exhausted_at(self, money: Fraction, at_most: Fraction) -> Fraction:
        """The largest quantity that the money pays for."""
        return quantity_for(self.pricing, money / self.share, at_most)

    def between(self, start: date, end: date) -> list[Step]:
        return [s for s in self.steps if start <= s.day < end]

    def sliced(self, cuts: set[date]) -> list[tuple[date, date, Fraction]]:
        """(start, end, amount) of each slice."""
        edges = [self.start, *sorted(c for c in cuts if self.start < c < self.end), self.end]
        return [
            (a, b, sum((s.high - s.low for s in self.between(a, b)), Fraction(0))) for a, b in pairwise(edges)
        ]  # fmt: skip

    def parts(self, amount: Fraction, until: date) -> dict[str, Fraction]:
        """By own quantities. Below zero beside one above: a charge's account is credited its own, a credit's has none.
        Where none is above, those below divide all of it."""
        above = {name: max(Fraction(0), quantity) for name, quantity in self.own.items()}
        if not any(above.values()):
            return divide(amount, {name: -own for name, own in self.own.items()}, self.home, self.currency)
        credited = {name: self.credited(name, until) for name in self.below_zero()}
        rest = amount - sum(credited.values(), Fraction(0))
        return divide(rest, above, self.home, self.currency) | credited

    def below_zero(self) -> list[str]:
        """The accounts of a pool that are credited for themselves, because others are above zero."""
        if is_credit(self.pricing) or not any(quantity > 0 for quantity in self.own.values()):
            return []
        return [name for name, quantity in self.own.items() if quantity < 0]

    def given_back(self, until: date) -> Fraction:
        return sum((self.credited(name, until) for name in self.below_zero()), Fraction(0))

    def units_given_back(self, until: date) -> Fraction:
        return sum((self.units_of(name, until) for name in self.below_zero()), Fraction(0))

    def units_of(self, name: str, until: date) -> Fraction:
        """An account's own quantity before a day, in units that are not rounded."""
        per = self.aggregation.get("quantityPerUnit")
        quantity = self.quantity_of(
            self.records[name], until if POOL_CREDIT_GROWS_WITH_ITS_QUANTITY else self.period.end
        )
        return quantity / (1 if absent(per) else num(per))

    def credited(self, name: str, until: date) -> Fraction:
        """What an account of the pool gets back for its quantity before a day."""
        price = money_or_zero(sorted_bands(self.pricing["pricingBands"])[0].get("unitPrice"))
        return round_money(self.units_of(name, until) * price * self.share, self.currency, self.rounding)

    def sliced_parts(self, cuts: set[date]) -> dict[str, list[tuple[date, Fraction]]]:
        """Each account's slices: the charge so far is divided at the end of every slice, then what is negative in a
        part is taken away from its neighbours. So the slices of a part sum to the part of the whole charge."""
        slices = self.sliced(cuts)
        given = {name: Fraction(0) for name in self.records}
        raw: dict[str, list[Fraction]] = {name: [] for name in self.records}
        so_far = Fraction(0)
        for _, end, amount in slices:
            so_far += amount
            for name, part in self.parts(so_far, end).items():
                raw[name].append(part - given[name])
                given[name] = part
        starts = [start for start, _, _ in slices]
        return {name: list(zip(starts, take_away(amounts), strict=True)) for name, amounts in raw.items()}


def take_away(amounts: Sequence[Fraction]) -> list[Fraction]:
    """A negative slice takes away from the earlier ones, newest first; what is left of it from the later ones."""
    net: list[Fraction] = []
    debt = Fraction(0)
    for amount in amounts:
        left = amount - (debt if NEGATIVE_REST_TAKES_FROM_LATER else 0)
        debt = Fraction(0)
        if left < 0:
            debt = -left
            left = Fraction(0)
            for number in reversed(range(len(net))):
                taken = min(net[number], debt)
                net[number] -= taken
                debt -= taken
        net.append(left)
    return net


def priced_periods(world: World, account_plan: Thing, until: date) -> list[PricedPeriod]:
    """Every pricing of every billing period that starts up to `until`, debit or credit."""
    plan = world.get("plans", account_plan["plan"])
    start, end = world.term_of(account_plan)
    pool = pool_of(world, account_plan)
    prices = []
    for (aggregation_code, segment, _), candidates in groups(world, plan).items():
        aggregation, formula = quantity_named(world, aggregation_code)
        records = of_aggregations(pool, formula.named if formula else [aggregation], json.loads(segment))
        for period in periods(world.grid_of(account_plan), start, end, until):
            held_stretches = stretches(world, account_plan, candidates, period)
            codes = list(dict.fromkeys(str(p["code"]) for _, _, p in held_stretches))
            for code in codes:
                mine = [(a, b) for a, b, p in held_stretches if p["code"] == code]
                share = Fraction(1)
                if len(codes) > 1 and str(aggregation.get("aggregation")) in NOT_ADDING_UP:
                    share = Fraction(sum((b - a).days for a, b in mine), period.days)
                pricing = world.get("pricings", code)
                prices.append(
                    price_period(world, account_plan, pricing, aggregation, formula, period, mine, share, records)
                )
    return prices


def price_period(
    world: World, account_plan: Thing, pricing: Thing, aggregation: Thing, formula: Formula | None, period: Period,
    held: list[tuple[date, date]], share: Fraction, records: list[Record],
) -> PricedPeriod:  # fmt: skip
    currency = world.plan_currency(world.get("plans", account_plan["plan"]))
    inside = [r for r in records if any(a <= r.day < b for a, b in held)]
    counted = inside
    if formula is not None:
        counted = [r for r in records if period.start <= r.day < period.end]
    if flag(pricing.get("tiersSpanPlan")):
        counted = [r for r in records if r.day < period.end]
    steps = []
    before, low = Fraction(0), Fraction(0)
    for at in sorted({r.day for r in counted}):
        so_far = [r for r in counted if r.day <= at]
        after = to_units(aggregation, formula.of(so_far) if formula else aggregate(aggregation, so_far))
        high = round_money(price_of(pricing, after) * share, currency, world.rounding)
        if any(a <= at < b for a, b in held):
            steps.append(Step(at, before, after, low, high))
        before, low = after, high
    home = str(account_plan["account"])
    pooled = [child for child in world.children_of(home) if held[0][0] < world.first_own_day(child)]
    names = sorted({home, *pooled, *(r.account for r in inside)})
    own = {name: [r for r in (counted if formula else inside) if r.account == name] for name in names}
    return PricedPeriod(
        account_plan,
        pricing,
        aggregation,
        formula,
        period,
        held,
        share,
        currency,
        world.rounding,
        steps,
        own,
        counted,
        home,
    )


def is_credit(pricing: Thing) -> bool:
    return str(pricing.get("type") or "DEBIT") in CREDITS
