"""Whatever is killed in mid-load, read models and bills equal those of an undisturbed run: none lost, none doubled."""

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from uuid import uuid4

import pytest
import pytest_asyncio

from events.topics import USAGE
from services.kafka import BatchWriter, KafkaUnreachableError, LogReader, Record, writing
from services.postgres import open_postgres
from services.readside.watching import EndingError
from services.run.settings import load_settings
from services.run.stack import Stack
from services.run.stack.part import EmbeddedPart
from services.run.up import System
from tests.api_client import CONFIG, Api
from tests.forked import ForkedChild
from tests.system.measured import counted_calls, sent_calls, submit_all
from tests.system.pausing import standing_still
from tests.system.running import running_system
from tests.system.story import ERASABLE, START, Left, Wire, expected_calls, left_by, play, set_up, settled

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

PARTITIONS = 4
SESSION_MS = 6_000
#: What a process may take to end that is asked to.
END_SECONDS = 5.0
SERVICES = ("relay", "ingest", "projector", "api")


class Disturbed:
    """A system of its own on a stack of its own, and what the undisturbed load left in it."""

    def __init__(self, stack: Stack, system: System) -> None:
        self.stack, self.system = stack, system
        self.undisturbed: Left = {}

    async def played(self, organization: str, between: Callable[[int], Awaitable[None]]) -> Left:
        wire = Wire(lambda: self.system.addresses.api_url, organization)
        await play(wire, self.system.endpoints.kafka, PARTITIONS, between, **ERASABLE)
        await settled(self.system.endpoints)
        return await left_by(self.system.endpoints.database_url, wire)

    async def revive(self, name: str) -> None:
        """kill -9, a moment of absence, start again."""
        await self.system.supervisor.kill(name)
        await asyncio.sleep(0.3)
        await self.system.start((name,))


async def nothing(_: int) -> None:
    """The undisturbed run."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def disturbed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Disturbed]:
    home = tmp_path_factory.mktemp("survival")
    settings = load_settings(home=home, partitions=PARTITIONS, worker_session_ms=SESSION_MS, api_port=0)
    async with running_system(settings) as (stack, system):
        found = Disturbed(stack, system)
        found.undisturbed = await found.played("undisturbed", nothing)
        yield found


async def test_the_undisturbed_run_counts_every_event_once(disturbed: Disturbed) -> None:
    totals = disturbed.undisturbed["usage_totals"]
    assert sum(Decimal(row["total"]) for row in totals if row["aggregation_id"] == "calls") == expected_calls()
    people = [row["state"] for row in totals if row["aggregation_id"] == "people"]
    assert people and not [state for state in people if "of account-" not in state or "of None" in state]
    assert len(disturbed.undisturbed["bills"]) >= 6
    assert disturbed.undisturbed["draws"]


async def test_services_killed_in_turn_in_mid_load_change_nothing(disturbed: Disturbed) -> None:
    """Each of them twice; `make long` kills one alone, to tell who it is that loses something."""

    async def kill(part: int) -> None:
        if part < 2 * len(SERVICES):
            await disturbed.revive(SERVICES[part % len(SERVICES)])

    assert await disturbed.played("killed", kill) == disturbed.undisturbed


async def test_services_asked_to_end_in_mid_load_lose_nothing_and_end_in_time(disturbed: Disturbed) -> None:
    """By SIGTERM, each of them twice."""
    took: dict[str, float] = {}

    async def stop(part: int) -> None:
        if part < 2 * len(SERVICES):
            name, begun = SERVICES[part % len(SERVICES)], time.monotonic()
            assert await disturbed.system.supervisor.stop(name) == 0, name
            took[name] = max(took.get(name, 0.0), time.monotonic() - begun)
            await disturbed.system.start((name,))

    assert await disturbed.played("stopped", stop) == disturbed.undisturbed
    assert took.keys() == set(SERVICES) and max(took.values()) < END_SECONDS, took


async def test_a_request_that_waits_is_answered_when_the_api_is_asked_to_end(disturbed: Disturbed) -> None:
    """While no projector runs, it would wait for many seconds."""
    supervisor, url = disturbed.system.supervisor, disturbed.system.addresses.api_url
    wire = Api(lambda: url, "undisturbed")
    await supervisor.stop("projector")
    try:
        await wire.create("products", code="late", name="Late")
        asked = [{"meterId": str(uuid4()), "fieldCode": "calls", "fieldType": "MEASURE", "function": "SUM"}]
        usage = {"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-02-01T00:00:00Z", "aggregations": asked}
        asking = asyncio.create_task(wire.ask("POST", "usage/query", usage))
        await asyncio.sleep(1)
        assert not asking.done(), (await asking).text
        begun = time.monotonic()
        assert await supervisor.stop("api") == 0
        assert time.monotonic() - begun < END_SECONDS
        answer = await asking
        assert (answer.status_code, answer.json()["message"]) == (503, str(EndingError()))
    finally:
        await disturbed.system.start(("api", "projector"))


@pytest.mark.long
@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_killed_twice_in_mid_load_changes_nothing(disturbed: Disturbed, name: str) -> None:
    async def kill(part: int) -> None:
        if part in (3, 7):
            await disturbed.revive(name)

    assert await disturbed.played(f"killed-{name}", kill) == disturbed.undisturbed


async def test_servers_that_crash_in_mid_load_change_nothing(disturbed: Disturbed) -> None:
    async def restart(part: int) -> None:
        if part == 3:
            await disturbed.stack.restart_kafka(crash=True)
        if part == 7:
            await disturbed.stack.restart_postgres(crash=True)

    assert await disturbed.played("crashed", restart) == disturbed.undisturbed


async def test_whoever_stands_still_for_longer_than_its_session_in_mid_load_changes_nothing(
    disturbed: Disturbed,
) -> None:
    """As a machine that is paused, or swaps: the group has given its partitions away by then, and it goes on later."""
    children = disturbed.system.supervisor._children
    services = {name: child.pid for name, child in children.items() if isinstance(child, ForkedChild)}
    parts = [part._child for part in disturbed.stack.processes if isinstance(part, EmbeddedPart)]
    servers = [child._process.pid for child in parts if child is not None]
    paused = {1: [services["ingest"], services["api"]], 3: [services["projector"], services["relay"]], 5: servers}

    async def pause(part: int) -> None:
        if part in paused:
            with standing_still(paused[part]):
                await asyncio.sleep(1.3 * SESSION_MS / 1_000)

    assert await disturbed.played("paused", pause) == disturbed.undisturbed


async def test_services_end_in_time_while_kafka_is_away(disturbed: Disturbed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a consumer whose group nobody coordinates; and what a producer could not send is not sent afterwards."""
    cluster, supervisor = disturbed.system.endpoints.kafka, disturbed.system.supervisor
    monkeypatch.setattr(writing, "REQUEST_TIMEOUT_S", 2.0)
    async with LogReader(cluster) as reader, BatchWriter(cluster) as writer:
        await writer.start()
        producer = writer._producer
        before = await reader.end_offsets(USAGE, [0])
        async with disturbed.stack.without_kafka(crash=True):
            with pytest.raises(KafkaUnreachableError):
                await writer.append(USAGE, 0, [Record(None, b"nobody's")])
            await writer.reset()
            assert producer is not None and producer._sender.sender_task.done()
            await asyncio.sleep(SESSION_MS / 1_000)
            for name in SERVICES:
                begun = time.monotonic()
                assert await supervisor.stop(name) == 0, name
                assert time.monotonic() - begun < END_SECONDS, name
        await disturbed.system.start(SERVICES)
        await asyncio.sleep(2)
        assert await reader.end_offsets(USAGE, [0]) == before


async def test_usage_over_http_counts_once_whatever_is_killed_between_publish_and_answer(disturbed: Disturbed) -> None:
    """Clients send again what was not confirmed; the API is killed twice, then the broker, all in mid-request."""

    async def kill(part: int) -> None:
        if part < 2:
            await disturbed.revive("api")
        if part == 2:
            await disturbed.stack.restart_kafka(crash=True)

    url = disturbed.system.addresses.api_url  # which stays the same
    wire = Wire(lambda: url, "measured")
    await submit_all(wire, kill)
    await settled(disturbed.system.endpoints)
    assert counted_calls(await left_by(disturbed.system.endpoints.database_url, wire)) == sent_calls()


async def test_an_event_is_voided_once_whatever_is_killed_meanwhile(disturbed: Disturbed) -> None:
    """A peak and a sum over some events, of which half are taken out while the services are killed in turn."""
    url = disturbed.system.addresses.api_url
    wire = Wire(lambda: url, "voided")
    accounts = await set_up(wire)
    [meter] = [id for id, name in wire.names.items() if name == "meter"]
    peak = {"meterId": meter, "targetField": "calls", "aggregation": "MAX", "unit": "call"}
    await wire.make("aggregations", "peak", code="peak", name="Peak", rounding="NONE", quantityPerUnit=1, **peak)
    code = next(iter(accounts))
    sent = [
        {
            "account": code,
            "meter": "api",
            "ts": "2026-01-10T00:00:00Z",
            "uid": f"e{number}",
            "measure": {"calls": number},
        }
        for number in range(20)
    ]
    await wire.do("POST", "measurements", {"measurements": sent})

    async def kill() -> None:
        for name in SERVICES:
            await disturbed.revive(name)

    async def void() -> None:
        for number in range(10, 20):
            body = {"account": code, "id": f"e{number}", "reason": "killed"}
            first = await wire.do("POST", "usage/void", body)
            assert await wire.do("POST", "usage/void", body) == first

    await asyncio.gather(kill(), void())
    await settled(disturbed.system.endpoints)
    left = await left_by(disturbed.system.endpoints.database_url, wire)
    totals = {row["aggregation_id"]: (row["records"], Decimal(row["total"])) for row in left["usage_totals"]}
    assert totals == {"calls": (10, Decimal(45)), "peak": (10, Decimal(9))}
    database = disturbed.system.endpoints.database_url
    async with open_postgres(database, most=1) as postgres, postgres.connection() as connection:
        schema = await connection.fetchval("SELECT name FROM store.live_schema")
        for table in ("store.events", f"{schema}.facts"):
            counted = f"SELECT count(*) FROM {table} WHERE organization = 'voided' AND type = 'UsageVoided'"
            assert await connection.fetchval(counted) == 10


async def test_held_usage_counts_once_whatever_is_killed_while_it_is_held_and_settles(disturbed: Disturbed) -> None:
    """Its account is made while the services are killed in turn; each id is sent twice, once before and once after."""
    url = disturbed.system.addresses.api_url
    wire = Wire(lambda: url, "held")
    await set_up(wire)
    await wire.do("PUT", "organizationconfig", CONFIG | {"version": 1, "usageBeforeAccount": "HOLD"})
    all_say = {"account": "late", "meter": "api", "ts": START.isoformat(), "measure": {"calls": 1}}
    sent = [all_say | {"uid": f"h{number}"} for number in range(1_000)]
    await wire.do("POST", "measurements", {"measurements": sent})
    await disturbed.revive("ingest")

    async def waiting() -> int:
        counts = (await wire.do("GET", "usage/held"))["counts"]
        return int(counts.get("unknown-account", 0))

    async with asyncio.timeout(90):
        while await waiting() < len(sent):
            await asyncio.sleep(0.2)

    async def kill() -> None:
        for name in ("api", "ingest", "relay", "projector", "api"):
            await disturbed.revive(name)

    killing = asyncio.create_task(kill())
    await wire.create("accounts", code="late", name="Late", emailAddress="a@example.com")
    await wire.do("POST", "measurements", {"measurements": sent})
    await killing
    async with asyncio.timeout(90):
        while await waiting():
            await asyncio.sleep(0.2)
    await settled(disturbed.system.endpoints)
    left = await left_by(disturbed.system.endpoints.database_url, wire)
    assert [(row["records"], Decimal(row["total"])) for row in left["usage_totals"]] == [(1_000, Decimal(1_000))]
    assert (await wire.do("GET", "usage/rejected"))["data"] == []


async def test_the_audit_agrees_after_all_of_it(disturbed: Disturbed) -> None:
    """Of usage that was voided while others were killed, and of usage that was held, too."""
    environment = os.environ | {
        "TRUEUP_KAFKA_BOOTSTRAP": disturbed.system.endpoints.kafka.bootstrap,
        "TRUEUP_DATABASE_URL": disturbed.system.endpoints.database_url,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.run.cli", "audit", env=environment, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(180):
        told, _ = await process.communicate()
    assert process.returncode == 0
    assert re.search(rb"audit: \d+ events, \d+ accounts, \d+ bills, live == replay, unexplained 0\.00\s*$", told)
