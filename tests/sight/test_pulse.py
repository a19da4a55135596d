"""When a process is ready and when it lives, by what its loops have said."""

from importlib.metadata import version

import httpx
import pytest

from services.failures import Passing
from services.outage import Outage
from services.sight.gauges import Lags
from services.sight.metrics import WAITS, shown_by
from services.sight.port import Port, PortTakenError, open_port
from services.sight.pulse import NOT_BEGUN, PULSE, Pulse
from tests.api_client import port_client, probe
from tests.sight.asking import numbers


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_it_is_not_ready_before_it_has_begun() -> None:
    pulse = Pulse()
    assert pulse.now.why == (NOT_BEGUN,)
    pulse.begun()
    assert pulse.now.is_ready


def test_what_a_loop_waits_for_keeps_it_from_being_ready_until_a_round_ends_well() -> None:
    pulse = Pulse()
    pulse.begun()
    pulse.waits("Kafka at nowhere:9092 did not answer: refused")
    assert pulse.now.why == ("Kafka at nowhere:9092 did not answer: refused",)
    pulse.moved()
    assert not pulse.now.is_ready
    pulse.went_round()
    assert pulse.now.is_ready


def test_a_partition_that_must_not_go_on_is_told_as_long_as_it_is_so() -> None:
    pulse = Pulse()
    pulse.begun()
    pulse.stopped({"billing.events/1": "UsageRated has schema version 9"})
    pulse.went_round()
    assert pulse.now.why == ("billing.events/1 must not go on: UsageRated has schema version 9",)
    pulse.stopped({})
    assert pulse.now.is_ready


def test_a_server_that_is_away_is_told_though_the_loop_has_nothing_to_ask_of_it() -> None:
    pulse = Pulse()
    pulse.begun()
    pulse.away("log and store", "Postgres at there did not answer")
    pulse.went_round()
    assert pulse.now.why == ("Postgres at there did not answer",)
    pulse.away("log and store", None)
    assert pulse.now.is_ready


def test_words_that_two_of_them_say_are_told_once() -> None:
    pulse = Pulse()
    pulse.begun()
    pulse.away("log and store", "Postgres is away")
    pulse.waits("Postgres is away")
    assert pulse.now.why == ("Postgres is away",)


def answered(pulse: Pulse, path: str, method: str = "GET") -> httpx.Response:
    """As a client of the port sees it."""
    with port_client(Port("ingest", shown_by("ingest"), pulse, live_seconds=60)) as client:
        return client.request(method, path)


def test_a_loop_that_waits_lives_and_one_that_does_not_go_round_does_not() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    for _ in range(5):
        clock.now += 59
        pulse.waits("Kafka did not answer")
    assert answered(pulse, "/live").status_code == 200
    clock.now += 61
    dead = answered(pulse, "/live")
    assert (dead.status_code, dead.json()["why"]) == (503, ["its loop has not gone round for 61 s"])
    assert dead.json()["loopAgeSeconds"] == 61


def test_probes_say_which_process_and_why() -> None:
    pulse = Pulse()
    not_yet = answered(pulse, "/ready")
    assert (not_yet.status_code, not_yet.json()["process"], not_yet.json()["why"]) == (503, "ingest", [NOT_BEGUN])
    pulse.begun()
    assert (answered(pulse, "/ready").status_code, answered(pulse, "/ready").json()["ready"]) == (200, True)
    assert (answered(pulse, "/ready", "HEAD").status_code, answered(pulse, "/ready", "HEAD").content) == (200, b"")
    assert answered(pulse, "/ready", "POST").status_code == 405
    assert answered(pulse, "/elsewhere").status_code == 404


@pytest.fixture
def pulse_of_process(monkeypatch: pytest.MonkeyPatch) -> Pulse:
    """One of its own: what ran in this process before may have left that of all waiting."""
    pulse = Pulse()
    monkeypatch.setattr("services.outage.PULSE", pulse)
    return pulse


def test_only_an_outage_of_what_a_process_is_for_keeps_it_from_being_ready(pulse_of_process: Pulse) -> None:
    pulse_of_process.begun()
    before = read_waits("bill_jobs_interrupted")
    beside, own = Outage("bill_jobs_interrupted"), Outage("server_unavailable", of_process=True)
    for _ in range(2):
        beside.met(Passing("a job waits"))
    assert pulse_of_process.now.is_ready
    assert read_waits("bill_jobs_interrupted") == before + 1
    own.met(Passing("Kafka is away"))
    assert pulse_of_process.now.why == ("Kafka is away",)


def read_waits(what: str) -> float:
    """How often this has begun to be waited out."""
    [metric] = WAITS.collect()
    return sum(one.value for one in metric.samples if one.labels == {"what": what})


def lag_of(lags: Lags) -> dict[str, float]:
    """By name, of the one partition there is."""
    return {sample.name: sample.value for metric in lags.collect() for sample in metric.samples}


def test_seconds_of_lag_go_on_while_nothing_is_read_and_count_from_what_was_read_last() -> None:
    clock = Clock()
    lags = Lags(clock)
    lags.note("usage", {0}, {0: 0}, {})
    clock.now += 100
    assert lag_of(lags) == {"trueup_lag_records": 0, "trueup_lag_seconds": 0}
    lags.note("usage", {0}, {0: 0}, {})
    clock.now += 5
    lags.note("usage", {0}, {0: 40}, {0: clock.now - 3})
    assert lag_of(lags) == {"trueup_lag_records": 40, "trueup_lag_seconds": 3}
    clock.now += 10
    assert lag_of(lags) == {"trueup_lag_records": 40, "trueup_lag_seconds": 13}
    lags.note("usage", {0}, {0: 39}, {})
    assert lag_of(lags) == {"trueup_lag_records": 39, "trueup_lag_seconds": 13}
    lags.note("usage", {0}, {0: 0}, {0: clock.now})
    assert lag_of(lags) == {"trueup_lag_records": 0, "trueup_lag_seconds": 0}


def test_what_came_before_all_was_read_does_not_make_the_next_record_old() -> None:
    clock = Clock()
    lags = Lags(clock)
    lags.note("usage", {0}, {0: 0}, {0: clock.now - 3_600})
    clock.now += 7
    lags.note("usage", {0}, {0: 1}, {})
    assert lag_of(lags)["trueup_lag_seconds"] == 7


def test_partitions_of_another_worker_have_no_lag_here() -> None:
    lags = Lags()
    lags.note("usage", {0, 1}, {0: 3, 1: 4}, {})
    lags.note("billing.events", {5}, {5: 1}, {})
    lags.note("usage", {1}, {}, {})
    held = {(one.labels["topic"], one.labels["partition"]) for metric in lags.collect() for one in metric.samples}
    assert held == {("usage", "1"), ("billing.events", "5")}


async def test_a_port_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_port("relay", "127.0.0.1", 0, 60) as url:
        taken = int(url.rpartition(":")[2])
        shown = await numbers(url)
        assert shown.of("trueup_process_info", process="relay", version=version("trueup")) == 1
        with (
            pytest.raises(PortTakenError, match=f"127.0.0.1:{taken}: .*TRUEUP_SIGHT_PORT"),
            open_port("relay", "127.0.0.1", taken, 60),
        ):
            pass
    with open_port("relay", "127.0.0.1", taken, 60) as again:  # it is free once the block has ended
        assert again == url


async def test_the_port_answers_on_ipv6_too() -> None:
    PULSE.moved()  # the process of the tests has no loop that goes round
    with open_port("relay", "::1", 0, 60) as url:
        assert (await probe(f"{url}/live")).status_code == 200
