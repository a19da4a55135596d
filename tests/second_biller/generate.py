"""Billing stories made by hypothesis, or from a seed: what the two billers are compared on."""

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from .choosing import FIRST, Choices, Stamp
from .generate_accounts import MODES, accounts, contract, contracts_for, grid_is_clear
from .generate_catalog import catalog
from .generate_groups import bundle
from .generate_moments import tell_in_moments
from .generate_steps import steps
from .money import decimals_of

Thing = dict[str, Any]
TYPES = ["USAGE", "STANDING_CHARGE", "MINIMUM_SPEND", "COUNTER_RUNNING_TOTAL_CHARGE", "COUNTER_ADJUSTMENT_DEBIT"]


def organization(c: Choices, currency: str) -> Thing:
    found: Thing = {"currency": currency}
    if c.chance(2):
        found["timezone"] = c.pick(["America/New_York", "Asia/Tokyo", "Pacific/Auckland", "Asia/Beirut"])
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


def term(c: Choices) -> tuple[date, date]:
    """One in some is empty: it starts and ends on one day."""
    start = FIRST if c.chance(2) else c.day(0, 70)
    if c.chance(15):
        return start, start
    return start, max(start + timedelta(days=1), c.day((start - FIRST).days + 10, (start - FIRST).days + 240))


def scope(c: Choices, contracts: list[str]) -> Thing:
    found: Thing = {}
    if c.chance(4):
        found["products"] = [c.pick(["alpha", "beta"])]
    if c.chance(4):
        found["lineItemTypes"] = c.some(TYPES) or ["USAGE"]
    if contracts and c.chance(2):
        found["contract"] = c.pick(contracts)
    return found


def commitment(c: Choices, code: str, people: list[Thing], plans: list[Thing], contracts: bool, first: bool) -> Thing:
    """`first`: it stands in the head of the story, where nothing may be refused."""
    start, end = term(c)
    account = c.pick(people)
    found: Thing = {"code": code, "account": account["code"], "amount": c.money(20, 900)}
    found |= {"startDate": start, "endDate": end}
    found |= scope(c, contracts_for(account) if contracts else [])
    if len(people) > 1 and c.chance(3):
        found["childBillingMode"] = c.pick(MODES[1:])
    if c.chance(8):
        found["billEpoch"] = c.pick([date(2026, 1, 10), start])
    if c.decimals == 2 and c.chance(10):
        found["currency"] = "EUR"
    if c.chance(3):
        return found | minimum(c, plans, not first or grid_is_clear(account, people))
    if c.chance(4):
        found["priority"] = c.number(1, 3)
    if c.chance(2):
        found["amount"] = c.money(5, 150)
        terms: list[Thing] = [{"overageSurchargePercent": 10}, {"separateOverageUsage": True}]
        with_bands = any("overagePricingBands" in price for plan in plans for price in plan["pricings"])
        found |= c.pick([*terms, *terms[1:] * (3 if with_bands else 0), {"overageSurchargePercent": Decimal("-7.5")}])
    if c.chance(4):
        found["rolloverEndDate"] = end + timedelta(days=c.number(1, 90))
        if c.chance(2):
            found["rolloverPercent"] = c.pick([100, 50, Decimal("33.3"), 0])
        if c.chance(3):
            found["rolloverAmount"] = c.money(1, 200)
        if c.chance(3):
            found["rolloverOrder"] = "LAST"
    return found | fees(c, found, plans)


def minimum(c: Choices, plans: list[Thing], without_plan: bool) -> Thing:
    """`without_plan`: it may count billing periods without a plan to bill by."""
    found: Thing = {"commitmentType": "MINIMUM"}
    if c.chance(2):
        found["billingPlan"] = c.pick(plans)["code"]
    if c.chance(2) and (without_plan or "billingPlan" in found):
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
    made: Thing = {"date": c.day(0, 150), "amount": c.money(5, 90)}
    for name, at in (("servicePeriodStartDate", start), ("servicePeriodEndDate", end)):
        made[name] = Stamp(f"{at}T{c.pick(['12', '00', '03', '21'])}:00:00Z")
    return made


def balance(c: Choices, number: int, people: list[Thing], contracts: bool) -> Thing:
    start, end = term(c)
    account = c.pick(people)
    found: Thing = {"code": f"b{number}", "account": account["code"], "startDate": start, "endDate": end}
    found |= scope(c, contracts_for(account)[:1] if contracts else [])
    if c.chance(4):
        found["overageSurchargePercent"] = c.pick([5, Decimal("-2.5")])
    if start < end and c.chance(4):
        found["rolloverEndDate"] = end + timedelta(days=c.number(1, 90))
        found["rolloverAmount"] = c.money(1, 200)
    return found


def charge(c: Choices, number: int, people: list[Thing], balances: list[Thing], contracts: bool) -> Thing:
    """A one-off charge, or a fee for a balance."""
    start = c.day(0, 150)
    found: Thing = {"code": f"x{number}", "servicePeriodStartDate": start}
    found["servicePeriodEndDate"] = start + timedelta(days=c.number(0, 40))
    if balances and c.chance(3):
        of = c.pick(balances)
        found |= {
            "account": of["account"],
            "entity": of["code"],
            "entityType": "BALANCE",
            "lineItemType": "BALANCE_FEE",
        }
    else:
        account = c.pick(people)
        found["account"] = account["code"]
        if contracts and c.chance(3):
            found["contract"] = c.pick(contracts_for(account))
    if c.chance(3):
        found |= {"units": c.number(0, 9), "unitPrice": c.pick([Decimal("0.335"), Decimal("12.5"), 7])}
    else:
        found["amount"] = c.money(0, 120)
    if c.chance(2):
        found["billDate"] = c.day(0, 180)
    return found


def make(c: Choices) -> Thing:
    currency = c.pick(["USD", "USD", "USD", "JPY", "KWD"])
    c.decimals = decimals_of(currency)
    found: Thing = {"scenario": "generated", "source": "hypothesis", "organization": organization(c, currency)}
    family = c.number(1, 5) > 3
    plans, parts = catalog(c, family)
    found |= parts
    contracts = c.chance(2 if family else 4)
    people = accounts(c, plans, contracts, family)
    if contracts:
        found["contracts"] = [contract(c, person) for person in people]
    found["accounts"] = people
    bundle(c, found, plans, contracts)
    made = [commitment(c, f"c{number}", people, plans, contracts, True) for number in range(c.number(int(family), 4))]
    balances = [balance(c, number, people, contracts) for number in range(c.pick([0, 0, 0, 1, 2]))]
    if made:
        found["commitments"] = made
    if balances:
        found["balances"] = balances
    found["steps"] = steps(c, found, lambda code: commitment(c, code, people, plans, contracts, False), contracts)
    tell_in_moments(c, found)
    if c.chance(3):
        found["charges"] = [charge(c, number, people, balances, contracts) for number in range(c.number(1, 3))]
    return found


@st.composite
def scenarios(draw: Any) -> Thing:
    """Stories that hypothesis can shrink."""
    return make(Choices(lambda low, high: int(draw(st.integers(low, high)))))


def scenario_of(seed: int) -> Thing:
    """The same stories from a plain seed: even spread, for the long run."""
    return make(Choices(random.Random(seed).randint))
