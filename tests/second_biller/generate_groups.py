"""Plan groups of a generated story: plans of several products that are billed alike, over which a group has fees."""

from datetime import timedelta
from typing import Any

from .choosing import FIRST, Choices
from .generate_accounts import attachment

Thing = dict[str, Any]
BILLED = ("billFrequency", "billFrequencyInterval", "currency")


def bundle(c: Choices, scenario: Thing, plans: list[Thing], contracts: bool) -> None:
    """In one story of some: a group, and an account that is on it instead of on plans of its own."""
    if not c.chance(4):
        return
    first = c.pick(plans)
    billed = [plan for plan in plans if alike(scenario, plan) == alike(scenario, first)]
    inside = list({plan["product"]: plan for plan in [*billed, first]}.values())
    group: Thing = {"code": "bundle"}
    if currency := alike(scenario, first)[2]:
        group["currency"] = currency
    if not c.chance(4):
        group["minimumSpend"] = c.money(10, 300)
        group |= {"minimumSpendBillInAdvance": c.chance(2)} if c.chance(2) else {}
    if c.chance(2):
        group["standingCharge"] = c.money(1, 60)
        group |= {"standingChargeBillInAdvance": c.chance(2)} if c.chance(2) else {}
    account = c.pick(scenario["accounts"])
    attached = attachment(c, account, first, contracts) | {
        "startDate": c.day(0, 30),
        "code": f"{account['code']}-sub-0",
    }
    del attached["plan"]
    attached["planGroup"] = "bundle"
    if c.chance(4):
        attached["endDate"] = attached["startDate"] + timedelta(days=c.number(0, 120))
    account["plans"] = [attached]
    scenario["planGroups"] = [group]
    scenario["planGroupLinks"] = [{"planGroup": "bundle", "plan": plan["code"]} for plan in inside]


def alike(scenario: Thing, plan: Thing) -> tuple[Any, ...]:
    """Frequency, interval and currency: a plan's, or its template's."""
    templates = {plan_template["code"]: plan_template for plan_template in scenario.get("planTemplates", [])}
    owner = templates.get(plan.get("planTemplate"), plan)
    return tuple(owner.get(name) for name in BILLED)


def products_in(scenario: Thing, product: Any) -> set[str]:
    """The products of the bundle's plans, by the function that tells a plan's."""
    return {product(link["plan"]) for link in scenario.get("planGroupLinks", [])}


def amended(c: Choices) -> Thing:
    """A fee of the bundle from a day on: the one that is said, else today."""
    step: Thing = {"planGroup": "bundle", "set": {c.pick(["standingCharge", "minimumSpend"]): c.money(0, 300)}}
    if c.chance(2):
        step["effectiveDate"] = FIRST + timedelta(days=c.number(-20, 200))
    return {"update": step}
