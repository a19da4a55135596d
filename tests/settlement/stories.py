"""Random families for the laws: catalog, accounts, commitments, balances and usage, as a scenario would write them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from services.simulate.naming import SOURCE
from services.simulate.player import UsageRecord

START = date(2026, 1, 1)
DAYS = 130
LAST = START + timedelta(days=DAYS)
#: Over two aggregations, which may be one.
FORMULAS = [
    "aggregation.{one} / 7 + aggregation.{other}",
    "aggregation.{one} * 3 / (aggregation.{other} - 9)",
    "Math.max(aggregation.{one}, 2 * aggregation.{other}) - 5",
]
FUNCTIONS = ["SUM", "SUM", "SUM", "COUNT", "MIN", "MAX", "LATEST", "MEAN", "UNIQUE"]


@dataclass(frozen=True, slots=True)
class Random:
    """A family before any usage: organization fields, lists of entities, and the commands that follow."""

    organization: dict[str, Any]
    lists: dict[str, list[dict[str, Any]]]
    transactions: list[tuple[str, int, date]]
    adjustments: list[tuple[str, date, int]]
    top_ups: list[tuple[str, int, date]]
    cancels: list[tuple[str, date, str | None]]
    #: Of schedules: kind, code, day, and the new amount; None deletes it.
    changes: list[tuple[str, str, date, int | None]]


def days(first: int = 0, last: int = DAYS) -> st.SearchStrategy[date]:
    return st.integers(first, last).map(lambda day: START + timedelta(days=day))


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


@st.composite
def pricings(draw: st.DrawFn, aggregation: str, number: int, named: str = "aggregation") -> dict[str, Any]:
    limits = [0, *sorted(draw(st.sets(st.integers(1, 60), max_size=2)))]
    cumulative = draw(st.booleans())
    spans = draw(st.booleans()) and draw(st.booleans())
    bands = [
        {"lowerLimit": limit, "unitPrice": draw(st.integers(0, 900)), "fixedPrice": draw(st.sampled_from([0, 0, 7]))}
        for limit in limits
    ]
    pricing = {
        "code": f"price-{number}",
        named: aggregation,
        "cumulative": cumulative,
        "tiersSpanPlan": spans,
        "pricingBands": [{**band, "unitPrice": band["unitPrice"] / 1000} for band in bands],
        "startDate": draw(days(0, 40)).isoformat(),
        "minimumSpend": draw(st.sampled_from([None, None, 12])),
    }
    if cumulative and not spans and draw(st.booleans()):
        pricing["overagePricingBands"] = [{"lowerLimit": 0, "unitPrice": 1}, {"lowerLimit": 9, "unitPrice": 2}]
    if draw(st.integers(0, 7)) == 0 and "overagePricingBands" not in pricing:
        pricing["type"] = draw(st.sampled_from(["PRODUCT_CREDIT", "GLOBAL_CREDIT"]))
    return {name: value for name, value in pricing.items() if value is not None}


@st.composite
def commitments(draw: st.DrawFn, number: int, plans: list[str]) -> dict[str, Any]:
    start = draw(days(0, 60))
    end = start + timedelta(days=draw(st.integers(2, 80)))
    fields: dict[str, Any] = {
        "code": f"commitment-{number}",
        "account": draw(st.sampled_from(["acme", "acme", "kid"])),
        "amount": draw(st.integers(1, 300)),
        "startDate": start.isoformat(),
        "endDate": end.isoformat(),
        "products": draw(maybe(st.just(["alpha"]))),
        "lineItemTypes": draw(maybe(st.just(["USAGE", "STANDING_CHARGE"]))),
        "childBillingMode": draw(st.sampled_from(["PARENT_SUMMARY", "PARENT_BREAKDOWN", "CHILD"])),
        "billingPlan": draw(maybe(st.sampled_from(plans))),
    }
    if draw(st.integers(0, 2)) == 0:
        fields |= {"commitmentType": "MINIMUM", "prorate": draw(st.booleans())}
        if fields["billingPlan"]:
            fields["commitmentPeriodInterval"] = draw(st.integers(1, 3))
    else:
        fields |= {
            "priority": draw(maybe(st.integers(1, 2))),
            "amountPrePaid": draw(st.sampled_from([None, fields["amount"]])),
            "billingInterval": draw(maybe(st.integers(1, 3))),
            "billingOffset": draw(maybe(st.integers(0, 3))),
            "commitmentFeeBillInAdvance": draw(st.booleans()),
            "rolloverEndDate": draw(maybe(st.just((end + timedelta(days=20)).isoformat()))),
        }
        if fields["rolloverEndDate"]:
            fields |= {
                "rolloverPercent": draw(st.sampled_from([None, 50])),
                "rolloverOrder": draw(maybe(st.just("LAST"))),
            }
        fields |= draw(st.sampled_from([{}, {"overageSurchargePercent": 7}, {"separateOverageUsage": True}]))
    return {name: value for name, value in fields.items() if value is not None}


def schedules(wallet: dict[str, Any]) -> dict[str, st.SearchStrategy[list[dict[str, Any]]]]:
    """Perhaps a schedule of each kind in the wallet's term."""
    first, end = date.fromisoformat(wallet["startDate"]), date.fromisoformat(wallet["endDate"])
    starts = st.integers(0, (end - first).days).map(lambda day: (first + timedelta(days=day)).isoformat())
    frequencies, steps, amounts = st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]), st.integers(1, 9), st.integers(1, 20)
    top_up = {
        "code": st.just("refill"), "balance": st.just("wallet"), "amount": amounts, "startDate": starts,
        "endDate": st.just(wallet["endDate"]), "frequency": frequencies, "frequencyInterval": steps,
    }  # fmt: skip
    fee = {
        "code": st.just("fee"), "balance": st.just("wallet"), "amount": amounts, "servicePeriodStartDate": starts,
        "servicePeriodEndDate": st.just(wallet["endDate"]), "billFrequency": frequencies,
        "billFrequencyInterval": steps, "billInAdvance": st.booleans(),
    }  # fmt: skip
    kinds = {"balanceTransactionSchedules": top_up, "balanceChargeSchedules": fee}
    return {name: st.lists(st.fixed_dictionaries(fields), max_size=1) for name, fields in kinds.items()}


def schedule_changes() -> st.SearchStrategy[tuple[str, str, date, int | None]]:
    """Another amount from a day on, or the end."""
    kinds = st.sampled_from([("balanceTransactionSchedule", "refill"), ("balanceChargeSchedule", "fee")])
    amounts = st.one_of(st.none(), st.integers(1, 30), st.integers(1, 30))
    return st.tuples(kinds, days(5, 90), amounts).map(lambda parts: (*parts[0], *parts[1:]))


@st.composite
def families(draw: st.DrawFn) -> Random:
    """A parent with two children: one of its own plan from some day on, one pooled for ever."""
    plans, aggregations = [], []
    for plan_number in range(draw(st.integers(1, 2))):
        code = f"plan-{plan_number}"
        priced = []
        for number in range(draw(st.integers(1, 2))):
            aggregation = f"sum_{plan_number}_{number}"
            function = draw(st.sampled_from(FUNCTIONS))
            rounding = draw(st.sampled_from(["NONE", "UP", "DOWN", "NEAREST"]))
            per_unit = draw(st.sampled_from([1, 1, 3]))
            aggregations.append(
                {
                    "code": aggregation,
                    "meter": "m",
                    "targetField": "q",
                    "aggregation": function,
                    "rounding": rounding,
                    "quantityPerUnit": per_unit,
                }
            )
            for again in range(draw(st.integers(1, 2))):
                priced.append(draw(pricings(aggregation, plan_number * 100 + number * 10 + again)))
        for again in range(draw(st.integers(0, 2))):
            priced.append(draw(pricings("mix", plan_number * 100 + 50 + again, "compoundAggregation")))
        plan = {
            "code": code,
            "product": draw(st.sampled_from(["alpha", "beta"])),
            "billFrequency": draw(st.sampled_from(["MONTHLY", "MONTHLY", "WEEKLY"])),
            "billFrequencyInterval": draw(st.integers(1, 2)),
            "standingCharge": draw(st.sampled_from([0, 10])),
            "standingChargeBillInAdvance": draw(st.booleans()),
            "minimumSpend": draw(st.sampled_from([None, 25])),
            "minimumSpendBillInAdvance": draw(st.booleans()),
            "pricings": priced,
        }
        plans.append({name: value for name, value in plan.items() if value is not None})
    codes = [str(plan["code"]) for plan in plans]
    modes = st.sampled_from(["PARENT_SUMMARY", "PARENT_BREAKDOWN", "CHILD"])
    attached = [
        {"plan": code, "startDate": draw(days(0, 20)).isoformat(), "childBillingMode": draw(modes)} for code in codes
    ]
    grouped: dict[str, list[dict[str, Any]]] = {}
    alike = len({(plan["billFrequency"], plan["billFrequencyInterval"]) for plan in plans}) == 1
    if alike and len({plan["product"] for plan in plans}) == len(plans) and draw(st.booleans()):
        fees = {"minimumSpend": draw(st.sampled_from([0, 60])), "standingCharge": draw(st.sampled_from([0, 4]))}
        flags = {"minimumSpendBillInAdvance": draw(st.booleans()), "standingChargeBillInAdvance": draw(st.booleans())}
        grouped["planGroups"] = [{"code": "bundle", **fees, **flags}]
        grouped["planGroupLinks"] = [{"planGroup": "bundle", "plan": code} for code in codes]
        term = {"startDate": attached[0]["startDate"], "childBillingMode": attached[0]["childBillingMode"]}
        attached = [{"planGroup": "bundle", **term}]
    own = [{"plan": codes[0], "startDate": draw(days(20, 70)).isoformat(), "childBillingMode": draw(modes)}]
    accounts: list[dict[str, Any]] = [{"code": "acme", "plans": attached}]
    if draw(st.booleans()):
        accounts += [
            {"code": "kid", "parentAccount": "acme", "plans": draw(st.sampled_from([own, []]))},
            {"code": "pooled", "parentAccount": "acme"},
        ]
    terms = [draw(commitments(number, codes)) for number in range(draw(st.integers(0, 3)))]
    if len(accounts) == 1:
        terms = [{**term, "account": "acme"} for term in terms]
    lists: dict[str, list[dict[str, Any]]] = {
        "meters": [{"code": "m", "dataFields": [{"code": "q", "category": "MEASURE"}]}],
        "aggregations": aggregations,
        "compoundAggregations": [
            {
                "code": "mix",
                "calculation": draw(st.sampled_from(FORMULAS)).format(one=first["code"], other=other["code"]),
                "evaluateNullAggregations": draw(st.booleans()),
            }
            for first, other in [(aggregations[0], aggregations[-1])]
        ],
        "plans": plans,
        **grouped,
        "accounts": accounts,
        "commitments": terms,
    }
    transactions, adjustments, changes = [], [], []
    if draw(st.booleans()):
        wallet = {"code": "wallet", "account": "acme", "startDate": "2026-01-05"}
        wallet["endDate"] = draw(days(30, 90)).isoformat()
        wallet |= draw(st.sampled_from([{}, {"overageSurchargePercent": 5}]))
        lists["balances"] = [wallet]
        transactions = draw(
            st.lists(st.tuples(st.just("wallet"), st.integers(-30, 60).filter(bool), days(5, 60)), max_size=4)
        )
        lists |= {name: draw(of) for name, of in schedules(wallet).items()}
        changes = draw(st.lists(schedule_changes(), max_size=2))
    if draw(st.booleans()):
        lists["counters"] = [{"code": "seats"}]
        bands = [{"lowerLimit": 0, "unitPrice": draw(st.integers(1, 5))}]
        price = {"code": "seat-price", "counter": "seats", "plan": codes[0], "startDate": "2026-01-01"}
        lists["counterPricings"] = [price | {"pricingBands": bands}]
        adjustment = st.tuples(st.just("acme"), days(0, 100), st.integers(0, 9))
        adjustments = draw(st.lists(adjustment, max_size=4, unique_by=lambda item: item[1]))
    top_ups = draw(st.lists(st.tuples(st.just("commitment-0"), st.integers(1, 90), days()), max_size=2))
    policies = st.sampled_from([None, "WAIVE", "KEEP", "PRORATE"])
    cancels = draw(st.lists(st.tuples(st.just("commitment-1"), days(), policies), max_size=1))
    organization = {
        "allowOverlappingPlans": True,
        "currency": draw(st.sampled_from(["USD", "JPY", "KWD"])),
        "roundingMode": draw(st.sampled_from(["HALF_EVEN", "HALF_UP"])),
        "timezone": draw(st.sampled_from(["UTC", "America/New_York", "Pacific/Auckland"])),
    }
    return Random(organization, lists, transactions, adjustments, top_ups, cancels, changes)


@st.composite
def usage(draw: st.DrawFn, accounts: list[str]) -> UsageRecord:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=draw(st.integers(0, 24 * DAYS)))
    account = draw(st.sampled_from(accounts))
    number = draw(st.integers(-9, 40))
    uid = draw(st.uuids()).hex
    return UsageRecord(SOURCE, uid, account, "m", at, None, {"measure": {"q": number}})
