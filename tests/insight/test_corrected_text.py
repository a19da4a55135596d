"""An explanation on a terminal tells which usage was voided or amended, by whom and why."""

from typing import Any

from services.explain.text import lines_of

ANSWER: dict[str, Any] = {
    "lineItemType": "USAGE", "amount": -9, "currency": "USD", "servicePeriod": ("2026-01-01", "2026-02-01"),
    "description": "Calls", "status": "APPROVED", "rule": "a rule", "due": 8, "billedBefore": 17, "earlier": [],
    "parts": [], "events": [], "eventCount": 0, "terms": [],
}  # fmt: skip
AT = {"topic": "billing.events", "partition": 1, "ts": "2026-01-10T12:00:00Z", "createdBy": "USER_key-1"}


def told(*corrected: dict[str, Any]) -> list[str]:
    return [line.strip() for line in lines_of(ANSWER | {"corrected": list(corrected)})]


def test_a_void_and_an_amendment_have_a_line_each() -> None:
    voided = {"status": "VOIDED", "id": "e1", "offset": 7, "usageId": "b", "was": {"calls": "9", "user": "y"}}
    amended = {"status": "AMENDED", "id": "e2", "offset": 8, "usageId": "c", "was": {"calls": "3"}, "now": {}}
    lines = told(AT | voided | {"reason": "sent by a test"}, AT | amended)
    assert lines[lines.index("2 events corrected:") + 1 :][:2] == [
        "VOIDED  e1  billing.events/1@7  2026-01-10T12:00:00Z  b: calls=9 user=y, by USER_key-1: sent by a test",
        "AMENDED  e2  billing.events/1@8  2026-01-10T12:00:00Z  c: calls=3 -> nothing, by USER_key-1",
    ]


def test_where_nothing_was_corrected_nothing_is_said_of_it() -> None:
    assert not any("corrected" in line for line in told())
