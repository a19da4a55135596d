"""A bill and its derivation: the money and the words of every line count, where the line stands does not."""

from datetime import date
from decimal import Decimal

import pytest

from events.facts.bills import BillIssued, Positions
from projections.settlement import DraftBill, draft_bills, issue
from services.audit.issued_bills import difference
from services.simulate.naming import id_of
from tests.settlement.playing import play_text

STORY = """
scenario: two charges
plans:
  - {code: basic, product: service, billFrequency: MONTHLY, standingCharge: 10}
  - {code: more, product: other, billFrequency: MONTHLY, standingCharge: 4}
accounts:
  - {code: acme, plans: [{plan: basic, startDate: 2026-01-01}, {plan: more, startDate: 2026-01-01}]}
steps:
  - bill: {date: 2026-01-01}
"""
ID = "5f0c4fd0-3ed6-4f6c-8f5d-0d7a4c4c9a11"


@pytest.fixture
def draft() -> DraftBill:
    (found,) = draft_bills(play_text(STORY).family(id_of("account", "acme")), date=date(2026, 2, 1))
    return found


@pytest.fixture
def bill(draft: DraftBill) -> BillIssued:
    return issue(draft, bill_id=ID, positions=Positions(partition=0, log=0, catalog=0))


def changed(bill: BillIssued, number: int, **what: object) -> BillIssued:
    lines = [line.model_copy(update=what) if line.number == number else line for line in bill.lines]
    return bill.model_copy(update={"lines": tuple(lines)})


def test_the_order_of_lines_is_the_one_they_were_issued_in(draft: DraftBill, bill: BillIssued) -> None:
    assert len(bill.lines) == 2 and difference(bill, draft) is None
    turned = [line.model_copy(update={"number": 3 - line.number}) for line in reversed(bill.lines)]
    assert difference(bill.model_copy(update={"lines": tuple(turned)}), draft) is None


def test_a_line_of_another_amount_is_named_with_what_it_should_be(draft: DraftBill, bill: BillIssued) -> None:
    first = bill.lines[0].amount
    said = difference(changed(bill, 1, amount=first + 1), draft)
    assert said is not None and "line 1" in said
    assert f"issued STANDING_CHARGE {first + 1} " in said and f"derived STANDING_CHARGE {first} " in said


def test_words_count(draft: DraftBill, bill: BillIssued) -> None:
    said = difference(changed(bill, 2, description="Another"), draft)
    assert said is not None and "line 2" in said


def test_a_line_that_is_not_derived_or_not_issued_is_named(draft: DraftBill, bill: BillIssued) -> None:
    less = bill.model_copy(update={"lines": bill.lines[:1]})
    said = difference(less, draft)
    assert said is not None and "issued nothing, derived STANDING_CHARGE" in said
    twice = bill.model_copy(update={"lines": (*bill.lines, bill.lines[1].model_copy(update={"number": 3}))})
    said = difference(twice, draft)
    assert said is not None and "derived nothing" in said


def test_a_total_that_is_not_the_lines_is_named(draft: DraftBill, bill: BillIssued) -> None:
    said = difference(bill.model_copy(update={"total": Decimal(1)}), draft)
    assert said is not None and "issued total 1" in said
