"""A settlement to rows of `commitment_balances`, `draws`, `accrued_lines` and `outlooks`."""

import json
from datetime import date
from decimal import Decimal

import pytest

from projections.readmodels.settled_rows import SettledRows, settled_rows
from projections.settlement import unbilled
from services.simulate.memory_organization import ORGANIZATION
from services.simulate.memory_player import MemoryPlayer
from services.simulate.naming import id_of
from tests.readmodels.given import named
from tests.settlement.playing import play_text

#: 60 calls at 1 on the tenth, of which a prepayment pays 45; and a minimum of 100 a year.
STORY = """
meters: [{code: calls, dataFields: [{code: n, category: MEASURE}]}]
aggregations: [{code: units, meter: calls, targetField: n}]
plans: [{code: basic, product: api, pricings: [{code: one, aggregation: units, pricingBands: [{unitPrice: 1}]}]}]
accounts:
  - {code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}
commitments:
  - {code: prepaid, account: acme, amount: 45, startDate: 2026-01-01, endDate: 2027-01-01}
  - {code: least, account: acme, amount: 100, commitmentType: MINIMUM, startDate: 2026-01-01, endDate: 2027-01-01}
steps:
  - usage: {account: acme, meter: calls, ts: 2026-01-10T00:00:00Z, measure: {n: 60}}
"""
ACME, PREPAID, LEAST = id_of("account", "acme"), id_of("commitment", "prepaid"), id_of("commitment", "least")
TODAY = date(2026, 1, 20)


@pytest.fixture(scope="module")
def player() -> MemoryPlayer:
    return play_text(STORY)


@pytest.fixture(scope="module")
def rows(player: MemoryPlayer) -> SettledRows:
    drafts = unbilled(player.family(ACME), as_of=TODAY)
    return settled_rows(drafts[0].settlement, drafts, player.resources, ACME, TODAY)


def test_a_prepayments_balance_is_what_is_left_of_it(rows: SettledRows, player: MemoryPlayer) -> None:
    [row] = [row for row in rows.balances if row.commitment_id == PREPAID]
    assert named(row, "organization", "root_id", "account_id", "kind", "currency", "status") == {
        "organization": ORGANIZATION, "root_id": ACME, "account_id": ACME, "kind": "PREPAYMENT", "currency": "USD",
        "status": "EXHAUSTED",
    }  # fmt: skip
    assert named(row, "amount", "spent", "remaining", "rolled_over", "lapsed") == {
        "amount": 45, "spent": 45, "remaining": 0, "rolled_over": 0, "lapsed": 0,
    }  # fmt: skip
    assert (row.as_of, row.folded, row.periods) == (TODAY, player.resources.commitments[PREPAID].folded, "[]")


def test_a_minimums_balance_tells_its_periods(rows: SettledRows) -> None:
    [row] = [row for row in rows.balances if row.commitment_id == LEAST]
    assert row.kind == "MINIMUM"
    [period] = json.loads(row.periods)
    assert (period["startDate"], period["endDate"]) == ("2026-01-01", "2027-01-01")
    assert Decimal(period["counted"]) + Decimal(period["shortfall"]) == 100


def test_balances_stand_in_the_order_of_their_key(rows: SettledRows) -> None:
    assert [row.commitment_id for row in rows.balances] == sorted([PREPAID, LEAST])


def test_a_draw_says_which_commitment_paid_how_much_of_which_charge(rows: SettledRows) -> None:
    [row] = rows.draws
    assert named(row, "root_id", "number", "commitment_id", "account_id", "slice_start", "amount", "place") == {
        "root_id": ACME, "number": 1, "commitment_id": PREPAID, "account_id": ACME, "slice_start": date(2026, 1, 1),
        "amount": 45, "place": 1,
    }  # fmt: skip
    charge = json.loads(row.charge)
    assert (charge["type"], charge["periodStart"], charge["rolledOver"]) == ("USAGE", "2026-01-01", False)


def test_accrued_lines_are_what_a_bill_now_would_say_numbered_through(rows: SettledRows) -> None:
    lines = {row.type: row for row in rows.lines}
    assert [row.number for row in rows.lines] == [*range(1, len(rows.lines) + 1)]
    assert {type: row.amount for type, row in lines.items() if type in ("USAGE", "COMMITMENT_CONSUMED")} == {
        "USAGE": 60, "COMMITMENT_CONSUMED": -45,
    }  # fmt: skip
    usage = lines["USAGE"]
    assert named(usage, "root_id", "account_id", "quantity", "currency") == {
        "root_id": ACME, "account_id": ACME, "quantity": 60, "currency": "USD",
    }  # fmt: skip
    document = json.loads(usage.line)
    assert document["number"] == usage.number and "id" not in document


def test_an_outlook_says_what_finds_nothing_left_of_a_prepayment_that_is_used_up(rows: SettledRows) -> None:
    """Nothing on the last 7 days; 60 on the 19 days since it began, of which 45 were left, and 345 days to come."""
    [row] = [row for row in rows.outlooks if row.commitment_id == PREPAID]
    assert named(row, "organization", "root_id", "account_id", "kind", "currency") == {
        "organization": ORGANIZATION, "root_id": ACME, "account_id": ACME, "kind": "PREPAYMENT", "currency": "USD",
    }  # fmt: skip
    assert (row.as_of, row.until, row.remaining) == (TODAY, date(2026, 12, 31), 0)
    assert (row.per_day_7, row.day_7, row.at_stake_7, row.lapses_7) == (0, None, 0, 0)
    month = (Decimal("3.1579"), None, Decimal("1089.47"), 0)
    assert (row.per_day_30, row.day_30, row.at_stake_30, row.lapses_30) == month
    assert (row.per_day_90, row.day_90, row.at_stake_90, row.lapses_90) == month


def test_an_outlook_says_when_a_minimum_is_reached_or_its_true_up(rows: SettledRows) -> None:
    [row] = [row for row in rows.outlooks if row.commitment_id == LEAST]
    assert (row.kind, row.until, row.remaining) == ("MINIMUM", date(2026, 12, 31), 40)
    assert (row.day_7, row.at_stake_7) == (None, 40)
    assert (row.day_30, row.at_stake_30) == (date(2026, 2, 2), 0)


def test_outlooks_are_numbered_by_what_they_are_about(rows: SettledRows) -> None:
    assert [(row.number, row.commitment_id) for row in rows.outlooks] == [*enumerate(sorted([PREPAID, LEAST]), 1)]
