"""What time the log tells: no clock is trusted alone (design, 14 and 27)."""

from datetime import UTC, datetime, timedelta

from events.facts.clock import ClockTicked

#: Ticks come so often; one may be appended a little before the hour that it tells.
QUARTER = timedelta(minutes=15)


def counted_tick(tick: ClockTicked, appended_ms: int) -> datetime:
    """The time that a tick of the real clock counts for: no later than a quarter hour behind its own append.

    A host whose clock is a year ahead so moves nothing; what its ticks had judged heals as the log goes on.
    """
    appended = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=appended_ms)
    return min(tick.now, appended + QUARTER)
