"""Which records a plan rates, and which of its prices holds on which days."""

import json
from datetime import date
from itertools import pairwise

from .grid import FAR, Period
from .rates import Record
from .reading import Thing, absent
from .world import World

#: Before the code of a compound aggregation, which may be an aggregation's too.
COMPOUND = "compound "


def pool_of(world: World, account_plan: Thing) -> list[Record]:
    """The records an account plan rates: its account's own, and its pooled children's."""
    account = str(account_plan["account"])
    start, end = world.term_of(account_plan)
    records = [r for r in world.records if r.account == account and start <= r.day < end]
    for child in world.children_of(account):
        until = min(end, world.first_own_day(child))
        records += [r for r in world.records if r.account == child and start <= r.day < until]
    return sorted(records, key=lambda r: (r.day, r.at))


def of_aggregations(records: list[Record], aggregations: list[Thing], segment: Thing) -> list[Record]:
    mine = [r for r in records if r.meter in {aggregation["meter"] for aggregation in aggregations}]
    return [r for r in mine if all(r.text(name) == str(value) for name, value in segment.items())]


def validity(world: World, account: str, pricing: Thing) -> tuple[date, date]:
    """In whole days of the account that is rated."""
    start = world.day_or(account, pricing.get("startDate"), world.earliest)
    return start, world.day_or(account, pricing.get("endDate"), FAR)


def holder(world: World, account_plan: Thing, candidates: list[Thing], at: date) -> Thing | None:
    """The pricing that holds on a day: the plan's own first, the one that starts last, created last."""
    holders = []
    for pricing in candidates:
        start, end = validity(world, str(account_plan["account"]), pricing)
        if start <= at < end:
            own = pricing.get("plan") == account_plan["plan"]
            holders.append(((own, start, pricing["_created"]), pricing))
    return max(holders, key=lambda pair: pair[0])[1] if holders else None


def groups(world: World, plan: Thing) -> dict[tuple[str, str, str], list[Thing]]:
    """Prices that compete: of one aggregation (or compound one), segment and type of its plan or its template."""
    by_key: dict[tuple[str, str, str], list[Thing]] = {}
    for pricing in world.all("pricings"):
        mine = pricing.get("plan") == plan["code"]
        templates = not absent(plan.get("planTemplate")) and pricing.get("planTemplate") == plan["planTemplate"]
        if mine or templates:
            segment = json.dumps(pricing.get("segment") or {}, sort_keys=True)
            priced = pricing.get("aggregation") or f"{COMPOUND}{pricing['compoundAggregation']}"
            key = (str(priced), segment, str(pricing.get("type") or "DEBIT"))
            by_key.setdefault(key, []).append(pricing)
    return by_key


def stretches(
    world: World, account_plan: Thing, candidates: list[Thing], period: Period
) -> list[tuple[date, date, Thing]]:
    """The period cut where the pricing that holds may change."""
    points = {period.start, period.end}
    for pricing in candidates:
        for edge in validity(world, str(account_plan["account"]), pricing):
            if period.start < edge < period.end:
                points.add(edge)
    edges = sorted(points)
    holders = []
    for a, b in pairwise(edges):
        holder_made = holder(world, account_plan, candidates, a)
        if holder_made is not None:
            holders.append((a, b, holder_made))
    return holders
