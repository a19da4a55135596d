"""Who buys in a generated story: accounts with their plans and contracts."""

from datetime import date, timedelta
from typing import Any

from .choosing import FIRST, Choices

Thing = dict[str, Any]
MODES = ["PARENT_BREAKDOWN", "PARENT_SUMMARY", "CHILD"]


def contracts_for(account: Thing) -> list[str]:
    """Those that a commitment or a plan of the account may name: its own and, more often, its parent's."""
    owners = [account["code"], *[account.get("parentAccount")] * 3]
    return [f"deal-{owner}" for owner in owners if owner]


def contract(c: Choices, account: Thing) -> Thing:
    made: Thing = {"code": f"deal-{account['code']}", "account": account["code"], "startDate": FIRST}
    return made | {"endDate": FIRST if c.chance(8) else date(2028, 1, 1)}


def account_plans(c: Choices, account: Thing, plans: list[Thing], contracts: bool) -> list[Thing]:
    """At most one plan of a product at a time. One that ends on the day on which it starts holds on no day."""
    plans_attached: list[Thing] = []
    used = set()
    for plan in plans:
        if plan["product"] in used or (plans_attached and not c.chance(2)):
            continue
        used.add(plan["product"])
        attached = attachment(c, account, plan, contracts) | {"startDate": FIRST if c.chance(2) else c.day(0, 45)}
        plans_attached.append(attached)
        if c.chance(10):
            attached["endDate"] = attached["startDate"]
        elif c.chance(3):
            attached["endDate"] = attached["startDate"] + timedelta(days=c.number(20, 120))
            if c.chance(2):
                later = attached["endDate"] + timedelta(days=c.number(0, 20))
                plans_attached.append({"plan": plan["code"], "startDate": later})
    for number, attached in enumerate(plans_attached):
        attached["code"] = f"{account['code']}-sub-{number}"
    return plans_attached


def attachment(c: Choices, account: Thing, plan: Thing, contracts: bool) -> Thing:
    """Everything of an account plan but its dates."""
    attached: Thing = {"plan": plan["code"]}
    if contracts and c.chance(2):
        attached["contract"] = c.pick(contracts_for(account))
    if c.chance(2 if "parentAccount" in account else 4):
        attached["childBillingMode"] = c.pick(MODES[1:])
    if c.chance(8):
        attached["billEpoch"] = c.pick([date(2025, 12, 10), date(2026, 1, 31)])
    return attached


def accounts(c: Choices, plans: list[Thing], contracts: bool, family: bool) -> list[Thing]:
    root: Thing = {"code": "acme"}
    root["plans"] = account_plans(c, root, plans, contracts)
    if c.chance(4):
        root["timezone"] = c.pick(["America/Los_Angeles", "Australia/Lord_Howe", "Europe/Berlin", "America/Santiago"])
    if c.chance(6):
        root["billEpoch"] = c.pick([date(2026, 1, 20), date(2025, 1, 31)])
    if not family and c.chance(4):
        root["creditApplicationOrder"] = c.pick([["BALANCE", "PREPAYMENT"], ["PREPAYMENT"], ["BALANCE"]])
    accounts = [root]
    for number in range(c.number(1, 3) if family else 0):
        child: Thing = {"code": f"kid-{number}", "parentAccount": "acme"}
        if c.chance(3):
            child["plans"] = account_plans(c, child, plans, contracts)
        accounts.append(child)
    if not family and c.chance(6):
        other: Thing = {"code": "zed"}
        accounts.append(other | {"plans": account_plans(c, other, plans, False)})
    return accounts


def lasting(plans: list[Thing]) -> list[Thing]:
    """Without those that hold on no day."""
    return [plan for plan in plans if plan["startDate"] != plan.get("endDate")]


def grid_is_clear(account: Thing, people: list[Thing]) -> bool:
    """Whether a minimum of the account may count billing periods without a plan to bill by: it has at most one account
    plan, and its parent, whose plans count where its own shares no day with the term, too, however an empty one is
    read."""
    own = account.get("plans", [])
    parents = [
        plan for person in people if person["code"] == account.get("parentAccount") for plan in person.get("plans", [])
    ]
    return max(len(own), len(parents)) <= 1 and lasting(own) == own and lasting(parents) == parents
