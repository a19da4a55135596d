"""Of every commitment that paid nothing for a slice, the explanation says why."""

import json
from typing import Any

from projections.explain import Explanation
from services.simulate.play import play
from services.simulate.story import parse_story
from services.simulate.yaml_lines import load_yaml
from tests.insight.explaining import ExplainingPlayer

TERM = {"account": "acme", "startDate": "2026-01-01", "endDate": "2027-01-01"}
STORY: dict[str, Any] = {
    "scenario": "one usage charge and many commitments",
    "meters": [{"code": "m", "dataFields": [{"code": "q", "category": "MEASURE"}]}],
    "aggregations": [{"code": "units", "meter": "m", "targetField": "q"}],
    "plans": [
        {"code": "basic", "product": "p", "pricings": [{"aggregation": "units", "pricingBands": [{"unitPrice": 1}]}]}
    ],
    "products": [{"code": "p"}, {"code": "other"}],
    "accounts": [
        {
            "code": "acme",
            "creditApplicationOrder": ["PREPAYMENT"],
            "plans": [{"plan": "basic", "startDate": "2026-01-01"}],
        }
    ],
    "commitments": [
        {**TERM, "code": "first", "amount": 30, "priority": 1},
        {**TERM, "code": "second", "amount": 100, "priority": 2},
        {**TERM, "code": "third", "amount": 100, "priority": 3},
        {**TERM, "code": "of other", "amount": 100, "products": ["other"]},
        {**TERM, "code": "of fees", "amount": 100, "lineItemTypes": ["STANDING_CHARGE"]},
        {**TERM, "code": "in yen", "amount": 100, "currency": "JPY"},
        {**TERM, "code": "of a contract", "amount": 100, "contract": "c"},
        {**TERM, "code": "later", "amount": 100, "startDate": "2026-06-01"},
    ],
    "balances": [{**TERM, "code": "wallet"}],
    "steps": [
        {"usage": {"account": "acme", "meter": "m", "ts": "2026-01-10T00:00:00Z", "measure": {"q": 20}}},
        {"usage": {"account": "acme", "meter": "m", "ts": "2026-02-10T00:00:00Z", "measure": {"q": 50}}},
        {"usage": {"account": "acme", "meter": "m", "ts": "2026-03-10T00:00:00Z", "measure": {"q": 5}}},
        {"bill": {"date": "2026-04-01"}},
    ],
}


def explained() -> list[Explanation]:
    player = ExplainingPlayer()
    play(parse_story(load_yaml(json.dumps(STORY))), player)
    return player.explained


def reasons(month: int) -> dict[str, Any]:
    """Of the usage line of a month: what each commitment gave, or why it gave nothing."""
    [line] = [
        explanation
        for explanation in explained()
        if explanation.line.type == "USAGE" and explanation.line.period_start.month == month
    ]
    [part] = line.parts
    [slice] = part.slices
    return {candidate["code"]: candidate.get("reason") or str(candidate["drawn"]) for candidate in slice["candidates"]}


NEVER = {
    "of other": "its productIds do not name the charge's product",
    "of fees": "its lineItemTypes do not name USAGE",
    "in yen": "it is in JPY, the charge in USD",
    "of a contract": "its contract is not the account plan's contract",
    "later": "2026-{:02}-01 is not in its term [2026-06-01, 2027-01-01)",
    "wallet": "creditApplicationOrder does not name BALANCE",
}


def never(month: int) -> dict[str, str]:
    return {code: reason.format(month) for code, reason in NEVER.items()}


def test_a_slice_that_the_first_covers() -> None:
    covered = "the slice was covered before its turn"
    assert reasons(1) == {"first": "20.00", "second": covered, "third": covered, **never(1)}


def test_a_slice_that_two_share() -> None:
    assert reasons(2) == {
        "first": "10.00",
        "second": "40.00",
        "third": "the slice was covered before its turn",
        **never(2),
    }


def test_a_slice_that_finds_the_first_empty() -> None:
    assert reasons(3) == {
        "first": "nothing was left in it",
        "second": "5.00",
        "third": "the slice was covered before its turn",
        **never(3),
    }


CREDITED = """
scenario: a credit takes all of a charge, so nothing is left for the commitment
meters: [{code: m, dataFields: [{code: q, category: MEASURE}]}]
aggregations: [{code: units, meter: m, targetField: q}]
plans:
  - code: basic
    product: p
    pricings:
      - {code: charge, aggregation: units, pricingBands: [{unitPrice: 1}]}
      - {code: credit, aggregation: units, type: PRODUCT_CREDIT, pricingBands: [{unitPrice: 1}]}
accounts: [{code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}]
commitments: [{code: pre, account: acme, amount: 100, startDate: 2026-01-01, endDate: 2027-01-01}]
steps:
  - usage: {account: acme, meter: m, ts: 2026-01-10T00:00:00Z, measure: {q: 20}}
  - bill: {date: 2026-02-01}
"""


def test_a_slice_that_a_credit_pays_whole() -> None:
    player = ExplainingPlayer()
    play(parse_story(load_yaml(CREDITED)), player)
    [line] = [explanation for explanation in player.explained if explanation.line.type == "USAGE"]
    [slice] = line.parts[0].slices
    assert (slice["amount"], slice["credited"], slice["drawn"]) == (20, 20, 0)
    [pre] = slice["candidates"]
    assert (pre["place"], pre["reason"]) == (1, "credits left nothing of the slice to pay")
