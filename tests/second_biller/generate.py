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
    terms_of_organization: Thing = {"currency": currency}
    if c.chance(2):
        terms_of_organization["timezone"] = c.pick(
            ["America/New_York", "Asia/Tokyo", "Pacific/Auckland", "Asia/Beirut"]
        )
    if c.chance(3):
        terms_of_organization["roundingMode"] = "HALF_UP"
    if c.chance(4):
        terms_of_organization["creditApplicationOrder"] = c.pick(
            [["BALANCE", "PREPAYMENT"], ["PREPAYMENT"], ["BALANCE"]]
        )
    for name in ("standingChargeBillInAdvance", "minimumSpendBillInAdvance", "commitmentFeeBillInAdvance"):
        if c.chance(6):
            terms_of_organization[name] = True
    if c.chance(6):
        terms_of_organization["monthEpoch"] = c.pick([date(2020, 1, 15), date(2019, 12, 31)])
    return terms_of_organization


def term(c: Choices) -> tuple[date, date]:
    """One in some is empty: it starts and ends on one day."""
    start = FIRST if c.chance(2) else c.day(0, 70)
    if c.chance(15):
        return start, start
    return start, max(start + timedelta(days=1), c.day((start - FIRST).days + 10, (start - FIRST).days + 240))


def scope(c: Choices, contracts: list[str]) -> Thing:
    limits: Thing = {}
    if c.chance(4):
        limits["products"] = [c.pick(["alpha", "beta"])]
    if c.chance(4):
        limits["lineItemTypes"] = c.some(TYPES) or ["USAGE"]
    if contracts and c.chance(2):
        limits["contract"] = c.pick(contracts)
    return limits


def commitment(c: Choices, code: str, people: list[Thing], plans: list[Thing], contracts: bool, first: bool) -> Thing:
    """`first`: it stands in the head of the story, where nothing may be refused."""
    start, end = term(c)
    account = c.pick(people)
    commitment: Thing = {"code": code, "account": account["code"], "amount": c.money(20, 900)}
    commitment |= {"startDate": start, "endDate": end}
    commitment |= scope(c, contracts_for(account) if contracts else [])
    if len(people) > 1 and c.chance(3):
        commitment["childBillingMode"] = c.pick(MODES[1:])
    if c.chance(8):
        commitment["billEpoch"] = c.pick([date(2026, 1, 10), start])
    if c.decimals == 2 and c.chance(10):
        commitment["currency"] = "EUR"
    if c.chance(3):
        return commitment | minimum(c, plans, not first or grid_is_clear(account, people))
    if c.chance(4):
        commitment["priority"] = c.number(1, 3)
    if c.chance(2):
        commitment["amount"] = c.money(5, 150)
        terms: list[Thing] = [{"overageSurchargePercent": 10}, {"separateOverageUsage": True}]
        with_bands = any("overagePricingBands" in price for plan in plans for price in plan["pricings"])
        commitment |= c.pick(
            [*terms, *terms[1:] * (3 if with_bands else 0), {"overageSurchargePercent": Decimal("-7.5")}]
        )
    if c.chance(4):
        commitment["rolloverEndDate"] = end + timedelta(days=c.number(1, 90))
        if c.chance(2):
            commitment["rolloverPercent"] = c.pick([100, 50, Decimal("33.3"), 0])
        if c.chance(3):
            commitment["rolloverAmount"] = c.money(1, 200)
        if c.chance(3):
            commitment["rolloverOrder"] = "LAST"
    return commitment | fees(c, commitment, plans)


def minimum(c: Choices, plans: list[Thing], without_plan: bool) -> Thing:
    """`without_plan`: it may count billing periods without a plan to bill by."""
    minimum: Thing = {"commitmentType": "MINIMUM"}
    if c.chance(2):
        minimum["billingPlan"] = c.pick(plans)["code"]
    if c.chance(2) and (without_plan or "billingPlan" in minimum):
        minimum["commitmentPeriodInterval"] = c.number(1, 3)
    if c.chance(2):
        minimum["prorate"] = True
    return minimum


def fees(c: Choices, made: Thing, plans: list[Thing]) -> Thing:
    billing: Thing = {}
    kind = c.pick(["none", "plan", "plan", "schedule"])
    if c.chance(3):
        billing["amountPrePaid"] = min(made["amount"], c.money(0, 300))
    if kind == "plan":
        billing["billingPlan"] = c.pick(plans)["code"]
        billing |= {"billingInterval": c.number(2, 3)} if c.chance(4) else {}
        billing |= {"billingOffset": c.number(1, 3)} if c.chance(4) else {}
        owed = made["amount"] - billing.get("amountPrePaid", 0)
        if c.chance(4) and owed > 1:
            billing["amountFirstBill"] = min(owed, c.money(1, 100))
        billing |= {"commitmentFeeBillInAdvance": True} if c.chance(3) else {}
    if kind == "schedule":
        billing["feeDates"] = [fee_date(c) for _ in range(c.number(1, 3))]
    return billing


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
    balance: Thing = {"code": f"b{number}", "account": account["code"], "startDate": start, "endDate": end}
    balance |= scope(c, contracts_for(account)[:1] if contracts else [])
    if c.chance(4):
        balance["overageSurchargePercent"] = c.pick([5, Decimal("-2.5")])
    if start < end and c.chance(4):
        balance["rolloverEndDate"] = end + timedelta(days=c.number(1, 90))
        balance["rolloverAmount"] = c.money(1, 200)
    return balance


def charge(c: Choices, number: int, people: list[Thing], balances: list[Thing], contracts: bool) -> Thing:
    """A one-off charge, or a fee for a balance."""
    start = c.day(0, 150)
    charge_made: Thing = {"code": f"x{number}", "servicePeriodStartDate": start}
    charge_made["servicePeriodEndDate"] = start + timedelta(days=c.number(0, 40))
    if balances and c.chance(3):
        of = c.pick(balances)
        charge_made |= {
            "account": of["account"],
            "entity": of["code"],
            "entityType": "BALANCE",
            "lineItemType": "BALANCE_FEE",
        }
    else:
        account = c.pick(people)
        charge_made["account"] = account["code"]
        if contracts and c.chance(3):
            charge_made["contract"] = c.pick(contracts_for(account))
    if c.chance(3):
        charge_made |= {"units": c.number(0, 9), "unitPrice": c.pick([Decimal("0.335"), Decimal("12.5"), 7])}
    else:
        charge_made["amount"] = c.money(0, 120)
    if c.chance(2):
        charge_made["billDate"] = c.day(0, 180)
    return charge_made


def make(c: Choices) -> Thing:
    currency = c.pick(["USD", "USD", "USD", "JPY", "KWD"])
    c.decimals = decimals_of(currency)
    scenario: Thing = {"scenario": "generated", "source": "hypothesis", "organization": organization(c, currency)}
    family = c.number(1, 5) > 3
    plans, parts = catalog(c, family)
    scenario |= parts
    contracts = c.chance(2 if family else 4)
    people = accounts(c, plans, contracts, family)
    if contracts:
        scenario["contracts"] = [contract(c, person) for person in people]
    scenario["accounts"] = people
    bundle(c, scenario, plans, contracts)
    made = [commitment(c, f"c{number}", people, plans, contracts, True) for number in range(c.number(int(family), 4))]
    balances = [balance(c, number, people, contracts) for number in range(c.pick([0, 0, 0, 1, 2]))]
    if made:
        scenario["commitments"] = made
    if balances:
        scenario["balances"] = balances
    scenario["steps"] = steps(c, scenario, lambda code: commitment(c, code, people, plans, contracts, False), contracts)
    tell_in_moments(c, scenario)
    if c.chance(3):
        scenario["charges"] = [charge(c, number, people, balances, contracts) for number in range(c.number(1, 3))]
    return scenario


@st.composite
def scenarios(draw: Any) -> Thing:
    """Stories that hypothesis can shrink."""
    return make(Choices(lambda low, high: int(draw(st.integers(low, high)))))


def scenario_of(seed: int) -> Thing:
    """The same stories from a plain seed: even spread, for the long run."""
    return make(Choices(random.Random(seed).randint))
