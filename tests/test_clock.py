"""Which day it is for a family: the test clock before all else, then the last tick, then what is known of itself."""

from datetime import UTC, date, datetime

import pytest

from events.envelope import Envelope, seal
from events.facts.base import Fact
from events.facts.clock import ClockTicked
from events.facts.resources import OrganizationConfigured
from events.sources import commands_source
from projections.clock import Evidence, today_of
from projections.resources import Resources
from tests.api_client import CONFIG

ZONE = "Asia/Tokyo"
#: At eight in the evening in London it is the next day in Tokyo.
TICK, FACT, CLOCK = (datetime(2026, month, 9, 20, tzinfo=UTC) for month in (3, 2, 1))
USAGE = date(2026, 2, 20)
ALL = Evidence(TICK, FACT, USAGE)


def organization_fact(fact: Fact) -> Envelope:
    return seal(fact, source=commands_source("g"), sequence=1, organization="org", time=FACT)


@pytest.mark.parametrize(
    ("evidence", "day"),
    [
        (ALL, date(2026, 3, 10)),
        (ALL._replace(tick=None), USAGE),
        (Evidence(fact=TICK, usage=USAGE), date(2026, 3, 10)),
        (Evidence(fact=FACT), date(2026, 2, 10)),
        (Evidence(usage=USAGE), USAGE),
        (Evidence(), date(1970, 1, 1)),
    ],
)
def test_the_day_of_a_family_is_that_of_the_tick_else_the_newest_it_knows(evidence: Evidence, day: date) -> None:
    assert today_of(Resources("org"), ZONE, evidence) == day


def test_a_test_clock_counts_before_all_else_and_only_where_it_is_configured() -> None:
    resources = Resources("org")
    resources.evolve(organization_fact(ClockTicked(now=CLOCK)))
    assert today_of(resources, ZONE, ALL) == date(2026, 3, 10)
    config = {"id": "org", "version": 1, "body": {**CONFIG, "testClock": True}}
    resources.evolve(organization_fact(OrganizationConfigured.model_validate(config)))
    assert today_of(resources, ZONE, ALL) == date(2026, 1, 10)
