"""Overage bands of pools with corrections: random stories hardly ever come to it, so these are made for it alone."""

import random
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .agreement import disagreements
from .choosing import FIRST, Choices, as_yaml

Thing = dict[str, Any]
STORIES = 200
BANDS = (
    [{"lowerLimit": 0, "unitPrice": 1}],
    [{"lowerLimit": 0, "unitPrice": Decimal("0.333")}],
    [{"lowerLimit": 0, "unitPrice": 2}, {"lowerLimit": 25, "unitPrice": 1}],
    [{"lowerLimit": 0, "unitPrice": 1, "fixedPrice": 5}, {"lowerLimit": 40, "unitPrice": 0, "fixedPrice": 9}],
)
BEYOND = (
    [{"lowerLimit": 0, "unitPrice": 2}],
    [{"lowerLimit": 0, "unitPrice": 3}, {"lowerLimit": 10, "unitPrice": Decimal("0.5")}],
)


def pool_story(seed: int) -> Thing:
    """A parent and its children rated together, some of them below zero, and prepayments that run out."""
    c = Choices(random.Random(seed).randint)
    accounts = ["acme", *[f"kid-{name}" for name in "abc"[: c.number(1, 3)]]]
    price: Thing = {"code": "price", "aggregation": "units", "startDate": FIRST, "cumulative": True}
    price |= {"pricingBands": c.pick(BANDS), "overagePricingBands": c.pick(BEYOND)}
    mode = c.pick(["PARENT_BREAKDOWN", "PARENT_SUMMARY", "CHILD"])
    plans: Thing = {"code": "basic", "product": "base", "billFrequency": "MONTHLY", "pricings": [price]}
    per = {"quantityPerUnit": 10, "rounding": "UP"} if c.chance(4) else {}
    return {
        "scenario": f"a pool with corrections, {seed}",
        "meters": [{"code": "m", "dataFields": [{"code": "q", "category": "MEASURE", "unit": "1"}]}],
        "aggregations": [{"code": "units", "meter": "m", "targetField": "q", "aggregation": "SUM", **per}],
        "plans": [plans],
        "accounts": [
            {"code": "acme", "plans": [{"plan": "basic", "startDate": FIRST, "childBillingMode": mode}]},
            *({"code": code, "parentAccount": "acme"} for code in accounts[1:]),
        ],
        "commitments": [commitment(c, number, accounts) for number in range(c.number(1, 3))],
        "steps": [*usage(c, accounts), *({"bill": {"date": date(2026, month, 1)}} for month in (2, 3))],
    }


def commitment(c: Choices, number: int, accounts: list[str]) -> Thing:
    start = FIRST + timedelta(days=c.number(0, 40))
    amount = c.money(1, 80)
    return {
        "code": f"c{number}", "account": accounts[0] if c.chance(2) else c.pick(accounts), "amount": amount,
        "amountPrePaid": amount, "startDate": start, "endDate": start + timedelta(days=c.number(5, 60)),
        "separateOverageUsage": True,
    }  # fmt: skip


def usage(c: Choices, accounts: list[str]) -> list[Thing]:
    found = []
    for minute in range(c.number(3, 9)):
        sign = -1 if c.chance(3) else 1
        step = {"account": c.pick(accounts), "meter": "m", "ts": c.stamp(0, 45, minute)}
        found.append({"usage": {**step, "measure": {"q": sign * c.number(1, 70)}}})
    return found


@pytest.mark.parametrize("first", range(0, STORIES, 50))
def test_pools_with_corrections_agree(first: int, tmp_path: Path) -> None:
    wrong = []
    for seed in range(first, first + 50):
        story = pool_story(seed)
        found = disagreements(story, tmp_path)
        if found:
            wrong.append(f"seed {seed}: {found[0]}\n{as_yaml(story)}")
    assert not wrong, f"{len(wrong)} of 50\n" + wrong[0]
