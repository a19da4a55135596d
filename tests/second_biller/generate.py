"""Billing stories made by hypothesis, or from a seed: what the two billers are compared on."""

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from .choosing import FIRST, Choices, Stamp
from .generate_catalog import catalog
from .generate_steps import steps
from .money import decimals_of

Thing = dict[str, Any]
TYPES = ["USAGE", "STANDING_CHARGE", "MINIMUM_SPEND", "COUNTER_RUNNING_TOTAL_CHARGE", "COUNTER_ADJUSTMENT_DEBIT"]
MODES = ["PARENT_BREAKDOWN", "PARENT_SUMMARY", "CHILD"]


def organization(c: Choices, currency: str) -> Thing:
    found: Thing = {"currency": currency}
    if c.chance(3):
        found["timezone"] = c.pick(["America/New_York", "Asia/Tokyo", "Pacific/Auckland"])
    if c.chance(3):
        found["roundingMode"] = "HALF_UP"
    if c.chance(4):
        found["creditApplicationOrder"] = c.pick([["BALANCE", "PREPAYMENT"], ["PREPAYMENT"], ["BALANCE"]])
    for name in ("standingChargeBillInAdvance", "minimumSpendBillInAdvance", "commitmentFeeBillInAdvance"):
        if c.chance(6):
            found[name] = True
    if c.chance(6):
        found["monthEpoch"] = c.pick([date(2020, 1, 15), date(2019, 12, 31)])
    return found


def account_plans(c: Choices, account: str, plans: list[Thing], contracts: bool) -> list[Thing]:
    """At most one plan of a product at a time."""
    found: list[Thing] = []
    used = set()
    for plan in plans:
        if plan["product"] in used or (found and not c.chance(2)):
            continue
        used.add(plan["product"])
        attached: Thing = {"plan": plan["code"], "startDate": FIRST if c.chance(2) else c.day(0, 45)}
        if c.chance(5):
            attached["endDate"] = attached["startDate"] + timedelta(days=c.number(20, 120))
        if "endDate" in attached and c.chance(2):
            found.append({"plan": plan["code"], "startDate": attached["endDate"] + timedelta(days=c.number(0, 20))})
        if contracts and c.chance(2):
            attached["contract"] = f"deal-{account}"
        if c.chance(4):
            attached["childBillingMode"] = c.pick(MODES[1:])
        if c.chance(8):
            attached["billEpoch"] = c.pick([date(2025, 12, 10), date(2026, 1, 31)])
        found.append(attached)
    return found


def accounts(c: Choices, plans: list[Thing], contracts: bool, family: bool) -> list[Thing]:
    root: Thing = {"code": "acme", "plans": account_plans(c, "acme", plans, contracts)}
    if c.chance(4):
        root["timezone"] = c.pick(["America/Los_Angeles", "Australia/Lord_Howe", "Europe/Berlin"])
    if c.chance(6):
        root["billEpoch"] = c.pick([date(2026, 1, 20), date(2025, 1, 31)])
    if not family and c.chance(4):
        root["creditApplicationOrder"] = c.pick([["BALANCE", "PREPAYMENT"], ["PREPAYMENT"], ["BALANCE"]])
    found = [root]
    for number in range(c.number(1, 3) if family else 0):
        child: Thing = {"code": f"kid-{number}", "parentAccount": "acme"}
        if c.chance(3):
            child["plans"] = account_plans(c, child["code"], plans, contracts)
        found.append(child)
    if not family and c.chance(6):
        found.append({"code": "zed", "plans": account_plans(c, "zed", plans, False)})
    return found


def term(c: Choices) -> tuple[date, date]:
    start = FIRST if c.chance(2) else c.day(0, 70)
    return start, max(start + timedelta(days=1), c.day((start - FIRST).days + 10, (start - FIRST).days + 240))


def scope(c: Choices, account: str, contracts: bool) -> Thing:
    found: Thing = {}
    if c.chance(4):
        found["products"] = [c.pick(["alpha", "beta"])]
    if c.chance(4):
        found["lineItemTypes"] = c.some(TYPES) or ["USAGE"]
    if contracts and c.chance(3):
        found["contract"] = f"deal-{account}"
    return found


def commitment(c: Choices, code: str, people: list[Thing], plans: list[Thing], contracts: bool) -> Thing:
    start, end = term(c)
    found: Thing = {"code": code, "account": c.pick(people)["code"], "amount": c.money(20, 900)}
    found |= {"startDate": start, "endDate": end}
    found |= scope(c, found["account"], contracts)
    if len(people) > 1 and c.chance(3):
        found["childBillingMode"] = c.pick(MODES[1:])
    if c.chance(8):
        found["billEpoch"] = c.pick([date(2026, 1, 10), start])
    if c.decimals == 2 and c.chance(10):
        found["currency"] = "EUR"
    if c.chance(3):
        return found | minimum(c, plans)
    if c.chance(4):
        found["priority"] = c.number(1, 3)
    if c.chance(2):
        found["amount"] = c.money(5, 150)
        found |= c.pick([{"overageSurchargePercent": 10}, {"separateOverageUsage": True},
                         {"overageSurchargePercent": Decimal("-7.5")}])  # fmt: skip
    if c.chance(4):
        found["rolloverEndDate"] = end + timedelta(days=c.number(1, 90))
        if c.chance(2):
            found["rolloverPercent"] = c.pick([100, 50, Decimal("33.3"), 0])
        if c.chance(3):
            found["rolloverAmount"] = c.money(1, 200)
        if c.chance(3):
            found["rolloverOrder"] = "LAST"
    return found | fees(c, found, plans)


def minimum(c: Choices, plans: list[Thing]) -> Thing:
    found: Thing = {"commitmentType": "MINIMUM"}
    if c.chance(2):
        found["billingPlan"] = c.pick(plans)["code"]
        if c.chance(2):
            found["commitmentPeriodInterval"] = c.number(1, 3)
    if c.chance(2):
        found["prorate"] = True
    return found


def fees(c: Choices, made: Thing, plans: list[Thing]) -> Thing:
    found: Thing = {}
    kind = c.pick(["none", "plan", "plan", "schedule"])
    if c.chance(3):
        found["amountPrePaid"] = min(made["amount"], c.money(0, 300))
    if kind == "plan":
        found["billingPlan"] = c.pick(plans)["code"]
        found |= {"billingInterval": c.number(2, 3)} if c.chance(4) else {}
        found |= {"billingOffset": c.number(1, 3)} if c.chance(4) else {}
        owed = made["amount"] - found.get("amountPrePaid", 0)
        if c.chance(4) and owed > 1:
            found["amountFirstBill"] = min(owed, c.money(1, 100))
        found |= {"commitmentFeeBillInAdvance": True} if c.chance(3) else {}
    if kind == "schedule":
        found["feeDates"] = [fee_date(c) for _ in range(c.number(1, 3))]
    return found


def fee_date(c: Choices) -> Thing:
    start = FIRST + timedelta(days=30 * c.number(0, 4))
    end = start + timedelta(days=30)
    noon = "T12:00:00Z"
    return {"date": c.day(0, 150), "amount": c.money(5, 90), "servicePeriodStartDate": Stamp(f"{start}{noon}"),
            "servicePeriodEndDate": Stamp(f"{end}{noon}")}  # fmt: skip


def balance(c: Choices, number: int, people: list[Thing], contracts: bool) -> Thing:
    start, end = term(c)
    found: Thing = {"code": f"b{number}", "account": c.pick(people)["code"], "startDate": start, "endDate": end}
    found |= scope(c, found["account"], contracts)
    if c.chance(4):
        found["overageSurchargePercent"] = c.pick([5, Decimal("-2.5")])
    return found


def make(c: Choices) -> Thing:
    currency = c.pick(["USD", "USD", "USD", "JPY", "KWD"])
    c.decimals = decimals_of(currency)
    found: Thing = {"scenario": "generated", "source": "hypothesis", "organization": organization(c, currency)}
    family = c.chance(3)
    plans, parts = catalog(c, family)
    found |= parts
    contracts = c.chance(4)
    people = accounts(c, plans, contracts, family)
    if contracts:
        found["contracts"] = [
            {"code": f"deal-{one['code']}", "account": one["code"], "startDate": FIRST, "endDate": date(2028, 1, 1)}
            for one in people
        ]
    found["accounts"] = people
    made = [commitment(c, f"c{number}", people, plans, contracts) for number in range(c.number(0, 4))]
    balances = [balance(c, number, people, contracts) for number in range(c.pick([0, 0, 0, 1, 2]))]
    if made:
        found["commitments"] = made
    if balances:
        found["balances"] = balances
    found["steps"] = steps(c, found, lambda code: commitment(c, code, people, plans, contracts))
    return found


@st.composite
def scenarios(draw: Any) -> Thing:
    """Stories that hypothesis can shrink."""
    return make(Choices(lambda low, high: int(draw(st.integers(low, high)))))


def scenario_of(seed: int) -> Thing:
    """The same stories from a plain seed: even spread, for the long run."""
    return make(Choices(random.Random(seed).randint))
