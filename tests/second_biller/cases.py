"""Which cases a story holds: what the generator must make often enough for two billers that agree to mean something."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

from .charges import Charge
from .choosing import as_yaml
from .formulas import NoValue
from .holders import Holder
from .playing import Player, StepResult, played_by
from .priced import NOT_ADDING_UP, PricedPeriod
from .reading import Thing, absent, day_named, flag, instant, load_text
from .refusals import is_minimum
from .settlement import Settlement, settle
from .world import GROUP, World

MODES = ("PARENT_BREAKDOWN", "PARENT_SUMMARY", "CHILD")


def cases_of(generated: Thing) -> Counter[str]:
    """Case -> how often; the story is played, and its last bill's day settled."""
    scenario = load_text(as_yaml(generated))
    player = Player(scenario)
    played = played_by(player, scenario)
    world = player.world
    counts: Counter[str] = Counter(told_cases(scenario, played))
    counts.update(moment_cases(world))
    counts.update(empty_cases(world))
    counts.update(f"one-off: {'a fee' if charge.get('entity') else 'a charge'}" for charge in world.all("charges"))
    for root in world.roots():
        counts.update(settled_cases(world, settle(world, root, player.clock, True)))
    return counts


def told_cases(scenario: Thing, played: list[StepResult]) -> Iterator[str]:
    """By the order in which things were told."""
    minimums: dict[str, Thing] = {}
    owners = {str(p["code"]): str(a["code"]) for a in scenario["accounts"] for p in a.get("plans") or []}
    counted: Counter[str] = Counter(owners.values())
    for commitment in scenario.get("commitments") or []:
        yield from made_cases(commitment, minimums, counted)
    for step, result in zip(scenario["steps"], played, strict=True):
        if result.error is not None:
            yield from refused_cases(result.error)
            continue
        for commitment in (step.get("create") or {}).get("commitments") or []:
            yield from made_cases(commitment, minimums, counted)
        for account_plan in (step.get("create") or {}).get("accountPlans") or []:
            owners[str(account_plan["code"])] = str(account_plan["account"])
            counted[str(account_plan["account"])] += 1
            if any(m["account"] == account_plan["account"] for m in minimums.values()):
                yield "minimum: account plan attached later"
        yield from update_cases(step.get("update") or {}, minimums, owners)


def made_cases(commitment: Thing, minimums: dict[str, Thing], counted: Counter[str]) -> Iterator[str]:
    if is_minimum(commitment) and "commitmentPeriodInterval" in commitment:
        minimums[str(commitment["code"])] = commitment
        plans = ("no account plan", "one account plan", "several account plans")[
            min(2, counted[str(commitment["account"])])
        ]
        yield f"minimum: grid of {'a billing plan beside ' if 'billingPlan' in commitment else ''}{plans}"


def refused_cases(error: str) -> Iterator[str]:
    case_by_word = {"commitmentPeriodInterval": "several account plans", "contract": "a contract of another account",
             "currency": "a currency in small letters", "overageSurchargePercent is": "a discount of more than all",
             "startDate": "a start after its end"}  # fmt: skip
    yield from (f"refused: {text}" for start, text in case_by_word.items() if error.startswith(start))


def update_cases(update: Thing, minimums: dict[str, Thing], owners: dict[str, str]) -> Iterator[str]:
    changed = update.get("set") or {}
    if update.get("commitment") in minimums:
        yield from (f"minimum: {n} amended" for n in ("billingPlan", "billEpoch", "startDate") if n in changed)
    owner = owners.get(str(update.get("accountPlan")))
    if any(m["account"] == owner for m in minimums.values()):
        yield from (
            f"minimum: account plan's {name} changed later" for name in ("endDate", "billEpoch") if name in changed
        )
    for kind in ("plan", "planTemplate"):
        for name in ("standingCharge", "minimumSpend"):
            if kind in update and name in changed:
                yield f"change of a {kind}'s {name}, " + ("dated" if "effectiveDate" in update else "from today on")
    if "planTemplate" in update and "billFrequencyInterval" in changed and minimums:
        yield "minimum: a template's billing periods changed later"


def moment_cases(world: World) -> Iterator[str]:
    for kind in ("accountPlans", "balances", "pricings"):
        for thing in world.all(kind):
            account = str(thing.get("account") or "acme")
            for value in (thing.get("startDate"), thing.get("endDate")):
                if not absent(value) and len(str(value)) > len("2026-01-01"):
                    yield f"moment: {kind}, {moment_of(world, account, value)}"
    for commitment in world.all("commitments"):
        for fee in commitment.get("feeDates") or []:
            yield f"moment: fees, {moment_of(world, str(commitment['account']), fee['servicePeriodStartDate'])}"


def moment_of(world: World, account: str, value: object) -> str:
    at, zone = instant(value).astimezone(UTC), world.zone(account)
    offset = zone.utcoffset(datetime(2026, 1, 1)) or datetime.min - datetime.min
    side = "east" if offset.total_seconds() > 0 else "west" if offset.total_seconds() < 0 else "in UTC"
    if at.time() == time():
        return f"midnight UTC, {side}"
    return f"another day than in UTC, {side}" if day_named(value, zone) != at.date() else f"the same day, {side}"


def empty_cases(world: World) -> Iterator[str]:
    for kind in ("commitments", "balances", "accountPlans", "pricings", "contracts"):
        for thing in world.all(kind):
            if not absent(thing.get("endDate")) and thing.get("startDate") == thing.get("endDate"):
                yield f"empty: {kind}"


def settled_cases(world: World, settled: Settlement) -> Iterator[str]:
    for priced in settled.priced:
        yield from priced_cases(priced)
    for charge in settled.drawn.charges:
        yield from charge_cases(world, settled, charge)
    yield from nested_cases(settled)
    yield from group_cases(settled)
    yield from drawn_twice(settled)


def priced_cases(priced: PricedPeriod) -> Iterator[str]:
    kind = str(priced.aggregation.get("aggregation"))
    if priced.formula is not None:
        yield from formula_cases(priced)
    if priced.share < 1 and priced.amount:
        assert kind in NOT_ADDING_UP
        yield f"prices share a period: {kind}"
    above = any(quantity > 0 for quantity in priced.own.values())
    if len(priced.own) > 1 and any(quantity < 0 for quantity in priced.own.values()):
        yield "pool: an account below zero beside one above" if above else "pool: none above zero, one below"


def formula_cases(priced: PricedPeriod) -> Iterator[str]:
    records = [record for mine in priced.records.values() for record in mine]
    assert priced.formula is not None
    try:
        priced.formula.strictly(records)
    except NoValue as why:
        yield f"formula: {why}"
    if priced.amount and priced.days_held < priced.period.days:
        yield "formula: under several prices, or from mid-period"
    if priced.amount and flag(priced.pricing.get("tiersSpanPlan")):
        yield "formula: over the plan's life"
    if len([own for own in priced.own.values() if own]) > 1:
        yield "formula: of a pool"


def charge_cases(world: World, settled: Settlement, charge: Charge) -> Iterator[str]:
    if charge.type == "STANDING_CHARGE" and charge.amount:
        yield from standing_cases(world, charge)
    root = world.root_of(charge.account)
    bands = charge.whole is not None and charge.whole.pricing.get("overagePricingBands")
    if bands and charge.whole is not None and len(charge.whole.own) > 1 and any(s.uncovered for s in charge.slices):
        yield "overage bands: an account of a pool"
    for piece in charge.slices:
        for key in piece.draws:
            yield from draw_cases(world, charge, settled.drawn.holder(key), root)


def standing_cases(world: World, charge: Charge) -> Iterator[str]:
    plan = world.get("plans", charge.account_plan["plan"])
    if int(str(world.plan_term(plan, "standingChargeInterval") or 1)) > 1:
        grid = world.grid_of(charge.account_plan)
        clipped = grid.boundary(grid.number_of(charge.start)) != charge.start
        ended = charge.end == world.term_of(charge.account_plan)[1]
        yield (
            "standing charge of several periods"
            + (", from mid-period" if clipped else "")
            + (", ended" if ended else "")
        )


def draw_cases(world: World, charge: Charge, holder: Holder, root: str) -> Iterator[str]:
    if charge.account != root:
        mode = str(charge.account_plan.get("childBillingMode") or MODES[0])
        theirs = "balance" if holder.is_balance else str(holder.thing.get("childBillingMode") or MODES[0])
        yield f"draw of a child's charge {mode} from {theirs}"
        contract = world.things["contracts"].get(str(holder.thing.get("contract")))
        if contract is not None and contract["account"] == root:
            own = "its own" if holder.account == charge.account else "the parent's"
            plan = "its own" if charge.account_plan["account"] == charge.account else "the pool's"
            yield f"contract of the parent: {own} commitment pays under {plan} plan"


def group_cases(settled: Settlement) -> Iterator[str]:
    """By what the charges of a group are beside."""
    grouped = [s for s in settled.spends if str(s.charge.account_plan["plan"]).startswith(GROUP)]
    for spend in grouped:
        if spend.shortfall:
            yield f"group: a minimum spend in {'advance' if spend.advance else 'arrears'}"
        beside = [s for s in settled.spends if s not in grouped and s.ends == spend.ends]
        if any(s.shortfall for s in beside) and spend.shortfall:
            yield "group: a minimum spend over its plans' own"
    for charge in settled.drawn.charges:
        if str(charge.account_plan.get("plan", "")).startswith(GROUP) and charge.type == "STANDING_CHARGE":
            yield "group: a standing charge" + (" that draws" if any(s.draws for s in charge.slices) else "")
        if (
            charge.type == "USAGE"
            and "planGroup" in charge.account_plan
            and len(charge.whole.own if charge.whole else ()) > 1
        ):
            yield "group: a pool"


def nested_cases(settled: Settlement) -> Iterator[str]:
    for spend in settled.spends:
        for other in settled.spends:
            of_one = spend.charge.account_plan is other.charge.account_plan and spend.ends == other.ends
            if of_one and not spend.charge.item and other.charge.item and spend.shortfall and other.shortfall:
                modes = ("in advance" if terms.advance else "in arrears" for terms in (spend, other))
                yield "nested minimum spends: plan's {}, pricing's {}".format(*modes)


def drawn_twice(settled: Settlement) -> Iterator[str]:
    types: dict[tuple[Any, ...], set[str]] = {}
    for charge in settled.drawn.charges:
        for key in {key for piece in charge.slices for key in piece.draws}:
            series = (charge.account, charge.plan, charge.item, charge.start, key)
            types.setdefault(series, set()).add(charge.type)
    yield from (
        "draws of " + " and ".join(sorted(drawing_types)) for drawing_types in types.values() if len(drawing_types) > 1
    )
