"""Charges: what is owed for a service period, cut into slices. Usage charges are made here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from .grid import Period, periods
from .holding import groups, of_aggregation, pool_of, stretches
from .money import divide, round_money
from .rates import Record, aggregate, price_of, to_units
from .reading import Thing, flag, texts
from .readings import NEGATIVE_REST_TAKES_FROM_LATER
from .world import World

if TYPE_CHECKING:
    from .holders import Holder

CREDITS = ("PRODUCT_CREDIT", "GLOBAL_CREDIT")


@dataclass
class Slice:
    start: date
    amount: Fraction
    credited: Fraction = Fraction(0)
    draws: dict[str, Fraction] = field(default_factory=dict)
    uncovered: Fraction = Fraction(0)
    terms: "Holder | None" = None

    @property
    def owed(self) -> Fraction:
        return self.amount - self.credited


@dataclass
class Charge:
    """One account's charge of one service period. `whole` points to the pooled charge it is a part of."""

    type: str
    account: str
    account_plan: Thing
    plan: str
    product: str
    item: str
    currency: str
    start: date
    end: date
    due: date
    amount: Fraction
    quantity: Fraction | None = None
    slices: list[Slice] = field(default_factory=list)
    whole: "PricedPeriod | None" = None

    @property
    def rest(self) -> Fraction:
        """What no slice holds: below zero where the negative slices outweigh the others."""
        return self.amount - sum((piece.amount for piece in self.slices), Fraction(0))

    @property
    def contract(self) -> object:
        return self.account_plan.get("contract")


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
    """A pricing on the days of a billing period on which it holds, with all accounts that are rated together."""

    account_plan: Thing
    pricing: Thing
    period: Period
    start: date
    end: date
    days_held: int
    currency: str
    steps: list[Step]
    weights: dict[str, Fraction]
    quantity: Fraction
    home: str

    @property
    def amount(self) -> Fraction:
        return sum((s.high - s.low for s in self.steps), Fraction(0))

    def between(self, start: date, end: date) -> list[Step]:
        return [s for s in self.steps if start <= s.day < end]

    def sliced(self, cuts: set[date]) -> list[tuple[date, Fraction]]:
        """(start, amount) of each slice."""
        edges = [self.start, *sorted(c for c in cuts if self.start < c < self.end), self.end]
        amounts = [sum((s.high - s.low for s in self.between(a, b)), Fraction(0)) for a, b in pairwise(edges)]
        return list(zip(edges, amounts, strict=False))

    def parts(self, amount: Fraction) -> dict[str, Fraction]:
        """By own quantities; one below zero weighs nothing beside one above, and its size where none is above."""
        weights = {name: max(Fraction(0), weight) for name, weight in self.weights.items()}
        if not any(weights.values()):
            weights = {name: -weight for name, weight in self.weights.items()}
        return divide(amount, weights, self.home, self.currency)

    def sliced_parts(self, cuts: set[date]) -> dict[str, list[Slice]]:
        """Each account's slices: the charge so far is divided at the end of every slice, then what is negative in a
        part is taken away from its neighbours. So the slices of a part sum to the part of the whole charge."""
        slices = self.sliced(cuts)
        given = {name: Fraction(0) for name in self.weights}
        raw: dict[str, list[Fraction]] = {name: [] for name in self.weights}
        so_far = Fraction(0)
        for _, amount in slices:
            so_far += amount
            for name, part in self.parts(so_far).items():
                raw[name].append(part - given[name])
                given[name] = part
        starts = [start for start, _ in slices]
        return {
            name: [Slice(start, a) for start, a in zip(starts, take_away(amounts), strict=True)]
            for name, amounts in raw.items()
        }


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
    found = []
    for (aggregation_code, segment, _), candidates in groups(world, plan).items():
        aggregation = world.get("aggregations", aggregation_code)
        records = of_aggregation(pool, aggregation, json.loads(segment))
        for period in periods(world.grid_of(account_plan), start, end, until):
            held = stretches(world, plan, candidates, period)
            for code in dict.fromkeys(str(p["code"]) for _, _, p in held):
                mine = [(a, b) for a, b, p in held if p["code"] == code]
                pricing = world.get("pricings", code)
                found.append(price_period(world, account_plan, pricing, aggregation, period, mine, records))
    return found


def price_period(
    world: World, account_plan: Thing, pricing: Thing, aggregation: Thing, period: Period,
    held: list[tuple[date, date]], records: list[Record],
) -> PricedPeriod:  # fmt: skip
    currency = world.plan_currency(world.get("plans", account_plan["plan"]))
    inside = [r for r in records if any(a <= r.day < b for a, b in held)]
    counted = records if flag(pricing.get("tiersSpanPlan")) else inside
    steps = []
    before, low = Fraction(0), Fraction(0)
    for at in sorted({r.day for r in counted}):
        after = to_units(aggregation, aggregate(aggregation, [r for r in counted if r.day <= at]))
        high = round_money(price_of(pricing, after), currency, world.rounding)
        if any(a <= at < b for a, b in held):
            steps.append(Step(at, before, after, low, high))
        before, low = after, high
    home = str(account_plan["account"])
    pooled = [child for child in world.children_of(home) if held[0][0] < world.first_own_day(child)]
    names = sorted({home, *pooled, *(r.account for r in inside)})
    own = {name: aggregate(aggregation, [r for r in inside if r.account == name]) for name in names}
    return PricedPeriod(
        account_plan, pricing, period, held[0][0], held[-1][1], sum((b - a).days for a, b in held), currency,
        steps, own, aggregate(aggregation, inside), home,
    )  # fmt: skip


def usage_charges(world: World, priced: PricedPeriod, cuts: set[date]) -> list[Charge]:
    """A priced period as one charge per account."""
    plan = world.get("plans", priced.account_plan["plan"])
    amounts, slices = priced.parts(priced.amount), priced.sliced_parts(cuts)
    return [
        Charge(
            "USAGE", name, priced.account_plan, str(plan["code"]), world.product_of(plan), str(priced.pricing["code"]),
            priced.currency, priced.start, priced.end, priced.period.end, amounts[name], priced.weights[name],
            slices[name], priced,
        )
        for name in priced.weights
    ]  # fmt: skip


def is_credit(pricing: Thing) -> bool:
    return bool(set(texts(pricing.get("type"))) & set(CREDITS))
