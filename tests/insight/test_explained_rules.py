"""What an explanation tells of the rules that a line follows: which charge a draw pays, from when on an amount holds,
which part of a period a price is paid for, how a pool is divided."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from events.facts.bills import BillLine
from projections.explain import Explanation, explain_line
from projections.line_types import LINES
from projections.settlement import draft_bills, issue
from services.explain.text import lines_of
from services.simulate.play import play
from services.simulate.story import parse_story, read_story
from services.simulate.yaml_lines import load_yaml
from tests.insight.bills import NOWHERE, bill_id_of
from tests.insight.explaining import ExplainingPlayer
from tests.settlement.playing import family_of, play_text

ROOT = Path(__file__).parents[2]


def told(story: str, line_type: str) -> list[Explanation]:
    """The explanations of a story's lines of a type, in the order of their bills."""
    player = ExplainingPlayer()
    play(read_story((ROOT / "tests" / "scenarios" / f"{story}.yaml").read_bytes()), player)
    return [explanation for explanation in player.explained if explanation.line.type == line_type]


def inputs(explanation: Explanation) -> dict[str, Any]:
    [part] = explanation.parts
    return part.inputs


def adds(explanation: Explanation) -> list[tuple[str, Decimal]]:
    [part] = explanation.document()["parts"]
    return [(addend["what"], addend["amount"]) for addend in part["adds"]]


def headline(explanation: Explanation) -> str:
    """The first line that `trueup explain` prints."""
    around = {"currency": "USD", "status": "APPROVED", "events": [], "corrected": [], "eventCount": 0, "terms": []}
    return next(lines_of({**explanation.document(), **around}))


def test_a_draw_tells_which_charge_it_pays() -> None:
    draws = told("a-draw-for-each-charge", "COMMITMENT_CONSUMED")
    assert [(draw.document()["chargeType"], draw.line.amount) for draw in draws] == [
        ("STANDING_CHARGE", -30),
        ("USAGE", -40),
        ("MINIMUM_SPEND", -60),
    ]
    assert headline(draws[0]) == (
        "COMMITMENT_CONSUMED -30.00 USD, 2026-01-01 to 2026-02-01: Commitment Consumed, pays STANDING_CHARGE"
    )


def test_a_charge_pays_nothing() -> None:
    [charge] = told("a-draw-for-each-charge", "STANDING_CHARGE")
    assert "chargeType" not in charge.document()
    assert headline(charge) == "STANDING_CHARGE 30.00 USD, 2026-01-01 to 2026-02-01: Standing Charge"


def test_a_fee_tells_from_when_on_its_amount_holds() -> None:
    fees = told("a-dearer-plan-fee-holds-from-its-day-on", "STANDING_CHARGE")
    found = [(inputs(fee)["price"]["standingCharge"], inputs(fee)["price"].get("holdsFrom")) for fee in fees]
    assert found == [*[(100, None)] * 6, (200, date(2026, 7, 1)), *[(150, date(2026, 7, 1))] * 2]


def test_a_minimum_tells_from_when_on_its_amount_holds() -> None:
    story = "a-change-of-a-template-reaches-the-plans-without-a-fee-of-their-own"
    prices = [inputs(explanation)["price"] for explanation in told(story, "MINIMUM_SPEND")]
    found = [(price["minimumSpend"], price.get("holdsFrom")) for price in prices]
    assert found == [(40, None), (30, date(2026, 2, 1))] * 2
    fees = [inputs(explanation)["price"] for explanation in told(story, "STANDING_CHARGE")]
    # The template's change is none of the plan that has 15 of its own.
    assert [(fee["standingCharge"], fee.get("holdsFrom")) for fee in fees] == [
        (10, None),
        (20, date(2026, 2, 1)),
        (15, None),
        (15, None),
    ]


def test_a_fee_of_several_periods_tells_what_it_covers() -> None:
    [first, _] = told("a-yearly-fee-on-monthly-bills", "STANDING_CHARGE")
    price = inputs(first)["price"]
    assert (price["days"], price["fullDays"], price["billingPeriods"]) == (346, 365, 12)


def test_a_peak_under_two_prices_tells_its_share_of_the_period() -> None:
    peaks = told("a-peak-under-two-prices-is-paid-by-days", "USAGE")
    assert [inputs(peak)["shareOfPeriod"] for peak in peaks] == ["15/31", "15/31", "16/31", "16/31"]


def test_a_price_of_the_whole_period_tells_no_share() -> None:
    [usage] = told("a-monthly-minimum", "USAGE")[:1]
    assert "shareOfPeriod" not in inputs(usage)


def test_a_plans_minimum_tells_what_its_prices_minimums_charge() -> None:
    [plans, prices] = told("of-two-nested-minimums-the-higher-is-paid", "MINIMUM_SPEND")
    assert adds(plans) == [
        ("the prorated minimum", 50),
        ("the usage charges", -20),
        ("what its pricings' own minimums charge", -10),
    ]
    assert adds(prices) == [("the prorated minimum", 30), ("the usage charges", -20)]


def test_in_advance_it_tells_their_whole_minimums() -> None:
    [plans, prices] = told("nested-minimums-in-advance-add-up-to-the-higher", "MINIMUM_SPEND")
    assert adds(plans) == [("the prorated minimum, in advance", 50), ("its pricings' own minimums", -30)]
    assert adds(prices) == [("the prorated minimum, in advance", 30)]


def test_a_pool_tells_who_is_given_its_own_back() -> None:
    [acme, kid] = told("an-account-below-zero-in-a-pool-gets-its-own-back", "USAGE")
    pool = [
        {"accountCode": "acme", "quantity": 100, "amount": 100},
        {"accountCode": "kid", "quantity": -40, "amount": -40, "creditedAt": 1},
    ]
    assert inputs(acme)["pool"] == inputs(kid)["pool"] == pool


def test_overage_bands_tell_what_each_account_of_a_pool_has_uncovered() -> None:
    [acme, kid] = told("overage-bands-of-a-pool-follow-what-is-uncovered", "OVERAGE_USAGE")
    start = date(2026, 1, 1)
    beyond = {"start": start, "units": Decimal("40.01"), "pooledUncovered": Decimal("40.01")}
    assert inputs(acme)["unitsBeyondExhaustion"] == [beyond | {"uncovered": Decimal("0.01")}]
    assert inputs(kid)["unitsBeyondExhaustion"] == [beyond | {"uncovered": Decimal("40.00")}]
    what = "beyond exhaustion in the slice from 2026-01-01, by overagePricingBands"
    assert (adds(acme), adds(kid)) == ([(what, Decimal("0.02"))], [(what, Decimal("80.00"))])


LONGER = """
scenario: a minimum that was trued up and then runs longer
accounts: [{code: acme}]
commitments:
  - {code: floor, account: acme, commitmentType: MINIMUM, amount: 100, startDate: 2026-01-01, endDate: 2026-02-01}
steps:
  - bill: {date: 2026-02-01}
  - update: {commitment: floor, set: {endDate: 2026-04-01}}
  - bill: {date: 2026-02-15}
    expect: [{account: acme, total: -100.00}]
"""


def test_a_true_up_that_goes_back_says_that_its_period_has_not_ended() -> None:
    player = ExplainingPlayer()
    assert not [result.differences for result in play(parse_story(load_yaml(LONGER)), player) if result.differences]
    assert adds(player.explained[-1]) == [("what the commitment period owes", 100), ("the period has not ended", -100)]


def test_a_memo_says_that_it_was_put_on_by_hand() -> None:
    family = family_of(play_text(LONGER))
    [draft] = draft_bills(family, date=date(2026, 4, 1))
    bill = issue(draft, bill_id=bill_id_of(1), positions=NOWHERE)
    memo: BillLine = bill.lines[0].model_copy(update={"type": "CREDIT_MEMO", "amount": Decimal("-5.00")})
    explanation = explain_line(draft.settlement, bill, memo)
    assert (adds(explanation), explanation.earlier) == ([("put on the bill by hand", Decimal("-5.00"))], ())
    assert explanation.rule == LINES["CREDIT_MEMO"].rule and explanation.adds_up


def test_a_formula_tells_what_went_in() -> None:
    [first, second, late] = told("a-new-price-of-a-formula-is-paid-for-what-it-moves-on", "USAGE")
    assert inputs(first)["calculation"] == {"values": {"units": 100, "peak": 10}, "value": 200}
    assert inputs(second)["calculation"] == {"values": {"units": 150, "peak": 10}, "value": 250}
    assert inputs(late)["calculation"] == {"values": {"units": 100, "peak": 12}, "value": 220}
    assert [aggregation["code"] for aggregation in inputs(first)["aggregation"]["aggregations"]] == ["units", "peak"]
    assert [(day["values"], "onlyFillsTiers" in day) for day in inputs(second)["days"]] == [
        ({"units": 100, "peak": 10}, True),
        ({"units": 50, "peak": 8}, False),
    ]
    assert {ref.days for ref in second.usage} == {(date(2026, 1, 5), date(2026, 1, 20))}
    assert second.adds_up and second.line.compound_aggregation_id in second.resources


def test_a_formula_that_lost_its_value_tells_why() -> None:
    story = """
scenario: a ratio under two prices, whose divisor is taken back under the second
meters: [{code: m, dataFields: [{code: a, category: MEASURE}, {code: b, category: MEASURE}]}]
aggregations: [{code: hits, meter: m, targetField: a}, {code: requests, meter: m, targetField: b}]
compoundAggregations: [{code: ratio, calculation: 100 * aggregation.hits / aggregation.requests}]
plans:
  - code: basic
    product: base
    pricings:
      - {code: first, compoundAggregation: ratio, startDate: 2026-01-01, pricingBands: [{unitPrice: 1}]}
      - {code: second, compoundAggregation: ratio, startDate: 2026-01-16, pricingBands: [{unitPrice: 1}]}
accounts: [{code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}]
steps:
  - usage: {account: acme, meter: m, ts: 2026-01-05T00:00:00Z, measure: {a: 30, b: 60}}
  - usage: {account: acme, meter: m, ts: 2026-01-20T00:00:00Z, measure: {b: -60}}
  - bill: {date: 2026-02-01}
    expect: [{account: acme, total: 0.00, lines: [{type: USAGE, amount: 50.00}, {type: USAGE, amount: -50.00}]}]
"""
    player = ExplainingPlayer()
    play(parse_story(load_yaml(story)), player)
    _, second = (explanation for explanation in player.explained if explanation.line.type == "USAGE")
    assert inputs(second)["calculation"] == {
        "values": {"hits": 30, "requests": 0}, "value": 0, "undefined": "it divides by 0",
    }  # fmt: skip


def test_a_groups_minimum_tells_what_its_plans_charge() -> None:
    [own, group] = told("of-nested-minimums-a-groups-is-the-outermost", "MINIMUM_SPEND")
    assert adds(own) == [("the prorated minimum", 100), ("the usage charges", -30)]
    assert adds(group) == [
        ("the prorated minimum", 250),
        ("the usage charges", -120),
        ("what its plans' own minimums charge", -70),
    ]
    assert group.line.plan_group_id in group.resources and group.line.plan_id is None
    assert len(inputs(group)["price"]["counted"]) == 2
