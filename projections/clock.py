"""What time the log tells: no clock is trusted alone (decisions 14 and 27)."""

from datetime import UTC, date, datetime, timedelta

from events.facts.clock import ClockTicked
from projections.calendar import local_day
from projections.resources import Resources

#: Ticks come so often; one may be appended a little before the hour that it tells.
QUARTER = timedelta(minutes=15)


def counted_tick(tick: ClockTicked, appended_ms: int) -> datetime:
    """The time that a tick of the real clock counts for: at most a quarter hour after its record was appended.

    So a host whose clock is a year ahead moves nothing; what was judged by its ticks heals as the log goes on.
    """
    appended = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=appended_ms)
    return min(tick.now, appended + QUARTER)


def today_of(
    resources: Resources, zone: str, tick: datetime | None, newest: datetime | None, newest_usage: date | None
) -> date:
    """Today, as the log has it: the day of the organization's test clock, else of the last tick, in the family's zone.

    `resources` have the test clock as the family's partition has it. Before any tick it is the newest day that the
    family itself knows: of its usage, or of a fact about it.
    """
    now = resources.clock if resources.has_test_clock else tick
    if now is not None:
        return local_day(now, zone)
    days = [day for day in (newest_usage, local_day(newest, zone) if newest else None) if day is not None]
    return max(days, default=date(1970, 1, 1))
