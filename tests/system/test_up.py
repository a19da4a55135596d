"""`trueup up` as a person starts it: the ready file, a clean stop, no orphan, and what is killed runs again."""

import asyncio
import json
import os
import shutil
import signal
import sys
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from services.kafka import Cluster
from tests.api_client import healthy, http_client
from tests.forked import trueup
from tests.run.stack.processes import alive
from tests.system.story import ACCOUNTS, EVENTS_PER_PART, Wire, publish, set_up
from tests.system.up import PARTITIONS, PATIENCE_S, SERVICES, Up, running_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def all_gone(processes: list[psutil.Process]) -> None:
    async with asyncio.timeout(30):
        while alive(processes):
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one after the other starts, each upon what was left when the one before ended."""
    return tmp_path_factory.mktemp("up") / "home"


async def commands_and_usage_pass(up: Up, organization: str) -> None:
    """An account is made through HTTP, usage sent through Kafka, and both are seen by whoever asks."""
    async with asyncio.timeout(PATIENCE_S):
        wire = Wire(lambda: up.addresses["api_url"], organization)
        accounts = await set_up(wire)
        await publish(Cluster(up.addresses["kafka_bootstrap"]), organization, 0, PARTITIONS)
        expected, found = sum(1 + serial % 5 for serial in range(EVENTS_PER_PART)), Decimal(0)
        while found != expected:
            await asyncio.sleep(0.1)
            bills = [await wire.do("GET", f"accounts/{account}/unbilled") for account in accounts.values()]
            lines = [line for bill in bills for line in bill["lineItems"] if "USAGE" in line["lineItemType"]]
            found = sum((Decimal(str(line["quantity"])) for line in lines), Decimal(0))


async def test_whatever_is_killed_runs_again_at_the_same_address_and_it_stops_cleanly(home: Path) -> None:
    async with running_up(home, TRUEUP_WORKER_SESSION_MS="6000") as up:
        assert sorted(up.addresses) == ["api_url", "database_url", "kafka_bootstrap", "sight"]
        async with http_client(up.addresses["api_url"]) as client:
            await healthy(client)
        await commands_and_usage_pass(up, "before")
        for name in (*SERVICES, "Postgres", "Kafka"):
            killed = up.process_of(name)
            assert killed is not None
            killed.kill()
            line = json.loads(await up.said('"process_ended"', f'"{name}"'))
            assert "status 137" in line["how"]
            await up.said('"process_runs_again"', f'"{name}"')
            again = up.process_of(name)
            assert again is not None
            assert again.pid != killed.pid
        await commands_and_usage_pass(up, "after")
        async with http_client(up.addresses["api_url"]) as client:
            kept = await client.get("/organizations/before/accounts")
        assert len(kept.json()["data"]) == len(ACCOUNTS)
        children = up.children()
        up.process.send_signal(signal.SIGTERM)
        assert (await up.ended())[0] == 0
        await all_gone(children)


@pytest.mark.long
async def test_kill_minus_nine_leaves_no_orphan(home: Path) -> None:
    async with running_up(home) as up:
        children = up.children()
        assert len(children) >= 6
        up.process.kill()
        await up.process.wait()
        await all_gone(children)


@pytest.mark.long
async def test_asked_to_stop_while_something_starts_again_it_stops_all(home: Path) -> None:
    async with running_up(home) as up:
        for name in ("Kafka", "api"):
            killed = up.process_of(name)
            assert killed is not None
            killed.kill()
            await up.said('"process_ended"', f'"{name}"')
        await asyncio.sleep(0.5)  # Kafka is starting, and the API waits for it
        children = up.children()
        up.process.send_signal(signal.SIGINT)
        assert (await up.ended())[0] == 0
        await all_gone(children)


@pytest.mark.long
async def test_what_cannot_start_any_more_ends_it_by_name(home: Path) -> None:
    async with running_up(home) as up:
        killed = up.process_of("Postgres")
        assert killed is not None
        (up.home / "postgres" / "data" / "PG_VERSION").write_text("9\n")
        killed.kill()
        status, errors = await up.ended()
        assert status == 1
        assert "trueup: Postgres cannot be started: 5 starts in a row failed" in errors
        assert "initialized by PostgreSQL version 9" in errors


async def failed(home: Path | str) -> str:
    """What one says that cannot start."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.run.cli", "up", "--port", "0",
        env=os.environ | {"TRUEUP_HOME": str(home), "TRUEUP_PARTITIONS": str(PARTITIONS)},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        _, errors = await process.communicate()
    assert process.returncode == 1
    return errors.decode().strip()


async def test_a_home_that_cannot_be_used_is_named() -> None:
    assert (await failed("/proc/nope")).startswith("trueup: TRUEUP_HOME /proc/nope cannot be used")


async def test_what_its_servers_have_lost_is_mended_beside_them_alone(home: Path) -> None:
    async with running_up(home) as up:
        await commands_and_usage_pass(up, "lost")
    shutil.rmtree(home / "postgres" / "data")
    assert "run `trueup rebuild-store`" in await failed(home)
    environment = os.environ | {"TRUEUP_HOME": str(home)}
    status, _, said = await trueup("rebuild-store", environment=environment)
    assert status == 1 and "`trueup up --servers-only` for commands that mend" in said
    async with running_up(home, "--servers-only") as up:
        assert sorted(up.addresses) == ["database_url", "kafka_bootstrap"]
        assert not any(up.process_of(name) for name in SERVICES)
        status, told, said = await trueup("rebuild-store", environment=environment)
        assert status == 0 and "events added to the store" in told, told + said
        children = up.children()
        up.process.send_signal(signal.SIGTERM)
        assert (await up.ended())[0] == 0
        await all_gone(children)
    async with running_up(home) as up, http_client(up.addresses["api_url"]) as client:
        kept = await client.get("/organizations/lost/accounts")
        assert len(kept.json()["data"]) == len(ACCOUNTS)
