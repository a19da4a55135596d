"""Meters, aggregations, plans with their prices, counters: what a generated story sells."""

from datetime import timedelta
from typing import Any

from .choosing import FIRST, Choices

Thing = dict[str, Any]
METER: Thing = {
    "code": "m",
    "dataFields": [
        {"code": "a", "category": "MEASURE", "unit": "1"},
        {"code": "b", "category": "MEASURE", "unit": "1"},
        {"code": "k", "category": "MEASURE", "unit": "1"},
        {"code": "s", "category": "MEASURE", "unit": "1"},
        {"code": "user", "category": "WHO"},
        {"code": "region", "category": "WHERE"},
    ],
}


def aggregations(c: Choices) -> list[Thing]:
    """`sums` is what most is priced by; `odd` is any other kind; `back` feeds credits; `parts` is segmented."""
    odd: Thing = {"code": "odd", "meter": "m", "targetField": "b"}
    odd["aggregation"] = c.pick(["SUM", "COUNT", "MIN", "MAX", "LATEST", "MEAN", "UNIQUE"])
    if odd["aggregation"] == "UNIQUE" and c.chance(2):
        odd["targetField"] = "user"
    if c.chance(3):
        odd |= {"quantityPerUnit": c.pick([10, 7, 2]), "rounding": c.pick(["UP", "DOWN", "NEAREST", "NONE"])}
    sums: Thing = {"code": "sums", "meter": "m", "targetField": "a", "aggregation": "SUM"}
    if c.chance(4):
        sums |= {"quantityPerUnit": 10, "rounding": c.pick(["UP", "DOWN", "NEAREST", "NONE"])}
    return [
        sums,
        odd,
        {"code": "back", "meter": "m", "targetField": "k", "aggregation": "SUM"}
        | ({"defaultValue": c.number(0, 9)} if c.chance(3) else {}),
        {"code": "parts", "meter": "m", "targetField": "s",
         "aggregation": c.pick(["SUM", "SUM", "MAX", "UNIQUE", "LATEST"]),
         "segmentedFields": ["region"], "segments": [{"region": "eu"}, {"region": "us"}]},
    ]  # fmt: skip


def compounds(c: Choices) -> list[Thing]:
    """`mix` is any formula; it may name what nobody uses, and divide by what adds up to nothing."""
    calculation = c.pick(
        [
            "aggregation.sums + aggregation.odd * 2",
            "(aggregation.sums - 3) / 7",
            "aggregation.odd / aggregation.sums",
            "aggregation.sums / (aggregation.odd - 1)",
            "Math.max(aggregation.sums, aggregation.back * 3) - aggregation.odd",
            "Math.min(aggregation.sums, 40) + Math.abs(-aggregation.back)",
            "Math.round(aggregation.sums / 9) + Math.floor(aggregation.odd / 4) - Math.ceil(aggregation.back / 6)",
        ]
    )
    compound: Thing = {"code": "mix", "calculation": calculation}
    if c.chance(2):
        compound["evaluateNullAggregations"] = True
    if c.chance(4):
        compound |= {"quantityPerUnit": c.pick([10, 7, 2]), "rounding": c.pick(["UP", "DOWN", "NEAREST", "NONE"])}
    return [compound]


def bands(c: Choices) -> Thing:
    """One of the charge models."""
    model = c.pick(["unit", "unit", "tiered", "volume", "stairstep", "custom", "overage"])
    limits = [0, c.number(5, 60), c.number(61, 200)]
    if model == "unit":
        return {"pricingBands": [{"lowerLimit": 0, "unitPrice": c.price()}]}
    if model == "stairstep":
        made = [{"lowerLimit": at, "fixedPrice": c.money(0, 90), "unitPrice": 0} for at in limits]
        return {"cumulative": False, "pricingBands": made}
    if model == "overage":
        made = [{"lowerLimit": 0, "unitPrice": 0}, {"lowerLimit": limits[1], "unitPrice": c.price()}]
        return {"cumulative": True, "pricingBands": made}
    made = [{"lowerLimit": at, "unitPrice": c.price()} for at in limits]
    if model == "custom":
        made = [{**band, "fixedPrice": c.money(0, 20)} for band in made]
    return {"cumulative": model != "volume", "pricingBands": made}


def pricings(c: Choices, plan: str, nested: bool, family: bool) -> list[Thing]:
    """`nested`: the plan has a minimum spend, in which those of its prices lie."""
    prices: list[Thing] = []
    for aggregation in [*(["sums"] if c.chance(3) else ["sums", "odd"]), *(["mix"] if c.chance(3) else [])]:
        priced = {"compoundAggregation" if aggregation == "mix" else "aggregation": aggregation}
        price: Thing = {"code": f"{plan}-{aggregation}", **priced, "startDate": FIRST} | bands(c)
        if c.chance(6):
            price["tiersSpanPlan"] = True
        elif c.chance(3 if family else 5):
            price["cumulative"] = True
            price["overagePricingBands"] = [{"lowerLimit": 0, "unitPrice": 2}, {"lowerLimit": 20, "unitPrice": 3}]
        if c.chance(3 if nested else 8):
            price["minimumSpend"] = c.money(5, 90)
            price |= {"minimumSpendBillInAdvance": True} if c.chance(2) else {}
        prices.append(price)
        if c.chance(5 if aggregation == "sums" else 2):
            change = FIRST + timedelta(days=c.number(10, 80))
            if c.chance(2):
                price["endDate"] = change
            new: Thing = {"code": f"{plan}-{aggregation}-new", **priced, "startDate": change}
            new |= {"endDate": change} if c.chance(8) else {}
            prices.append(new | bands(c))
    if c.chance(6):
        kind = c.pick(["PRODUCT_CREDIT", "GLOBAL_CREDIT"])
        prices.append({"code": f"{plan}-back", "aggregation": "back", "startDate": FIRST, "type": kind} | bands(c))
    if c.chance(6):
        prices += [
            {"code": f"{plan}-{region}", "aggregation": "parts", "segment": {"region": region}, "startDate": FIRST}
            | bands(c)
            for region in ("eu", "us")
        ]
    return prices


def plan(c: Choices, number: int, family: bool) -> Thing:
    code = f"p{number}"
    plan_made: Thing = {"code": code, "product": c.pick(["alpha", "beta", "gamma"])}
    plan_made["billFrequency"] = c.pick(["MONTHLY", "MONTHLY", "MONTHLY", "WEEKLY", "DAILY", "ANNUALLY"])
    if plan_made["billFrequency"] == "DAILY":
        plan_made["billFrequencyInterval"] = c.number(5, 20)
    elif c.chance(5):
        plan_made["billFrequencyInterval"] = c.number(2, 3)
    if c.decimals == 2 and c.chance(10):
        plan_made["currency"] = "EUR"
    if c.chance(3):
        plan_made["standingCharge"] = c.money(1, 60)
        plan_made |= {"standingChargeInterval": c.number(2, 4)} if c.chance(3) else {}
        plan_made |= {"standingChargeOffset": c.number(1, 2)} if c.chance(5) else {}
        plan_made |= {"standingChargeBillInAdvance": c.chance(2)} if c.chance(2) else {}
    if c.chance(4):
        plan_made["minimumSpend"] = c.money(10, 200)
        plan_made |= {"minimumSpendBillInAdvance": c.chance(2)} if c.chance(2) else {}
    plan_made["pricings"] = pricings(c, code, "minimumSpend" in plan_made, family)
    return plan_made


def template(c: Choices, plan: Thing, family: bool) -> tuple[Thing, list[Thing]]:
    """Moves some of a plan's terms and prices to a template; the plan's own go before them."""
    code = f"t-{plan['code']}"
    only = ("currency", "billFrequency", "billFrequencyInterval", "standingChargeInterval", "standingChargeOffset")
    moved = [name for name in (*only, "standingCharge", "minimumSpend") if name in plan]
    template_made: Thing = {"code": code, "product": plan["product"]} | {name: plan[name] for name in moved}
    for name in moved:
        if name in only or c.chance(2):
            del plan[name]
    plan["planTemplate"] = code
    if c.chance(2):
        plan["pricings"] = [p for p in plan["pricings"] if p.get("aggregation") != "odd"]
    prices = pricings(c, plan["code"], "minimumSpend" in {*template_made, *plan}, family)
    return template_made, [{**p, "planTemplate": code, "code": f"{code}-{p['code']}"} for p in prices]


def catalog(c: Choices, family: bool) -> tuple[list[Thing], Thing]:
    plans = [plan(c, number, family) for number in range(c.number(1, 3))]
    templates = [template(c, terms, family) for terms in plans if c.chance(3)]
    parts: Thing = {"meters": [METER], "aggregations": aggregations(c), "compoundAggregations": compounds(c)}
    parts["plans"] = [
        {k: v for k, v in terms.items() if k != "product" or "planTemplate" not in terms} for terms in plans
    ]
    if templates:
        parts["planTemplates"] = [template_terms for template_terms, _ in templates]
        parts["pricings"] = [price for _, prices in templates for price in prices]
    if c.chance(4):
        parts["counters"] = [{"code": "seats", "unit": "seat"}]
        price: Thing = {"code": "seat-price", "counter": "seats", "plan": "p0", "startDate": FIRST} | bands(c)
        price |= {"runningTotalBillInAdvance": False} if c.chance(2) else {}
        for name in ("proRateRunningTotal", "proRateAdjustmentDebit", "proRateAdjustmentCredit"):
            price |= {name: False} if c.chance(6) else {}
        parts["counterPricings"] = [price]
    return plans, parts
