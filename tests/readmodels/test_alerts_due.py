"""What rules found to rows of `alerts_due`."""

from datetime import date

from projections.alerts.due import AlertDue, Speed
from projections.readmodels.alerts_due import alert_due_row
from tests.readmodels.given import named


def test_a_row_says_which_rule_found_what_since_when_it_is_armed() -> None:
    due = AlertDue("alert", "rule", "alert.term.ends", "prepaid", "child", "2026-07-01", date(2026, 7, 1))
    row = alert_due_row(due, "org", "acme", Speed.BALANCES)
    assert named(row, "id", "rule_id", "event_name", "subject_id", "arming", "day") == {
        "id": "alert", "rule_id": "rule", "event_name": "alert.term.ends", "subject_id": "prepaid",
        "arming": "2026-07-01", "day": date(2026, 7, 1),
    }  # fmt: skip
    assert named(row, "organization", "root_id", "account_id", "speed") == {
        "organization": "org", "root_id": "acme", "account_id": "child", "speed": "balances",
    }  # fmt: skip
