"""Windows in which refused usage is counted."""

from datetime import UTC, datetime, timedelta

import pytest

from events.resources.notifications import NotificationConfiguration
from services.alerts.counting import windows
from services.commands.bodies import parse_body
from services.commands.refused import InvalidBody

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LEAST = {"name": "N", "description": "D", "code": "c", "eventName": "alert.usage.refused"}


@pytest.mark.parametrize(("minutes", "start"), [(60, NOON), (1440, datetime(2026, 3, 1, tzinfo=UTC)), (1, NOON)])
def test_windows_stand_side_by_side_whoever_looks(minutes: int, start: datetime) -> None:
    length = timedelta(minutes=minutes)
    for after in (timedelta(0), timedelta(seconds=59)):
        assert windows(minutes, NOON + after) == [(start - length, start), (start, start + length)]
    assert windows(minutes, start + length)[0] == (start, start + length)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"threshold": 2}, "windowMinutes: must be given"),
        ({"threshold": 2.5, "windowMinutes": 60}, "threshold: must be a whole number of records"),
        ({"threshold": 0, "windowMinutes": 60}, "threshold: must be a whole number of records"),
        ({"windowMinutes": 60}, "threshold: must be given"),
        ({"threshold": 2, "windowMinutes": 1441}, "windowMinutes: must be between 1 and 1440"),
        ({"threshold": 2, "windowMinutes": 60, "accountId": "a" * 36}, "accountId: must not be given"),
        ({"eventName": "alert.funds.used", "threshold": 2, "windowMinutes": 60}, "windowMinutes: must be given with"),
    ],
)
def test_a_rule_that_counts_says_how_many_in_how_long(more: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidBody) as raised:
        parse_body("notificationConfiguration", LEAST | more)
    assert why in str(raised.value)
    assert isinstance(
        parse_body("notificationConfiguration", LEAST | {"threshold": 2, "windowMinutes": 60}),
        NotificationConfiguration,
    )
