"""The ports of real processes on real Kafka and Postgres: what they show, and what they say while a server is away."""

import asyncio

import psutil
import pytest

from events.topics import EVENTS, USAGE
from services.kafka import BatchWriter, Record
from services.postgres import connected
from services.run.up import SERVICES
from services.sight.metrics import shown_by
from tests.sight.asking import asked, until_not_ready, until_ready
from tests.sight.conftest import PARTITIONS, Seen
from tests.system.pausing import standing_still
from tests.system.story import Wire, publish, set_up, settled, usage_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

#: Of an organization that there is not.
STRANGER = (
    b'{"specversion":"1.0","id":"1","source":"/s","type":"trueup.usage","subject":"a","time":"2026-01-01T00:00:00Z",'
)
STRANGER += b'"organization":"made-up","data":{"meter":"api","measure":{"calls":1}}}'


def of_ours(word: str) -> list[int]:
    """The ids of our processes with this word in their command lines."""
    found = [one for one in psutil.Process().children(recursive=True) if word in one.cmdline()]
    found = [one for one in found if not any("watch.py" in part for part in one.cmdline()[:5])]
    assert found
    return [one.pid for one in found]


async def test_each_process_has_a_port_of_its_own_and_is_ready_and_lives(seen: Seen) -> None:
    assert set(seen.urls) == set(SERVICES)
    assert len(set(seen.urls.values())) == len(SERVICES)
    await until_ready(seen.urls.values())
    for process, url in seen.urls.items():
        status, told = await asked(url, "live")
        assert (status, told["process"], told["why"]) == (200, process, [])
        shown = await seen.numbers(process)
        assert (shown.of("trueup_ready"), shown.total("trueup_process_info")) == (1, 1)
        assert shown.total("process_resident_memory_bytes") > 0


async def test_every_number_that_a_process_shows_is_one_of_its_own(seen: Seen) -> None:
    for process in SERVICES:
        own = {metric.name for metric in shown_by(process).collect()}
        assert {"trueup_ready", "process_cpu_seconds"} <= own
        for name in (await seen.numbers(process)).names:
            assert any(name == one or name.startswith(f"{one}_") for one in own), (process, name)


async def test_what_became_of_usage_is_counted_by_disposition_organization_and_reason(seen: Seen) -> None:
    wire = Wire(lambda: seen.system.addresses.api_url, "counted")
    await set_up(wire)
    before = await seen.numbers("ingest")
    await publish(seen.system.endpoints.kafka, "counted", 0, PARTITIONS)
    async with BatchWriter(seen.system.endpoints.kafka) as writer:
        await writer.append(USAGE, 0, [Record(None, STRANGER), Record(None, b"nobody's")])
    await settled(seen.system.endpoints)
    after = await seen.numbers("ingest")

    def more(name: str, **labels: str) -> float:
        return (after.of(name, **labels) or 0) - (before.of(name, **labels) or 0)

    sent = usage_of("counted", 0)
    bad = sum(value == b"not json" for _, value in sent)
    good = len({value for _, value in sent}) - 1
    assert more("trueup_usage_total", disposition="rated") == good
    assert more("trueup_usage_total", disposition="duplicate") == len(sent) - bad - good
    assert more("trueup_usage_total", disposition="rerouted") > 0
    assert more("trueup_usage_total", disposition="rejected") == bad + 2
    assert more("trueup_usage_refused_total", organization="counted", reason="not-json") == bad
    assert more("trueup_usage_refused_total", organization="", reason="unknown-organization") == 1
    assert more("trueup_usage_refused_total", organization="", reason="not-json") == 1
    assert not any(dict(labels).get("organization") == "made-up" for _, labels in after.samples)
    assert more("trueup_poll_records_sum") >= len(sent) + 2
    assert more("trueup_append_seconds_count") > 0


async def test_workers_show_their_partitions_lag_and_transactions(seen: Seen) -> None:
    await settled(seen.system.endpoints)
    for process, topic in (("ingest", USAGE), ("projector", EVENTS)):
        async with asyncio.timeout(30):
            while True:
                shown = await seen.numbers(process)
                lag = [shown.of("trueup_lag_records", topic=topic, partition=str(one)) for one in range(PARTITIONS)]
                if lag == [0.0] * PARTITIONS:
                    break
                await asyncio.sleep(0.2)
        assert shown.total("trueup_lag_seconds") == 0
        assert shown.of("trueup_partitions") == PARTITIONS
        assert (shown.of("trueup_partitions_stopped"), shown.total("trueup_rebalances_total") >= 1) == (0, True)
        assert shown.total("trueup_pool_wait_seconds_count") > 0
    shown = await seen.numbers("projector")
    assert (shown.of("trueup_write_seconds_count") or 0) > 0
    assert (shown.of("trueup_settle_seconds_sum") or 0) < (shown.of("trueup_write_seconds_sum") or 0)
    assert (shown.of("trueup_settled_families_total") or 0) >= 6


async def test_the_relay_shows_that_it_leads_how_far_it_is_and_which_quarter_hour_it_told(seen: Seen) -> None:
    async with connected(seen.system.endpoints.database_url) as connection:
        head = await connection.fetchval("SELECT max(position) FROM store.events")
        quarter = await connection.fetchval("SELECT quarter FROM store.relay")
    shown = await seen.numbers("relay")
    assert (shown.of("trueup_relay_leads"), shown.of("trueup_relay_position")) == (1, head)
    assert shown.of("trueup_relay_tick_timestamp_seconds") == quarter * 15 * 60
    assert (shown.of("trueup_relay_records_sum") or 0) >= head


async def test_the_api_shows_its_requests_by_route_and_not_by_who_asked(seen: Seen) -> None:
    wire = Wire(lambda: seen.system.addresses.api_url, "counted")
    await wire.ask("GET", "products")
    await wire.ask("GET", "products/of-nobody")
    shown = await seen.numbers("api")
    name, routes = "trueup_http_request_seconds_count", "/organizations/{orgId}/products"
    assert (shown.of(name, method="GET", route=routes, status="200") or 0) >= 1
    assert (shown.of(name, method="GET", route=routes + "/{id}", status="404") or 0) >= 1
    assert not any("counted" in dict(labels).get("route", "") for _, labels in shown.samples)
    assert shown.of("trueup_http_requests_running") == 0
    assert (shown.of("trueup_pool_wait_seconds_count", role="trueup_api") or 0) > 0


@pytest.mark.long
async def test_while_the_broker_stands_still_those_who_need_it_live_are_not_ready_and_say_for_whom_they_wait(
    seen: Seen,
) -> None:
    await until_ready(seen.urls.values())
    with standing_still(of_ours("kafka.Kafka")):
        for process in ("ingest", "projector", "relay"):
            why = await until_not_ready(seen.urls[process], "Kafka at")
            assert seen.system.endpoints.kafka.bootstrap in why
        # Commands are taken without Kafka.
        assert (await asked(seen.urls["api"], "ready"))[0] == 200
    await until_ready(seen.urls.values())


async def test_while_postgres_is_away_all_live_are_not_ready_and_say_so(seen: Seen) -> None:
    async with seen.stack.without_postgres(crash=True):
        await asyncio.gather(*(until_not_ready(url, "Postgres") for url in seen.urls.values()))
    await until_ready(seen.urls.values())
