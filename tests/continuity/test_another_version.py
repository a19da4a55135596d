"""Live read models of another version: reads go on from them, nobody writes to them, a projector replaces them."""

import asyncio

import pytest
import pytest_asyncio

from events.topics import EVENTS
from services.postgres import connected
from services.postgres.locks import Lock
from tests.api_client import http_client
from tests.continuity.home import Home
from tests.continuity.older import (
    FILLING,
    FOLDED,
    SCHEMAS,
    WORDS,
    asked,
    filled,
    live_of,
    make_older,
    no_swap,
    projectors,
    reading,
    refused,
    shown,
    until,
    until_billed,
)
from tests.system.story import Wire, publish, set_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wire(home: Home) -> Wire:
    """An organization with usage and bills; nothing runs."""
    await home.start()
    wire = home.wire("upgraded")
    await set_up(wire)
    for part in range(2):
        await publish(home.cluster, "upgraded", part, home.settings.partitions)
    await home.settled()
    job = await wire.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-01-31"})
    await until_billed(wire, job["id"])
    await home.settled()
    await home.stop()
    return wire


async def test_reads_go_on_from_the_older_tables_and_all_else_says_what_it_waits_for(
    home: Home, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.start("api")
    wanted = await shown(home)
    await home.stop()
    older = (await make_older(home)).schema
    folded = await asked(home, FOLDED.format(older))
    await home.start("api", "relay", "ingest")
    monkeypatch.setattr("services.api.calls.HTTP_SECONDS", 3.0)  # time for a look, on any machine
    assert await shown(home) == wanted and wanted["bills"]["data"]
    commitment = wanted["commitments"]["data"][0]["id"]
    # The one waits until all is projected, the other asks for the column that is not there.
    assert FILLING in await refused(home, f"commitments/{commitment}/balance")
    assert FILLING in await refused(home, "conservation")
    async with http_client(home.url) as client:
        health = (await client.get("/health")).json()
    assert health["status"] == "degraded" and any(FILLING in problem for problem in health["problems"])
    assert health["behind"]["projector"] == sum((await home.ends(EVENTS)).values())

    await publish(home.cluster, "upgraded", 2, home.settings.partitions)
    await wire.make("accounts", "late", code="late", name="late", emailAddress="a@example.com")
    job = await wire.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-02-28"})
    status, said = await home.trueup("audit")
    assert status == 1 and f"trueup: the live read models {older} {FILLING}" in said
    assert (await wire.do("GET", f"billjobs/{job['id']}"))["status"] not in ("COMPLETE", "CANCELLED")
    assert await asked(home, FOLDED.format(older)) == folded
    assert await asked(home, SCHEMAS) == [older]
    await home.stop()


async def test_whoever_is_killed_while_it_fills_leaves_the_old_or_the_new_live(home: Home, wire: Wire) -> None:
    older = await make_older(home)
    await home.start("api")
    wanted = await shown(home)

    async def has_begun() -> bool:
        return len(await asked(home, SCHEMAS)) > 1

    async with reading(home, wanted):
        async with projectors(home) as kill:
            await until(has_begun)
            await kill()
        [_, left] = await asked(home, SCHEMAS)
        assert await live_of(home) == older
        async with no_swap(home), projectors(home) as kill:

            async def is_filled() -> bool:
                return (await filled(home)) not in (None, left)

            await until(is_filled)
            await kill()
            assert await live_of(home) == older
    await home.stop()


async def test_of_two_projectors_one_fills_and_the_rows_are_those_of_a_replay(home: Home, wire: Wire) -> None:
    older, before_them = await make_older(home), set(await asked(home, SCHEMAS))
    left = max(before_them)
    await publish(home.cluster, "upgraded", 3, home.settings.partitions)
    await home.start("api")
    wanted = await shown(home)
    job = await wire.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-02-28"})

    async def is_filled() -> bool:
        return (await filled(home)) not in (None, left)

    async def has_moved() -> bool:
        return await live_of(home) != older

    async with reading(home, wanted), projectors(home, 2) as kill:
        async with no_swap(home):
            await until(is_filled)
            await asyncio.sleep(2)
            # What a killed one left may stand as long as Postgres has not noticed that its session is gone.
            assert len(set(await asked(home, SCHEMAS)) - before_them) == 1 and await live_of(home) == older
            assert await asked(home, f"SELECT count(*) FROM pg_locks WHERE objid = {Lock.READ_MODELS} AND granted") == 1
        await until(has_moved)
        await kill()
    live = await live_of(home)
    assert live.is_current and live.is_wanted and await shown(home) == wanted
    await home.start("relay", "ingest", "projector")
    await until_billed(wire, job["id"])
    before = await home.left(wire)
    assert await asked(home, SCHEMAS) == [live.schema]
    status, said = await home.trueup("audit")
    assert status == 0, said
    status, said = await home.trueup("replay")
    assert status == 0, said
    assert await home.left(wire) == before and before["bills"] and before["draws"]
    assert (await live_of(home)).schema != live.schema
    await home.stop()


async def test_a_program_of_a_version_that_nobody_asked_for_writes_nothing(home: Home, wire: Wire) -> None:
    await home.start()
    wanted = await shown(home)
    schema = (await live_of(home)).schema
    # Another version's program has swapped its own in, while this one runs.
    async with connected(home.database_url) as connection:
        await connection.execute(
            f"COMMENT ON SCHEMA {schema} IS 'newer'; UPDATE store.live_schema SET wanted = 'newer'"
        )
    folded = await asked(home, FOLDED.format(schema))
    await publish(home.cluster, "upgraded", 4, home.settings.partitions)
    await wire.make("accounts", "later", code="later", name="later", emailAddress="a@example.com")
    await asyncio.sleep(6)
    assert await asked(home, FOLDED.format(schema)) == folded and await asked(home, SCHEMAS) == [schema]
    assert (await shown(home))["commitments"] == wanted["commitments"]
    status, said = await home.trueup("replay")
    assert status == 1 and WORDS + "run `trueup migrate` with the version that is to be used" in said
    assert await asked(home, SCHEMAS) == [schema]
    # Back to this version: the projector that runs does what it is asked for, and usage goes on.
    await home.migrate()
    await home.settled()
    assert (await live_of(home)).schema != schema
    status, said = await home.trueup("audit")
    assert status == 0, said
    await home.stop()
