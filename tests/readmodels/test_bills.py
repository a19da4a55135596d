"""Facts to rows of `bills` and `bill_line_items`: a bill from its opening to its lock, and its lines once issued."""

import json
from datetime import date
from decimal import Decimal

import pytest

from events.facts.bills import BillIssued, BillOpened
from projections.readmodels.bills import bill_row, line_rows, opened_row
from services.projection.unwritten import UnwrittenBills
from tests.readmodels.given import golden, named

OPENED, ISSUED = golden("BillOpened")[0], golden("BillIssued")[0]
assert isinstance(OPENED.data, BillOpened) and isinstance(ISSUED.data, BillIssued)
opened, issued = OPENED.data, ISSUED.data


def test_an_opened_bill_is_pending_and_has_no_total_yet() -> None:
    row = opened_row(OPENED, opened, 5)
    assert named(row, "organization", "bill_id", "bill_date", "currency", "total", "status", "number", "position") == {
        "organization": "org", "bill_id": opened.bill_id, "bill_date": date(2026, 2, 1), "currency": "USD",
        "total": None, "status": "PENDING", "number": 5, "position": OPENED.sequence,
    }  # fmt: skip
    assert (row.opened_at, row.issued_at) == (OPENED.time, None)
    assert json.loads(row.bill)["dueDate"] == "2026-02-15"


def test_an_issued_bill_is_approved_with_its_total_and_without_its_lines() -> None:
    row = bill_row(ISSUED, issued, 6)
    assert named(row, "bill_id", "root_id", "account_id", "total", "status", "number", "position") == {
        "bill_id": issued.bill_id, "root_id": issued.root_id, "account_id": issued.account_id,
        "total": Decimal("0.00"), "status": "APPROVED", "number": 6, "position": ISSUED.sequence,
    }  # fmt: skip
    assert (row.opened_at, row.issued_at) == (None, ISSUED.time)
    assert "lines" not in json.loads(row.bill)


def test_an_issued_bill_has_a_row_for_each_line_in_its_order() -> None:
    usage, drawn = line_rows(ISSUED, issued)
    assert named(usage, "number", "type", "commitment_id", "amount", "quantity") == {
        "number": 1, "type": "USAGE", "commitment_id": None, "amount": Decimal("12.50"), "quantity": 5_000_000,
    }  # fmt: skip
    assert named(drawn, "bill_id", "number", "type", "commitment_id", "amount") == {
        "bill_id": issued.bill_id, "number": 2, "type": "COMMITMENT_CONSUMED",
        "commitment_id": issued.lines[1].commitment_id, "amount": Decimal("-12.50"),
    }  # fmt: skip
    assert json.loads(usage.line)["segment"] == '{"model":"large"}'


@pytest.mark.parametrize(
    ("fact", "changed"),
    [
        ("BillOpened", "opened"),
        ("BillMoved", "moved"),
        ("BillDropped", "dropped"),
        ("BillIssued", "issued"),
        ("BillLocked", "locked"),
        ("BillVoided", "voided"),
    ],
)
def test_each_step_of_a_bills_life_changes_what_it_says_and_a_later_one_the_version(fact: str, changed: str) -> None:
    envelope, _ = golden(fact)
    for version in (1, 2):
        unwritten = UnwrittenBills()
        unwritten.note(envelope, envelope.data, 5, version)  # type: ignore[arg-type]
        lines = {"lines"} if fact == "BillIssued" else set()
        versions = {"versions"} if version > 1 else set()
        assert {name for name in UnwrittenBills.__slots__ if getattr(unwritten, name)} == {changed} | lines | versions


def test_a_memo_is_a_version_of_its_bill_and_no_row() -> None:
    envelope, _ = golden("MemoAdded")
    unwritten = UnwrittenBills()
    unwritten.note(envelope, envelope.data, 5, 2)  # type: ignore[arg-type]
    assert unwritten == UnwrittenBills(versions={envelope.data.bill_id: (2, envelope.actor)})  # type: ignore[attr-defined]
