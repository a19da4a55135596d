"""What is refused, with a message that names it."""

import re
from datetime import date
from fractions import Fraction

from .grid import Grid
from .lines import Lines
from .money import is_whole
from .reading import Thing, absent, day, flag, money_or_zero, num
from .schedules import TERM, lacking, top_ups, wrong
from .settlement import settle
from .world import World

FEE_FIELDS = ("amountPrePaid", "amountFirstBill", "feeDates", "billingInterval", "billingOffset",
              "commitmentFeeBillInAdvance", "overageSurchargePercent", "separateOverageUsage")  # fmt: skip


#: What no formula may have, and what it names.
STRANGE = re.compile(r"[^\sA-Za-z0-9_.,()+*/-]")
NAMED = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
MATH = {f"Math.{name}" for name in ("max", "min", "abs", "floor", "ceil", "round")}
CURRENCY = re.compile("[A-Z][A-Z0-9]{2,9}")


class Refused(Exception):
    """A step the rules do not allow."""


def is_minimum(commitment: Thing) -> bool:
    return commitment.get("commitmentType") == "MINIMUM"


def check_thing(world: World, kind: str, thing: Thing) -> None:
    """What no entity may be."""
    if not absent(thing.get("currency")) and not CURRENCY.fullmatch(str(thing["currency"])):
        raise Refused(f"currency {thing['currency']} is no code of 3 to 10 capital letters or digits")
    if money_or_zero(thing.get("overageSurchargePercent")) < -100:
        raise Refused("overageSurchargePercent is below -100")
    if thing.get("overagePricingBands") and (flag(thing.get("tiersSpanPlan")) or not flag(thing.get("cumulative"))):
        raise Refused("overagePricingBands need cumulative, and go with no tiersSpanPlan")
    if kind in {"commitments", "balances", "accountPlans"}:
        check_of_account(world, thing)
    if kind == "charges":
        check_charge(world, thing)
    if kind == "compoundAggregations":
        check_formula(world, thing)
    if kind == "accountPlans":
        check_once(world, thing, products_of(world, thing))
    if kind == "planGroupLinks":
        check_link(world, thing)
    if kind in TERM and (why := wrong(world, kind, thing)):
        raise Refused(why)


def check_of_account(world: World, thing: Thing) -> None:
    account = str(thing["account"])
    if not (absent(thing.get("startDate")) or absent(thing.get("endDate"))):
        start, end = (world.day_of(account, thing[name]) for name in ("startDate", "endDate"))
        if start > end:
            raise Refused(f"startDate {start} is after endDate {end}")
    contract = world.things["contracts"].get(str(thing.get("contract")))
    if contract is not None and contract["account"] not in {account, world.root_of(account)}:
        raise Refused(f"contract {contract['code']} is another account's")


def products_of(world: World, account_plan: Thing) -> set[str]:
    plans = (
        [account_plan["plan"]] if absent(account_plan.get("planGroup")) else world.plans_in(account_plan["planGroup"])
    )
    return {world.product_of(world.get("plans", plan)) for plan in plans}


def check_once(world: World, account_plan: Thing, products: set[str]) -> None:
    """No other account plan of the account has one of these products on one of its days."""
    start, end = world.term_of(account_plan)
    for other in world.all("accountPlans"):
        if other["account"] == account_plan["account"] and other["code"] != account_plan.get("code"):
            first, last = world.term_of(other)
            together = max(start, first) < min(end, last)
            if (
                together
                and products & products_of(world, other)
                and not flag(world.organization.get("allowOverlappingPlans"))
            ):
                raise Refused("account plan of the same product covers some of these days")


def check_link(world: World, link: Thing) -> None:
    plan = world.get("plans", link["plan"])
    group = world.get("planGroups", link["planGroup"])
    if world.plan_currency(plan) != world.currency_of(group):
        raise Refused("planId: names a plan in another currency than the group")
    for other in (world.get("plans", code) for code in world.plans_in(link["planGroup"])):
        if world.product_of(other) == world.product_of(plan):
            raise Refused("planId: names a plan of a product of which the group has one already")
        if world.frequency_of(other) != world.frequency_of(plan):
            raise Refused("planId: names a plan that is not billed at the frequency and interval of the others")
    for account_plan in world.all("accountPlans"):
        if account_plan.get("planGroup") == link["planGroup"]:
            check_once(world, account_plan, products_of(world, account_plan) | {world.product_of(plan)})


def check_formula(world: World, compound: Thing) -> None:
    text = str(compound["calculation"])
    if match := STRANGE.search(text):
        raise Refused(f"must not have '{match[0]}' at character {match.start() + 1}")
    for match in NAMED.finditer(text):
        if not match[0].startswith("aggregation.") and match[0] not in MATH:
            raise Refused(f"names {match[0]} at character {match.start() + 1}")
    codes = [match[0].removeprefix("aggregation.") for match in NAMED.finditer(text) if match[0] not in MATH]
    if not codes:
        raise Refused("must name an aggregation")
    for code in codes:
        if code not in world.things["aggregations"]:
            raise Refused(f"names aggregation.{code}, and no aggregation has that code")


def check_not_named(world: World, code: str, words: str) -> None:
    """No formula names the aggregation, which is to go or to be called otherwise."""
    for compound_aggregation in world.all("compoundAggregations"):
        if re.search(rf"aggregation\.{code}\b", str(compound_aggregation["calculation"])):
            raise Refused(words)


def check_charge(world: World, charge: Thing) -> None:
    """An amount, or units at a price; of the account's own balance."""
    per_unit = [name for name in ("units", "unitPrice") if not absent(charge.get(name))]
    if absent(charge.get("amount")) and len(per_unit) < 2:
        raise Refused("amount: is required, or units with unitPrice")
    if not absent(charge.get("amount")) and per_unit:
        raise Refused("amount: does not go with units and unitPrice")
    if not is_whole(money_or_zero(charge.get("amount")), world.currency_of(charge)):
        raise Refused("amount is finer than the minor unit")
    names = ("servicePeriodStartDate", "servicePeriodEndDate")
    start, end = (world.day_of(str(charge["account"]), charge[name]) for name in names)
    if start > end:
        raise Refused(f"servicePeriodEndDate {end} is before servicePeriodStartDate {start}")
    if not absent(charge.get("entity")) and world.get("balances", charge["entity"])["account"] != charge["account"]:
        raise Refused("entity must name a balance of the account")


def check_commitment(world: World, commitment: Thing, grid: Grid | None) -> None:
    """`grid` is that of its commitment periods; None where several account plans were there."""
    code, currency = str(commitment["code"]), world.currency_of(commitment)
    if code in world.cancels:
        raise Refused(f"commitment {code} is cancelled")
    for name in ("amount", "amountPrePaid", "amountFirstBill", "rolloverAmount"):
        if not is_whole(money_or_zero(commitment.get(name)), currency):
            raise Refused(f"{name} is finer than the minor unit of {currency}")
    if is_minimum(commitment):
        for name in FEE_FIELDS:
            if not absent(commitment.get(name)):
                raise Refused(f"{name} is not for a MINIMUM commitment")
        if grid is None and not absent(commitment.get("commitmentPeriodInterval")):
            raise Refused("commitmentPeriodInterval needs a billingPlanId where several account plans are attached")
        return
    owed = num(commitment["amount"]) - money_or_zero(commitment.get("amountPrePaid"))
    if owed < 0:
        raise Refused("amountPrePaid is above amount")
    if money_or_zero(commitment.get("amountFirstBill")) > owed and not commitment.get("feeDates"):
        raise Refused("amountFirstBill is above what is outstanding")
    if money_or_zero(commitment.get("overageSurchargePercent")) and flag(commitment.get("separateOverageUsage")):
        raise Refused("overageSurchargePercent and separateOverageUsage exclude each other")


def check_dated(world: World, body: Thing) -> Thing:
    commitment = world.get("commitments", body["commitment"])
    code, at = str(commitment["code"]), day(body["date"])
    if code in world.cancels:
        raise Refused(f"commitment {code} is cancelled")
    if not day(commitment["startDate"]) <= at < day(commitment["endDate"]):
        raise Refused(f"date {at} is outside the term of {code}")
    return commitment


def check_top_up(world: World, body: Thing) -> None:
    commitment = check_dated(world, body)
    if not is_minimum(commitment) and flag(body.get("recurring")):
        raise Refused("recurring top-ups are for MINIMUM commitments only")
    if not is_whole(num(body["amount"]), world.currency_of(commitment)):
        raise Refused("amount is finer than the minor unit")


def check_cancel(world: World, body: Thing) -> None:
    commitment = check_dated(world, body)
    allowed = {"TRUE_UP", "PRORATE", "WAIVE"} if is_minimum(commitment) else {"ACCELERATE", "KEEP", "WAIVE"}
    if not absent(body.get("policy")) and body["policy"] not in allowed:
        raise Refused(f"policy {body['policy']} is not one of {', '.join(sorted(allowed))}")


def check_transaction(world: World, body: Thing) -> None:
    balance, amount = world.get("balances", body["balance"]), num(body["amount"])
    account = str(balance["account"])
    told = [
        (world.day_of(account, t["date"]), num(t["amount"])) for t in [*world.transactions[str(balance["code"])], body]
    ]
    at = told[-1][0]
    told += top_ups(world, balance)
    for since in [moment for moment, _ in sorted(told) if amount < 0 and moment >= at]:
        if sum((paid for moment, paid in told if moment <= since), Fraction(0)) < 0:
            raise Refused(f"amount {amount} must not take out more than is paid in")


def check_covered(world: World, balance: Thing) -> None:
    if (rest := lacking(world, balance)) > 0:
        raise Refused(f"what was taken out would be {rest} more than what is paid in")


def check_delete(world: World, name: str, code: str, body: Thing, billed: Lines, clock: date) -> None:
    if name == "aggregation":
        check_not_named(world, code, "a compoundAggregation refers to it")
    if name == "balance" and any(thing["balance"] == code for kind in TERM for thing in world.all(kind)):
        raise Refused(f"balance {code} is not deleted: a schedule refers to it")
    if name != "commitment" or flag(body.get("force")):
        return
    root = world.root_of(str(world.get("commitments", code)["account"]))
    settled = settle(world, root, clock, True)
    holder = settled.drawn.holders.get(f"commitment {code}")
    if holder is not None and holder.drawn:
        raise Refused(f"commitment {code} has drawn")
    if any(line.extra.get("commitment") == code for line in billed.values()):
        raise Refused(f"commitment {code} has billed")
