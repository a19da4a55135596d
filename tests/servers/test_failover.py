"""A Postgres of two servers: whichever takes writes is found, and its loss in mid-load costs nothing but a moment."""

import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from services.postgres import PostgresUnreachableError, connected, open_postgres, reach
from services.run.settings import load_settings
from services.run.up import SERVICES, System
from tests.servers.standby import Pair
from tests.system.running import running_system
from tests.system.story import Wire, left_by, play, settled

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
PARTITIONS = 4


@pytest_asyncio.fixture(loop_scope="session")
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    found = Pair(tmp_path)
    try:
        await found.start()
        yield found
    finally:
        await found.stop()


async def is_standby(connection: Any) -> bool:
    return bool(await connection.fetchval("SELECT pg_is_in_recovery()"))


async def test_the_server_that_takes_writes_is_found_wherever_it_stands(pair: Pair) -> None:
    both = pair.url
    turned = f"postgresql://trueup@/trueup?host={pair.primary._socket},{pair.standby._socket}"
    for url in (both, turned, f"{both}&target_session_attrs=primary"):
        async with connected(url) as connection, open_postgres(url, most=2) as postgres:
            assert not await is_standby(connection)
            async with postgres.connection() as of_pool:
                assert not await is_standby(of_pool)
    async with connected(f"{both}&target_session_attrs=any") as connection:
        assert await is_standby(connection)


async def test_a_server_that_swallows_everything_hides_no_other(pair: Pair) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        url = f"postgresql://trueup@/trueup?host=127.0.0.1,{pair.primary._socket}&port={port},5432&sslmode=disable"
        begun = time.monotonic()
        async with connected(url):
            waited = time.monotonic() - begun
        begun = time.monotonic()
        async with connected(url):
            again = time.monotonic() - begun
    assert again < 2 < waited, "the one that answered last is asked first"


async def test_where_none_takes_writes_each_is_told(pair: Pair) -> None:
    await pair.primary.kill()
    with pytest.raises(PostgresUnreachableError) as raised:
        async with connected(pair.url):
            pass
    said = str(raised.value)
    assert f"{pair.standby._socket}:5432: None of the hosts match the target attribute requirement" in said
    assert f"{pair.primary._socket}:5432: " in said
    with pytest.raises(OSError, match="None of the hosts match"):
        await reach(pair.url, timeout=5)
    alone = f"postgresql://trueup@/trueup?host={pair.standby._socket}&target_session_attrs=read-write"
    with pytest.raises(asyncpg.TargetServerAttributeNotMatched):
        await reach(alone, timeout=5)


async def test_a_failover_in_mid_load_loses_nothing_and_restarts_nobody(pair: Pair, tmp_path: Path) -> None:
    settings = load_settings(
        home=tmp_path / "home", partitions=PARTITIONS, worker_session_ms=6000, api_port=0, database_url=pair.url
    )

    async def nothing(_: int) -> None: ...

    async def failing_over(part: int) -> None:
        if part == 5:
            await pair.fail_over()

    async with running_system(settings) as (_, system):
        undisturbed = await played(system, pair, "undisturbed", nothing)
        assert await played(system, pair, "disturbed", failing_over) == undisturbed
        assert sorted(system.supervisor.running()) == sorted(SERVICES)


async def played(system: System, pair: Pair, organization: str, between: Any) -> Any:
    wire = Wire(lambda: system.addresses.api_url, organization)
    await play(wire, system.endpoints.kafka, PARTITIONS, between)
    await settled(system.endpoints)
    return await left_by(pair.writing_url, wire)
