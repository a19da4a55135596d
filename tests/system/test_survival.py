"""Whatever is killed in mid-load, read models and bills equal those of an undisturbed run: none lost, none doubled."""

import asyncio
import os
import re
import sys
import time
from decimal import Decimal
from uuid import uuid4

import pytest

from services.postgres import open_postgres
from services.readside.watching import EndingError
from tests.api_client import CONFIG, Api
from tests.system.disturbed import END_SECONDS, SERVICES, Disturbed
from tests.system.measured import counted_calls, sent_calls, submit_all
from tests.system.story import START, Wire, expected_calls, left_by, set_up, settled

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


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
