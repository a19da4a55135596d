"""What a terminal says of the metrics of all processes, from what they answer at /metrics."""

from prometheus_client import generate_latest
from prometheus_client.registry import CollectorRegistry

from services.sight import metrics
from services.sight.gauges import Moment
from services.status.processes import NEWEST, SUMMED, lines, shown_in, together
from tests.sight.test_alerts import shown as samples

INGEST = """
# TYPE trueup_usage_total counter
trueup_usage_total{disposition="rated"} 90.0
trueup_usage_total{disposition="duplicate"} 7.0
# TYPE trueup_usage_refused_total counter
trueup_usage_refused_total{organization="acme",reason="bad-time"} 2.0
trueup_usage_refused_total{organization="",reason="no-json"} 1.0
# TYPE trueup_rebalances_total counter
trueup_rebalances_total 3.0
# TYPE trueup_pool_wait_seconds histogram
trueup_pool_wait_seconds_bucket{role="trueup_ingest",le="+Inf"} 4.0
trueup_pool_wait_seconds_count{role="trueup_ingest"} 4.0
trueup_pool_wait_seconds_sum{role="trueup_ingest"} 0.008
"""
NOTARY = """
# TYPE trueup_signed_tick_timestamp_seconds gauge
trueup_signed_tick_timestamp_seconds 1.7672256e+09
"""


def test_every_sample_that_is_asked_for_is_shown_by_some_process() -> None:
    there = samples()
    for name, labels in SUMMED.values():
        assert labels.keys() <= there[name]
    assert set(NEWEST.values()) <= there.keys()


def test_counts_are_added_and_what_none_shows_is_not_told_as_none() -> None:
    found = together([shown_in(INGEST), shown_in(INGEST), shown_in(NOTARY)])
    assert found == {
        "signedUpTo": "2026-01-01T00:00:00+00:00",
        "archivedAt": None,
        "usageRefused": 6,
        "usageDuplicate": 14,
        "rebalances": 6,
        "poolWaits": 8,
        "poolWaitSeconds": 0.016,
    }
    assert lines(found) == {
        "signed up to": "2026-01-01T00:00:00+00:00",
        "refused usage": "6",
        "duplicates": "14",
        "rebalances": "6",
        "waits for Postgres's pool": "8, 2.0 ms on average",
    }


def test_of_several_moments_the_newest_counts_and_one_that_has_not_come_is_none() -> None:
    registry = CollectorRegistry()
    moment = Moment(NEWEST["archivedAt"], "When.", registry=registry)
    assert together([shown_in(generate_latest(registry).decode())])["archivedAt"] is None
    moment.set(60)
    early = shown_in(generate_latest(registry).decode())
    moment.set(120)
    assert together([shown_in(generate_latest(registry).decode()), early])["archivedAt"] == "1970-01-01T00:02:00+00:00"


def test_what_nobody_showed_has_no_line() -> None:
    assert lines(together([])) == {}


def test_a_real_process_is_read() -> None:
    for registry, names in (
        (metrics.WORKER, {"rebalances"}),
        (metrics.INGEST, {"usageRefused", "usageDuplicate"}),
        (metrics.PROCESS, {"poolWaits", "poolWaitSeconds"}),
    ):
        found = shown_in(generate_latest(registry).decode())
        assert names == found.keys()
        assert all(value >= 0 for value in found.values())
