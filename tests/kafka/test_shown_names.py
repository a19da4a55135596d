"""Log lines and errors say a topic by the name that it has in the cluster: somebody is to look for it there."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from events.codec import encode
from events.envelope import seal
from events.facts.clock import ClockTicked
from events.sources import Origins
from events.topics import CATALOG, EVENTS
from projections.readmodels.positions import Position
from services.ingest.partition import second_writer
from services.kafka import Cluster, Polled
from services.migrate.migrate import record_topic
from services.projection.taking import BrokenLogError, take
from tests.projector.test_catalog_fold import NOW, record

CLUSTER = Cluster("here:1", prefix="acme.")
OURS = encode(seal(ClockTicked(now=NOW), source="clock/g", sequence=1, organization="", time=NOW))


async def test_a_topic_that_is_recorded() -> None:
    class Silent:
        async def execute(self, *_: Any) -> None: ...

    with capture_logs() as lines:
        await record_topic(Silent(), CLUSTER, CATALOG, 1)
    assert [(line["event"], line["name"]) for line in lines] == [("topic_recorded", "acme.billing.catalog")]


def test_another_worker_that_writes() -> None:
    sources, topic = frozenset(("clock/g",)), CLUSTER.topic(EVENTS)
    assert second_writer(sources, record(b"none of ours", 3), topic) is None
    assert second_writer(frozenset(("clock/h",)), record(OURS, 4), topic) is None
    why = second_writer(sources, record(OURS, 4), topic)
    assert why == "another worker wrote clock/g at offset 4 of acme.billing.events"


def test_a_log_that_goes_back_and_a_record_that_is_not_understood() -> None:
    origins, topic = Origins(frozenset("g")), CLUSTER.topic(EVENTS)
    with pytest.raises(BrokenLogError, match=r"^acme\.billing\.events/3: offset 4 came where 9 was due"):
        take(Position(3, next_offset=9), Polled([record(OURS, 4)], 5), origins, topic)
    unknown = record(OURS.replace(b"ClockTicked", b"ClockTocked"), 4)
    stopped = take(Position(3), Polled([unknown], 5), origins, topic).stopped
    assert stopped is not None and stopped.startswith("acme.billing.events/3 at offset 4: ")
