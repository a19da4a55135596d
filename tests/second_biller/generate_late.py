"""Late changes in a generated story: prices, fees, plans and account plans that are added, amended, ended, deleted."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from .choosing import FIRST, Choices
from .generate_accounts import attachment, lasting
from .generate_catalog import bands
from .generate_groups import amended, products_in

Thing = dict[str, Any]
FAR = date(2100, 1, 1)


class Late:
    """Knows the prices, plans and account plans that there are, so that a change names one of them."""

    def __init__(self, c: Choices, scenario: Thing, people: list[Thing], contracts: bool) -> None:
        self.c = c
        self.scenario = scenario
        self.people = people
        self.contracts = contracts
        self.counted = "counters" in scenario
        self.prices = [p for plan in scenario["plans"] for p in plan.get("pricings", [])]
        self.prices += scenario.get("pricings", [])
        self.plans = scenario["plans"]
        self.templates = scenario.get("planTemplates", [])
        self.terms = {terms["code"]: dict(terms) for terms in [*self.plans, *self.templates]}
        self.made = 0

    def kinds(self) -> list[Callable[[], Thing | None]]:
        prices = [self.new_price, self.amend_price, self.delete_price]
        if self.counted:
            prices.append(self.new_counter_price)
        if "planGroups" in self.scenario:
            prices += [self.amend_group] * 2
        return [*prices, *[self.amend_terms] * 3, *[self.attach] * 2, self.end, self.move, self.interval]

    def new_price(self) -> Thing | None:
        """A price from a day on, told late."""
        self.made += 1
        plan = self.c.pick(self.plans)["code"]
        price: Thing = {"code": f"late-{self.made}", "plan": plan, "aggregation": self.c.pick(["sums", "odd"])}
        price |= {"startDate": FIRST + timedelta(days=self.c.number(0, 90))} | bands(self.c)
        if self.c.chance(3):
            price["endDate"] = price["startDate"] + timedelta(days=self.c.number(0, 60))
        self.prices.append(price)
        return {"create": {"pricings": [price]}}

    def new_counter_price(self) -> Thing:
        """Another price of the counter, from a day on or for some days, told late."""
        self.made += 1
        price: Thing = {"code": f"late-seat-{self.made}", "counter": "seats", "plan": "p0"}
        price |= {"startDate": FIRST + timedelta(days=self.c.number(0, 90))} | bands(self.c)
        if self.c.chance(3):
            price["endDate"] = price["startDate"] + timedelta(days=self.c.number(0, 60))
        return {"create": {"counterPricings": [price]}}

    def amend_price(self) -> Thing | None:
        plain = [p for p in self.prices if "overagePricingBands" not in p and "tiersSpanPlan" not in p]
        if not plain:
            return None
        price = self.c.pick(plain)
        change = bands(self.c)
        change.setdefault("cumulative", False)
        change["pricingBands"] = [{"fixedPrice": 0} | band for band in change["pricingBands"]]
        return {"update": {"pricing": price["code"], "set": change}}

    def delete_price(self) -> Thing | None:
        if not self.prices or not self.c.chance(2):
            return None
        price = self.c.pick(self.prices)
        self.prices = [p for p in self.prices if p["code"] != price["code"]]
        return {"delete": {"pricing": price["code"]}}

    def amend_terms(self) -> Thing | None:
        """A standing charge or a minimum spend from a day on: the one that is said, else today."""
        kind = "planTemplate" if self.templates and self.c.chance(3) else "plan"
        code = self.c.pick(self.plans if kind == "plan" else self.templates)["code"]
        name = self.c.pick(["standingCharge", "minimumSpend"])
        value = self.c.money(0, 90)
        if value == self.terms[code].get(name, 0):
            value += 1
        self.terms[code][name] = value
        step: Thing = {kind: code, "set": {name: value}}
        if self.c.chance(2):
            step["effectiveDate"] = self.c.day(-20, 200)
        return {"update": step}

    def amend_group(self) -> Thing | None:
        return amended(self.c)

    def attach(self) -> Thing | None:
        """A plan that is attached late, perhaps from long ago; no two of a product hold at a time."""
        account, plan = self.c.pick(self.people), self.c.pick(self.plans)
        mine = account.setdefault("plans", [])
        taken = [attached for attached in lasting(mine) if self.product(plan["code"]) in self.products(attached)]
        first = max((attached.get("endDate", FAR) for attached in taken), default=FIRST - timedelta(days=90))
        if first == FAR:
            return None
        self.made += 1
        start = first + timedelta(days=self.c.number(0, 60 if taken else 200))
        made = attachment(self.c, account, plan, self.contracts) | {"code": f"late-sub-{self.made}", "startDate": start}
        if self.c.chance(3):
            made["endDate"] = start + timedelta(days=self.c.number(0, 90))
        mine.append(made)
        return {"create": {"accountPlans": [{**made, "account": account["code"]}]}}

    def products(self, attached: Thing) -> set[str]:
        return products_in(self.scenario, self.product) if "planGroup" in attached else {self.product(attached["plan"])}

    def product(self, plan: str) -> str:
        terms = self.terms[plan]
        return str(terms.get("product") or self.terms[terms["planTemplate"]]["product"])

    def sub(self) -> Thing | None:
        subs = [plan for account in self.people for plan in account.get("plans", [])]
        return self.c.pick(subs) if subs else None

    def end(self) -> Thing | None:
        """An account plan ends sooner than was said, perhaps on its first day."""
        one = self.sub()
        if one is None:
            return None
        last = (one.get("endDate", one["startDate"] + timedelta(days=200)) - one["startDate"]).days
        # What a counter counts in a pool is no rule of ours, so a counted plan stays.
        at_once = self.c.chance(6) and not (self.counted and one.get("plan", "p0") == "p0")
        one["endDate"] = one["startDate"] + timedelta(days=0 if at_once else self.c.number(min(last, 1), last))
        return {"update": {"accountPlan": one["code"], "set": {"endDate": one["endDate"]}}}

    def move(self) -> Thing | None:
        """Other billing periods of an account plan."""
        one = self.sub()
        if one is None:
            return None
        epoch = self.c.pick([date(2025, 12, 10), date(2026, 1, 20), date(2025, 1, 31)])
        return {"update": {"accountPlan": one["code"], "set": {"billEpoch": epoch}}}

    def interval(self) -> Thing | None:
        """Other billing periods of a template's plans."""
        if not self.templates:
            return None
        template = self.c.pick(self.templates)
        longest = 20 if template["billFrequency"] == "DAILY" else 3
        change = {"billFrequencyInterval": self.c.number(1, longest)}
        return {"update": {"planTemplate": template["code"], "set": change}}
