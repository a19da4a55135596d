"""From this release to the next, process by process under load, half way back and forward again: no request fails but
by what clients repeat, nothing is lost or doubled, and every bill is the one of a run that nobody disturbed."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
import pytest
import pytest_asyncio

from services.run.settings import load_settings
from services.run.stack import Stack
from tests.api_client import Api
from tests.continuity.fleet import Fleet
from tests.continuity.home import PATIENCE_S
from tests.continuity.next_release import NOW, THEN, derive
from tests.forked import prepare
from tests.system.story import PARTS, Left, Wire, left_by, play, settled

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

PARTITIONS = 4
PROCESSES = ("relay-1", "ingest-1", "ingest-2", "projector-1", "projector-2", "api-1", "api-2")
#: What is done after each part of the load, in the order of docs/operation.md: who reads a record before who writes it.
#: The last part also replaces the relay and the API's processes, who write facts of the next release.
HALF_WAY = ("migrate", "projector-1", "ingest-1")
READERS = ("projector-1", "projector-2", "ingest-1", "ingest-2")
STEPS = (
    *((name, True) for name in HALF_WAY),
    *((name, False) for name in HALF_WAY),
    *((name, True) for name in ("migrate", *READERS)),
)
READS = ("commitments", "bills", "lineitems", "accounts", "balances")
KNOWS = f"AccountCreated has schema version {THEN}, this program knows up to {NOW}; CHANGELOG.md"


class Upgraded:
    """A stack, and the processes of two releases on it."""

    def __init__(self, stack: Stack, fleet: Fleet) -> None:
        self.stack, self.fleet = stack, fleet

    def wire(self, organization: str) -> Wire:
        return Wire(self.fleet.url, organization)

    async def play(self, wire: Wire) -> None:
        """The load, undisturbed."""
        await play(wire, self.stack.endpoints.kafka, PARTITIONS, _nothing)

    async def left(self, wire: Wire) -> Left:
        return await left_by(self.stack.endpoints.database_url, wire)

    async def comes_to(self, wire: Wire, wanted: Left) -> None:
        """Wait until it has left that: whether all of the next release's read models is settled, none here can tell."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while await self.left(wire) != wanted:
                    await asyncio.sleep(0.2)
        assert await self.left(wire) == wanted

    async def step(self, name: str, next_release: bool) -> None:
        if name != "migrate":
            return await self.fleet.replace(name, next_release=next_release)
        await self._filled()
        status, said = await self.fleet.run("migrate", next_release=next_release)
        assert status == 0 and "are of another version: the projector fills new ones beside them" in said, said

    async def _filled(self) -> None:
        """The read models that were asked for last are live: how long that takes is the machine's affair."""
        connection = await asyncpg.connect(self.stack.endpoints.database_url)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await connection.fetchval(_FILLED):
                    await asyncio.sleep(0.1)
        finally:
            await connection.close()


_FILLED = """
SELECT wanted = (SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = live_schema.name)
FROM store.live_schema
"""


async def _nothing(_: int) -> None:
    pass


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def upgraded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Upgraded]:
    home = tmp_path_factory.mktemp("upgrade")
    settings = load_settings(
        home=home, partitions=PARTITIONS, worker_session_ms=6000, api_port=0,
        kafka_bootstrap=None, database_url=None, test_stack="embedded",
    )  # fmt: skip
    stack = Stack(settings)
    code = derive(home / "next")
    async with contextlib.AsyncExitStack() as ending:
        ending.push_async_callback(stack.stop)
        await prepare()
        fleet = Fleet(settings, await stack.start(), home, code)
        ending.push_async_callback(fleet.stop)
        status, said = await fleet.run("migrate", next_release=False)
        assert status == 0, said
        await fleet.start(*PROCESSES)
        yield Upgraded(stack, fleet)


@asynccontextmanager
async def asking(wire: Wire) -> AsyncIterator[dict[str, int]]:
    """Reads and commands go on all the time, each at another API process; yields how many were answered.

    Any answer but 200, and but what Wire repeats (503, and a connection that is refused or cut), fails the block.
    """
    counts = {"reads": 0, "commands": 0}
    done = asyncio.Event()

    async def read() -> None:
        for path in itertools.cycle(READS):
            if done.is_set():
                return
            await wire.do("GET", path)
            counts["reads"] += 1
            await asyncio.sleep(0.1)

    async def command() -> None:
        while not done.is_set():
            code = f"asking-{counts['commands']}"
            await wire.create("accounts", code=code, name=code, emailAddress="a@example.com")
            counts["commands"] += 1
            await asyncio.sleep(0.3)

    tasks = [asyncio.create_task(read()), asyncio.create_task(command())]
    try:
        yield counts
    finally:
        done.set()
        await asyncio.gather(*tasks)


async def met_by_both(fleet: Fleet) -> None:
    """`api-1` is of the next release, `api-2` of this one, which must not half understand what the other wrote."""
    there, here = (Api(partial(fleet.url_of, name), "disturbed") for name in ("api-1", "api-2"))
    id = await there.create("accounts", code="future", name="Future", emailAddress="f@example.com", nickname="Fu")
    written = f"account {id} was written by a newer version of Trueup than this process is of: nickname "
    for path in (f"accounts/{id}", "accounts"):
        assert (await here.refused(503, "GET", path)).startswith(written)
    told = await here.refused(503, "GET", "events")
    assert "of the store is of a newer version of Trueup: " in told and KNOWS in told, told
    assert (await there.do("GET", f"accounts/{id}"))["nickname"] == "Fu"


@pytest.mark.long
async def test_a_release_replaces_the_one_before_it_process_by_process(upgraded: Upgraded) -> None:
    fleet, undisturbed, disturbed = upgraded.fleet, upgraded.wire("undisturbed"), upgraded.wire("disturbed")
    await upgraded.play(undisturbed)
    await settled(upgraded.stack.endpoints)
    before = await upgraded.left(undisturbed)
    assert before["bills"] and before["draws"]

    async def step(part: int) -> None:
        if part < len(STEPS):
            await upgraded.step(*STEPS[part])
        if part == PARTS - 1:
            await fleet.replace("relay-1", next_release=True)
            await fleet.replace("api-1", next_release=True)
            await met_by_both(fleet)
            await fleet.replace("api-2", next_release=True)

    assert len(STEPS) <= PARTS
    async with asking(undisturbed) as counts:
        await play(disturbed, upgraded.stack.endpoints.kafka, PARTITIONS, step)
    assert all(count > 10 for count in counts.values()), counts
    await upgraded.comes_to(disturbed, before)
    await upgraded.comes_to(undisturbed, before)
    status, said = await fleet.run("audit", next_release=True)
    assert status == 0 and "live == replay, unexplained 0.00" in said, said


@pytest.mark.long
async def test_a_projector_of_the_old_release_says_what_it_needs_and_changes_nothing(upgraded: Upgraded) -> None:
    """Too late to go back: what the new release has written stands in the log."""
    fleet, wire = upgraded.fleet, upgraded.wire("disturbed")
    left = await upgraded.left(wire)
    await upgraded.step("migrate", next_release=False)
    status, said = await fleet.ended("projector-3", next_release=False)
    last = said.splitlines()[-1]
    assert status == 1 and last.startswith("trueup: billing.events/") and KNOWS in last, said
    assert await upgraded.left(wire) == left
    await wire.do("GET", "commitments")
