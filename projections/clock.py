"""The time by the log: no clock is trusted alone (decisions 14 and 27)."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from events.dates import EARLIEST, from_ms
from events.facts.clock import ClockTicked
from projections.calendar import local_day
from projections.resources import Resources

#: The interval of ticks; a tick may be appended a little before the quarter hour that it tells.
QUARTER = timedelta(minutes=15)


def counted_tick(tick: ClockTicked, appended_ms: int) -> datetime:
    """The time that a tick of the real clock counts for: at most a quarter hour after its record was appended.

    So a host whose clock is a year ahead changes nothing; states derived from its ticks correct themselves as the log
    goes on.
    """
    return min(tick.now, from_ms(appended_ms) + QUARTER)


class Evidence(NamedTuple):
    """The evidence in the log for the day of a family without a test clock; each field counts only if those before it
    are None.

    A whole family has all three (`FamilyState.evidence`). A reader of one resource has no usage, and only that
    resource's facts. A resource that was just created has only its creation.
    """

    #: The last tick of the real clock in the family's partition.
    tick: datetime | None = None
    #: The time of the newest fact about the family or resource.
    fact: datetime | None = None
    #: The newest day with usage.
    usage: date | None = None


def today_of(resources: Resources, zone: str, evidence: Evidence) -> date:
    """Today in the family's zone, by the log: the day of the organization's test clock, else of the last tick.

    `resources` have the test clock as the family's partition knows it. Before any tick, today is the newest day that
    the family itself knows: of its usage, or of a fact about it.
    """
    now = resources.clock if resources.has_test_clock else evidence.tick
    if now is not None:
        return local_day(now, zone)
    fact_day = None if evidence.fact is None else local_day(evidence.fact, zone)
    return max((day for day in (evidence.usage, fact_day) if day is not None), default=EARLIEST)
