"""Random families on a plan group, with everything that money can come from: formulas, counters, commitments of both
kinds, balances with schedules, one-off charges; terms of one day and of none are among them."""

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.settlement.stories import FORMULAS, FUNCTIONS, Random, days, pricings

PLANS = ("plan-0", "plan-1", "plan-2")
BALANCES = ("wallet", "purse")
MODES = st.sampled_from(["PARENT_SUMMARY", "PARENT_BREAKDOWN", "CHILD"])
ROUNDINGS = st.sampled_from(["NONE", "UP", "NEAREST"])
#: Days of a term: most are long, some hold one day or none.
LENGTHS = st.sampled_from([0, 1, 30, 45, 60, 60, 90])
Fields = dict[str, Any]


def picked(*of: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(of)


def term(draw: st.DrawFn, last: int = 40) -> Fields:
    """A start up to this day, and an end."""
    start = draw(days(0, last))
    return {"startDate": start.isoformat(), "endDate": (start + timedelta(days=draw(LENGTHS))).isoformat()}


@st.composite
def bundles(draw: st.DrawFn) -> Random:
    """What there is before anything is used: three plans of three products, of which none is in the group yet."""
    contract = draw(picked({}, {"contract": "deal"}))
    attached = [{"code": "on", "planGroup": "bundle", "startDate": draw(days(0, 20)).isoformat()}]
    attached[0] |= {"childBillingMode": draw(MODES), **contract}
    accounts: list[Fields] = [{"code": "acme", "plans": attached}]
    if draw(st.booleans()):
        own = [{"planGroup": "bundle", "startDate": draw(days(20, 70)).isoformat(), "childBillingMode": draw(MODES)}]
        accounts += [{"code": "kid", "parentAccount": "acme", "plans": draw(picked(own, []))}]
        accounts += [{"code": "pooled", "parentAccount": "acme"}]
    lists: dict[str, list[Fields]] = {
        "meters": [{"code": "m", "dataFields": [{"code": "q", "category": "MEASURE"}]}],
        "aggregations": [draw(aggregations(code)) for code in ("a", "b")],
        "compoundAggregations": [draw(formulas())],
        "planGroups": [draw(fees({"code": "bundle"})), draw(fees({"code": "other"}))],
        "plans": draw(plans()),
        "counters": [{"code": "seats"}],
        "counterPricings": [draw(seat_prices())],
        "accounts": accounts,
        "commitments": draw(commitments(contract)),
        "balances": [draw(balances(code, [account["code"] for account in accounts], contract)) for code in BALANCES],
    }
    lists |= draw(schedules(lists["balances"]))
    organization = {
        "allowOverlappingPlans": draw(st.booleans()),
        "currency": draw(picked("USD", "JPY", "KWD")),
        "roundingMode": draw(picked("HALF_EVEN", "HALF_UP")),
        "timezone": draw(picked("UTC", "America/New_York", "Pacific/Auckland")),
        "creditApplicationOrder": draw(picked(None, ["BALANCE", "PREPAYMENT"], ["BALANCE"])),
    }
    given = {name: value for name, value in organization.items() if value is not None}
    return Random(given, lists, [], [], [], [], [])


@st.composite
def aggregations(draw: st.DrawFn, code: str) -> Fields:
    fields = {"code": code, "meter": "m", "targetField": "q", "aggregation": draw(st.sampled_from(FUNCTIONS))}
    more = draw(picked({}, {"defaultValue": 4}))
    return fields | {"rounding": draw(ROUNDINGS), "quantityPerUnit": draw(picked(1, 1, 3))} | more


@st.composite
def formulas(draw: st.DrawFn) -> Fields:
    text = draw(st.sampled_from(FORMULAS)).format(one="a", other="b")
    units = {"rounding": draw(ROUNDINGS), "quantityPerUnit": draw(picked(1, 2))}
    return {"code": "mix", "calculation": text, "evaluateNullAggregations": draw(st.booleans())} | units


@st.composite
def fees(draw: st.DrawFn, fields: Fields) -> Fields:
    """With a standing charge and a minimum spend, of which each may be 0."""
    return fields | {
        "standingCharge": draw(picked(0, 4, 10)),
        "minimumSpend": draw(picked(0, 25, 60, 200)),
        "standingChargeBillInAdvance": draw(st.booleans()),
        "minimumSpendBillInAdvance": draw(st.booleans()),
    }


@st.composite
def plans(draw: st.DrawFn) -> list[Fields]:
    billed = {
        "billFrequency": draw(picked("MONTHLY", "MONTHLY", "WEEKLY")),
        "billFrequencyInterval": draw(picked(1, 2)),
    }
    made = []
    for number, code in enumerate(PLANS):
        prices = [draw(pricings("mix", 10 * number + n, "compoundAggregation")) for n in range(draw(picked(0, 1, 2)))]
        prices += [draw(pricings(code, 10 * number + 5)) for code in draw(picked([], ["a"], ["b"]))]
        plan = draw(fees({"code": code, "product": f"product-{number}", "pricings": prices}))
        made.append(plan | billed | draw(picked({}, {"standingChargeInterval": 2})))
    return made


@st.composite
def seat_prices(draw: st.DrawFn) -> Fields:
    bands = [{"lowerLimit": 0, "unitPrice": draw(picked(1, 2.5))}]
    return {"code": "seat", "counter": "seats", "plan": "plan-0", "startDate": "2026-01-01", "pricingBands": bands}


@st.composite
def commitments(draw: st.DrawFn, contract: Fields) -> list[Fields]:
    """Perhaps a prepayment, perhaps a minimum."""
    prepaid = {"code": "prepaid", "account": "acme", "amount": draw(st.integers(1, 200))} | term(draw)
    prepaid |= draw(picked({}, {"overageSurchargePercent": 7}, {"separateOverageUsage": True}))
    prepaid |= draw(picked({}, contract)) | draw(picked({}, {"products": ["product-0"]}, {"billingPlan": "plan-0"}))
    least = {"code": "least", "account": "acme", "amount": draw(st.integers(1, 200)), "commitmentType": "MINIMUM"}
    least |= {"prorate": draw(st.booleans())} | term(draw)
    least |= draw(picked({}, {"commitmentPeriodInterval": 1, "billingPlan": "plan-0"}))
    return draw(picked([], [prepaid], [least], [prepaid, least]))


@st.composite
def balances(draw: st.DrawFn, code: str, accounts: list[str], contract: Fields) -> Fields:
    account = draw(st.sampled_from(accounts))
    made = {"code": code, "account": account} | term(draw, 20)
    later = (date.fromisoformat(made["endDate"]) + timedelta(days=20)).isoformat()
    made |= draw(picked({}, {"overageSurchargePercent": 5}, {"rolloverEndDate": later, "rolloverAmount": 15}))
    made |= draw(picked({}, contract)) if account == "acme" else {}
    return made | draw(picked({}, {"products": ["product-1"]}, {"lineItemTypes": ["STANDING_CHARGE", "MINIMUM_SPEND"]}))


@st.composite
def schedules(draw: st.DrawFn, wallets: list[Fields]) -> dict[str, list[Fields]]:
    """Of each balance one of either kind, from a day of its term on."""
    top_ups, charges = [], []
    for wallet in wallets:
        code, first, end = wallet["code"], date.fromisoformat(wallet["startDate"]), wallet["endDate"]
        start = (first + timedelta(days=draw(st.integers(0, (date.fromisoformat(end) - first).days)))).isoformat()
        top_up = {"code": f"refill-{code}", "balance": code, "amount": draw(st.integers(1, 20)), "startDate": start}
        how = {"frequency": draw(picked("DAILY", "WEEKLY", "MONTHLY")), "frequencyInterval": draw(st.integers(1, 9))}
        top_ups.append(top_up | {"endDate": end} | how)
        charge = {"code": f"fee-{code}", "balance": code, "servicePeriodStartDate": start, "servicePeriodEndDate": end}
        how = {"billFrequency": draw(picked("WEEKLY", "MONTHLY")), "billFrequencyInterval": draw(st.integers(1, 3))}
        price = draw(picked({"amount": 3}, {"units": 3, "unitPrice": 1.335}))
        charges.append(charge | how | price | {"billInAdvance": draw(st.booleans())})
    return {"balanceTransactionSchedules": top_ups, "balanceChargeSchedules": charges}
