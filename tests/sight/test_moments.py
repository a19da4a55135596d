"""A moment that has not come is not shown: as 0 it would be taken for 1970, and be some 56 years late."""

import time

from prometheus_client import generate_latest
from prometheus_client.registry import CollectorRegistry

from services.sight.gauges import Moment


def test_it_is_described_and_has_no_value_until_it_has_come() -> None:
    registry = CollectorRegistry()
    moment = Moment("trueup_last_seconds", "When it was.", registry=registry)
    assert b"# TYPE trueup_last_seconds gauge" in generate_latest(registry)
    assert registry.get_sample_value("trueup_last_seconds") is None
    moment.set(0.0)
    assert registry.get_sample_value("trueup_last_seconds") == 0.0
    moment.set_to_current_time()
    assert abs(time.time() - (registry.get_sample_value("trueup_last_seconds") or 0)) < 60
