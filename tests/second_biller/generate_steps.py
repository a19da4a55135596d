"""The steps of a generated story: usage early and late, bills, amendments, top-ups, cancels, questions."""

from collections.abc import Callable
from copy import deepcopy
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from .choosing import FIRST, Choices
from .generate_accounts import lasting
from .generate_late import Late

Thing = dict[str, Any]


#: What fixes a minimum's grid anew.
FIXING = {"billingPlan", "billEpoch", "startDate"}


class Story:
    """What has been told so far, as far as the next step needs it."""

    def __init__(self, c: Choices, scenario: Thing, new: Callable[[str], Thing]) -> None:
        self.c = c
        self.new = new
        self.made = 0
        self.accounts = scenario["accounts"]
        #: The accounts with the plans that they have by now.
        self.people = deepcopy(self.accounts)
        self.plans = scenario["plans"]
        self.commitments = list(scenario.get("commitments", []))
        self.scenario = scenario
        self.balances = scenario.get("balances", [])
        self.counted = "counters" in scenario
        self.parts_of_units = c.chance(4)
        self.bands = any("overagePricingBands" in p for plan in scenario["plans"] for p in plan["pricings"])
        self.cancelled: set[str] = set()
        #: Those whose top-ups an amendment must not leave outside the term.
        self.dated: set[str] = set()
        self.billed = FIRST
        self.steps: list[Thing] = []

    def usage(self) -> None:
        c = self.c
        account = c.pick(self.accounts)["code"]
        measure: Thing = {}
        for field, one_in in (("a", 1), ("b", 2), ("k", 6), ("s", 5)):
            if c.chance(one_in):
                measure[field] = c.number(1, 120)
        for field in [f for f in ("a", "b") if f in measure and c.chance(self.negative(account, f))]:
            measure[field] = -measure[field]
        for field in [f for f in measure if self.parts_of_units and c.chance(2)]:
            measure[field] *= c.pick([Decimal("0.1"), Decimal("1.337"), Decimal("0.0001"), Decimal(0)])
        at = c.stamp(0, c.pick([40, 100, 170]), len(self.steps))
        step: Thing = {"account": account, "meter": "m", "ts": at, "measure": measure}
        step["who"] = {"user": c.pick(["ann", "bob", "cy"])}
        step["where"] = {"region": c.pick(["eu", "us", "asia"])}
        if c.chance(4):
            step["uid"] = f"{account}-{c.number(0, 3)}"
        self.steps.append({"usage": step})

    def negative(self, account: str, field: str) -> int:
        """One in how many: of a child in a pool many."""
        if len(self.accounts) > 1 and "parentAccount" in self.accounts[1]:
            return 3 if account != "acme" else 8
        return 20 if self.bands or field == "b" else 6

    def bill(self) -> None:
        c = self.c
        at = c.day(20, 200)
        if at < self.billed and not c.chance(5):
            at = self.billed + timedelta(days=c.number(1, 40))
        self.billed = max(self.billed, at)
        body: Thing = {"date": at}
        if c.chance(6):
            body["account"] = c.pick(self.accounts)["code"]
        self.steps.append({"bill": body})

    def ask(self) -> None:
        c = self.c
        account = c.pick(self.accounts)["code"]
        at = self.billed + timedelta(days=c.number(0, 60))
        if self.commitments and c.chance(3):
            self.steps.append({"commitment": c.pick(self.commitments)["code"]})
            return
        self.steps.append({c.pick(["preview", "unbilled"]): {"account": account, "date": at}})

    def open_commitment(self) -> Thing | None:
        free = [x for x in self.commitments if x["code"] not in self.cancelled]
        return self.c.pick(free) if free else None

    def in_term(self, commitment: Thing) -> date:
        """In an empty term, where there is no such day, the one on which it starts and ends."""
        start: date = commitment["startDate"]
        return start + timedelta(days=self.c.number(0, max(0, (commitment["endDate"] - start).days - 1)))

    def top_up(self) -> None:
        commitment = self.open_commitment()
        if commitment is None:
            return
        self.dated.add(commitment["code"])
        body = {"commitment": commitment["code"], "amount": self.c.money(1, 200), "date": self.in_term(commitment)}
        if commitment.get("commitmentType") == "MINIMUM" and self.c.chance(2):
            body["recurring"] = True
        self.steps.append({"topUp": body})

    def cancel(self) -> None:
        commitment = self.open_commitment()
        if commitment is None:
            return
        minimum = commitment.get("commitmentType") == "MINIMUM"
        body = {"commitment": commitment["code"], "date": self.in_term(commitment)}
        if self.c.chance(2):
            allowed = ["TRUE_UP", "PRORATE", "WAIVE"] if minimum else ["ACCELERATE", "KEEP", "WAIVE"]
            body["policy"] = self.c.pick(allowed)
        if commitment["startDate"] < commitment["endDate"]:
            self.cancelled.add(commitment["code"])
        self.steps.append({"cancel": body})

    def amend(self) -> None:
        commitment = self.open_commitment()
        if commitment is None:
            return
        change: Thing = self.c.pick([{"amount": commitment["amount"] + 100}, {"amount": commitment["amount"] + 37}])
        if self.c.chance(2 if "commitmentPeriodInterval" in commitment else 4):
            change = self.other_grid(commitment)
        elif commitment.get("commitmentType") != "MINIMUM" and self.c.chance(2):
            change = self.c.pick([{"overageSurchargePercent": 5, "separateOverageUsage": False}, {"priority": 1}])
        elif self.c.chance(3):
            change = {"endDate": commitment["endDate"] + timedelta(days=31)}
            if "rolloverEndDate" in commitment:
                change["rolloverEndDate"] = commitment["rolloverEndDate"] + timedelta(days=31)
        changed = {**commitment, **change}
        if not (FIXING & change.keys() and self.refused(changed)):
            self.commitments[self.commitments.index(commitment)] = changed
        self.steps.append({"update": {"commitment": commitment["code"], "set": change}})

    def other_grid(self, commitment: Thing) -> Thing:
        """Another plan to bill by, another epoch, another start."""
        c = self.c
        changes: list[Thing] = [{"billEpoch": c.pick([date(2026, 1, 10), date(2025, 12, 31), commitment["startDate"]])}]
        if "billingPlan" in commitment:
            changes.append({"billingPlan": c.pick(self.plans)["code"]})
        if commitment["code"] not in self.dated:
            changes.append(
                {"startDate": min(commitment["endDate"], commitment["startDate"] + timedelta(days=c.number(-20, 20)))}
            )
        return c.pick(changes)

    def refused(self, commitment: Thing) -> bool:
        """A minimum that counts billing periods of which of several account plans it does not say."""
        counts = commitment.get("commitmentType") == "MINIMUM" and "commitmentPeriodInterval" in commitment
        [account] = [account for account in self.people if account["code"] == commitment["account"]]
        return counts and "billingPlan" not in commitment and len(lasting(account.get("plans", []))) > 1

    def wrong(self) -> None:
        """What may be refused: both must refuse the same."""
        c = self.c
        if not self.commitments:
            return
        commitment = c.pick(self.commitments)
        code, finer = commitment["code"], Decimal(1).scaleb(-c.decimals - 1)
        free = {**commitment, "code": f"free-{len(self.steps)}"}
        outside = commitment["endDate"] + timedelta(days=c.number(0, 3))
        steps: list[Thing] = [
            {"topUp": {"commitment": code, "amount": 5, "date": outside}},
            {"topUp": {"commitment": code, "amount": finer, "date": commitment["startDate"]}},
            {"cancel": {"commitment": code, "date": outside}},
            {"cancel": {"commitment": code, "date": commitment["startDate"] - timedelta(days=1)}},
            {"update": {"commitment": code, "set": {"amountPrePaid": commitment["amount"] + 1}}},
            {"create": {"commitments": [{**free, "currency": "usd"}]}},
            {"create": {"commitments": [{**free, "endDate": commitment["startDate"] - timedelta(days=1)}]}},
            {"create": {"commitments": [{**free, "overageSurchargePercent": -150}]}},
        ]
        others = [a["code"] for a in self.accounts if a["code"] not in {commitment["account"], "acme"}]
        if others and "contracts" in self.scenario:
            steps.append({"create": {"commitments": [{**free, "contract": f"deal-{c.pick(others)}"}]}})
        if code in self.cancelled:
            steps.append({"topUp": {"commitment": code, "amount": 5, "date": commitment["startDate"]}})
            steps.append({"cancel": {"commitment": code, "date": commitment["startDate"]}})
            steps.append({"update": {"commitment": code, "set": {"amount": commitment["amount"] + 1}}})
        self.steps.append(c.pick(steps))

    def create(self) -> None:
        """A commitment that is told late."""
        self.made += 1
        commitment = self.new(f"late-{self.made}")
        if not self.refused(commitment):
            self.commitments.append(commitment)
        self.steps.append({"create": {"commitments": [commitment]}})

    def remove(self) -> None:
        if self.commitments and self.c.chance(2):
            commitment = self.c.pick(self.commitments)
            self.commitments.remove(commitment)
            self.steps.append({"delete": {"commitment": commitment["code"], "force": True}})

    def transaction(self) -> None:
        if self.balances:
            balance = self.c.pick(self.balances)
            at = self.in_term(balance)
            if self.c.chance(5):
                at = balance["startDate"] - timedelta(days=self.c.number(1, 40))
            body = {"balance": balance["code"], "amount": self.c.money(5, 300), "date": at}
            if self.c.chance(5):
                body["amount"] = -body["amount"]
            self.steps.append({"transaction": body})

    def adjustment(self) -> None:
        own = {a["code"]: lasting(a.get("plans", [])) for a in self.accounts}
        mine = [code for code, plans in own.items() if any(p.get("plan", "p0") == "p0" for p in plans)]
        if self.counted and mine:
            at = self.c.day(0, 120)
            told = [s["adjustment"] for s in self.steps if "adjustment" in s]
            account = self.c.pick(mine)
            pooled = account.startswith("kid") and at < min(p["startDate"] for p in own[account])
            if not pooled and not any(t["date"] == at and t["account"] == account for t in told):
                body = {"account": account, "counter": "seats", "date": at, "value": self.c.number(0, 30)}
                self.steps.append({"adjustment": body})


def steps(c: Choices, scenario: Thing, new: Callable[[str], Thing], contracts: bool) -> list[Thing]:
    story = Story(c, scenario, new)
    for _ in range(2 if story.balances else 0):
        story.transaction()
    for _ in range(3 if story.counted else 0):
        story.adjustment()
    kinds = [story.usage] * (13 if len(story.accounts) > 2 else 7) + [story.bill] * 2 + [story.amend] * 2
    kinds += [story.ask, story.top_up, story.cancel, story.remove, story.transaction, story.adjustment]
    kinds += [story.create, story.wrong]
    late = Late(c, scenario, story.people, contracts)
    changing = c.chance(2)
    for _ in range(c.number(3, 18)):
        if changing and c.chance(4):
            step = c.pick(late.kinds())()
            story.steps += [step] if step else []
        else:
            c.pick(kinds)()
    story.steps.append({"bill": {"date": max(story.billed, date(2026, 7, 1)) + timedelta(days=c.number(0, 60))}})
    story.steps += [{"commitment": commitment["code"]} for commitment in story.commitments]
    story.steps.append({"unbilled": {"account": "acme", "date": story.billed + timedelta(days=90)}})
    return story.steps
