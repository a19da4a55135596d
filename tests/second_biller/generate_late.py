"""Late changes of the catalog in a generated story: prices, plans and commitments that are added, amended, deleted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from .choosing import FIRST, Choices

Thing = dict[str, Any]


class Late:
    """Knows the prices and account plans that there are, so that a change names one of them."""

    def __init__(self, c: Choices, scenario: Thing) -> None:
        self.c = c
        self.prices = [p for plan in scenario["plans"] for p in plan.get("pricings", [])]
        self.prices += scenario.get("pricings", [])
        self.plans = scenario["plans"]
        self.made = 0

    def kinds(self) -> list[Callable[[], Thing | None]]:
        return [self.new_price, self.amend_price, self.delete_price, self.amend_plan]

    def new_price(self) -> Thing | None:
        """A price from a day on, told late."""
        from .generate_catalog import bands

        self.made += 1
        plan = self.c.pick(self.plans)["code"]
        price: Thing = {"code": f"late-{self.made}", "plan": plan, "aggregation": self.c.pick(["sums", "odd"])}
        price |= {"startDate": FIRST + timedelta(days=self.c.number(0, 90))} | bands(self.c)
        if self.c.chance(3):
            price["endDate"] = price["startDate"] + timedelta(days=self.c.number(1, 60))
        self.prices.append(price)
        return {"create": {"pricings": [price]}}

    def amend_price(self) -> Thing | None:
        plain = [p for p in self.prices if "overagePricingBands" not in p and "tiersSpanPlan" not in p]
        if not plain:
            return None
        from .generate_catalog import bands

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

    def amend_plan(self) -> Thing | None:
        plan = self.c.pick(self.plans)
        change: Thing = {self.c.pick(["standingCharge", "minimumSpend"]): self.c.money(0, 90)}
        return {"update": {"plan": plan["code"], "set": change}}
