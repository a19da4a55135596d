"""Windows in which refused usage is counted, or read models were late."""

from datetime import UTC, datetime, timedelta

import pytest

from events.resources.notifications import OF_WINDOWS, NotificationConfiguration
from services.alerts.windows import Window, windows
from services.commands.bodies import parse_body
from services.commands.refused import InvalidBody

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BEHIND = {"eventName": "alert.readmodels.behind"}
LEAST = {"name": "N", "description": "D", "code": "c", "eventName": "alert.usage.refused"}


@pytest.mark.parametrize(("minutes", "start"), [(60, NOON), (1440, datetime(2026, 3, 1, tzinfo=UTC)), (1, NOON)])
def test_windows_stand_side_by_side_whoever_looks(minutes: int, start: datetime) -> None:
    length = timedelta(minutes=minutes)
    here, before = Window(start, start + length), Window(start - length, start)
    for after in (timedelta(0), timedelta(seconds=59)):
        assert windows(minutes, NOON + after, NOON + after) == [here]
        assert windows(minutes, NOON + after - length, NOON + after) == [before, here]
    assert windows(minutes, start - length, start + length)[:2] == [before, here]
    assert len(windows(minutes, start - 10 * length, start)) == 11


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"threshold": 2}, "windowMinutes: must be given"),
        ({"threshold": 2.5, "windowMinutes": 60}, "threshold: must be a whole number of records"),
        ({"threshold": 0, "windowMinutes": 60}, "threshold: must be a whole number of records"),
        ({"windowMinutes": 60}, "threshold: must be given"),
        ({"threshold": 2, "windowMinutes": 1441}, "windowMinutes: must be between 1 and 1440"),
        ({"threshold": 2, "windowMinutes": 60, "accountId": "a" * 36}, "accountId: must not be given"),
        ({"threshold": 100_001, "windowMinutes": 60}, "threshold: must be a whole number of records from 1 to 100000"),
        ({"eventName": "alert.funds.used", "threshold": 2, "windowMinutes": 60}, "windowMinutes: must be given with"),
        (BEHIND | {"threshold": 2}, "windowMinutes: must be given"),
        (
            BEHIND | {"threshold": 0.5, "windowMinutes": 60},
            "threshold: must be a whole number of seconds from 1 to 86400",
        ),
        (BEHIND | {"threshold": 2, "windowMinutes": 60, "accountId": "a" * 36}, "accountId: must not be given"),
    ],
)
def test_what_is_none_is_refused_with_the_reason(more: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidBody) as raised:
        parse_body("notificationConfiguration", LEAST | more)
    assert why in str(raised.value)


@pytest.mark.parametrize("name", OF_WINDOWS)
def test_a_rule_of_windows_has_a_threshold_and_how_long_they_are(name: str) -> None:
    given = LEAST | {"eventName": name, "threshold": 2, "windowMinutes": 60}
    rule = parse_body("notificationConfiguration", given)
    assert isinstance(rule, NotificationConfiguration) and rule.window_minutes == 60
