"""What time the log tells: no clock is trusted alone (decisions 14 and 27)."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from events.dates import EARLIEST, from_ms
from events.facts.clock import ClockTicked
from projections.calendar import local_day
from projections.resources import Resources

#: Ticks come so often; one may be appended a little before the hour that it tells.
QUARTER = timedelta(minutes=15)


def counted_tick(tick: ClockTicked, appended_ms: int) -> datetime:
    """The time that a tick of the real clock counts for: at most a quarter hour after its record was appended.

    So a host whose clock is a year ahead moves nothing; what was judged by its ticks heals as the log goes on.
    """
    return min(tick.now, from_ms(appended_ms) + QUARTER)


class Evidence(NamedTuple):
    """The parts of the log that tell the day of a family that has no test clock; each only where none before it does.

    Who holds a family has all three (`FamilyState.evidence`). Who reads one resource has no usage at hand, and its
    facts are those of that resource. Of a resource that was made just now there is nothing but its creation.
    """

    #: The last tick of the real clock in the family's partition.
    tick: datetime | None = None
    #: The time of the newest fact about it.
    fact: datetime | None = None
    #: The newest day that has usage.
    usage: date | None = None


def today_of(resources: Resources, zone: str, evidence: Evidence) -> date:
    """Today, as the log has it, in the family's zone: the day of the organization's test clock, else of the last tick.

    `resources` have the test clock as the family's partition has it. Before any tick it is the newest day that the
    family itself knows: of its usage, or of a fact about it.
    """
    now = resources.clock if resources.has_test_clock else evidence.tick
    if now is not None:
        return local_day(now, zone)
    fact_day = None if evidence.fact is None else local_day(evidence.fact, zone)
    return max((day for day in (evidence.usage, fact_day) if day is not None), default=EARLIEST)
