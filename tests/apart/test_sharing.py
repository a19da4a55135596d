"""Replay and audit on several machines: the same tables and the same report, whichever machine is lost on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import TypeAdapter

from events.facts.usage import RecordMark
from events.sources import Origins
from services.apart.assisting import assist
from services.apart.board import Board, Form, WorkGoneError, forget, post
from services.apart.claims import Claim, PartLostError
from services.apart.program import program_version
from services.apart.sharing import MachineLostError, fold_apart
from services.apart.stint import Signs
from services.apart.work import FoldFailedError, FoldInterruptedError
from services.audit.audit import audit
from services.audit.partition_audit import (
    PARTITION_AUDIT,
    PartitionAudit,
    PartitionProved,
    RangeDigest,
    Schemas,
    Stretch,
)
from services.postgres import PostgresUnreachableError, connected
from services.postgres_url import PostgresUrl
from services.projection.filling import FILLING, Filling, PartitionToFold
from services.projection.replay import replay
from services.projection.schemas import lock_schemas, unlock_schemas
from services.run.process import environment_of
from services.run.settings import load_settings
from tests.apart.jobs import NOWHERE, Fails, Sum, Tripled, Waits
from tests.forked import ForkedChild, started
from tests.projector.conftest import PARTITIONS, Installation
from tests.projector.driving import everything
from tests.system.pausing import standing_still
from tests.system.sharing import environment_at

PATIENCE_S = 60.0
TRIPLED = Form("tripled", TypeAdapter(Tripled), TypeAdapter(Sum), TypeAdapter(tuple[int, int]), goes_on=True)
FAILS = Form("fails", TypeAdapter(Fails), TypeAdapter(Sum), TypeAdapter(None), goes_on=False)
WAITS = Form("waits", TypeAdapter(Waits), TypeAdapter(Sum), TypeAdapter(None), goes_on=False)
FORMS: dict[str, Form[Any, Any]] = {form.kind: form for form in (TRIPLED, FAILS, WAITS)}


def test_what_machines_tell_each_other_loses_nothing() -> None:
    work = PartitionAudit(Origins(frozenset({"a", "b"})), Schemas("rm_1", "rm_2"), frozenset({"r"}), "0003-1")
    stretch = Stretch(3, 5, 2, 90, 7, ranges=((0, 5), (5, 60)))
    proved = PartitionProved(
        3, 4, "it differs", Decimal("0.100"), RecordMark(offset=1, ms=2, digest="0f"), [RangeDigest((5, 60), "d")]
    )
    assert again(PARTITION_AUDIT.work, work) == work
    assert again(PARTITION_AUDIT.job, stretch) == stretch
    assert again(PARTITION_AUDIT.result, proved) == proved
    assert again(FILLING.work, Filling("rm_2", work.origins)) == Filling("rm_2", work.origins)
    assert again(FILLING.job, PartitionToFold(1, 2)) == PartitionToFold(1, 2)


def again(form: TypeAdapter[Any], value: object) -> object:
    return form.validate_json(form.dump_json(value))


@asynccontextmanager
async def machine(installation: Installation, folder: Path) -> AsyncIterator[ForkedChild]:
    """Another machine, which assists with two processes."""
    told = environment_of(load_settings(home=folder, partitions=PARTITIONS), installation.endpoints)
    environment = told | environment_at(installation.endpoints) | {"TRUEUP_SIGHT_PORT": "0"}
    child = await started("assist", "--processes", "2", environment=environment, log=folder / "assist.log")
    try:
        yield child
    finally:
        await child.kill()


async def becomes(installation: Installation, statement: str, wanted: Callable[[Any], bool] = bool) -> Any:
    async with asyncio.timeout(PATIENCE_S), installation.postgres.connection() as connection:
        while not wanted(value := await connection.fetchval(statement)):
            await asyncio.sleep(0.01)
        return value


TAKERS = "SELECT string_agg(DISTINCT taken_by, ' ') FROM store.shared_parts WHERE result IS NULL"


async def value(installation: Installation, statement: str) -> Any:
    async with installation.postgres.connection() as connection:
        return await connection.fetchval(statement)


LEFT = "SELECT count(*) FROM store.shared_work"


async def nothing_is_left(installation: Installation) -> bool:
    async with installation.postgres.connection() as connection:
        schemas = await connection.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'rm%'")
        return schemas == 1 and await connection.fetchval(LEFT) == 0


@pytest.mark.stack
async def test_another_machine_folds_what_this_one_leads(installation: Installation, tmp_path: Path) -> None:
    before, told = await everything(installation), list[int]()
    alone = await audit(installation.postgres, installation.cluster)
    async with machine(installation, tmp_path) as other:
        async with asyncio.timeout(PATIENCE_S):
            shared = await audit(
                installation.postgres, installation.cluster, processes=0, shared=True, progress=told.append
            )
        assert shared == alone and shared.passed and sum(told) == sum(shared.positions.values())
        async with asyncio.timeout(PATIENCE_S):
            done = await replay(installation.postgres, installation.cluster, processes=0, shared=True)
        assert await everything(installation) == before and done.records == sum(told)
        assert await nothing_is_left(installation)
        assert await other.stop() == 0
    assert (tmp_path / "assist.log").read_text().count('"assisted"') == 2


@asynccontextmanager
async def leading(installation: Installation) -> AsyncIterator[None]:
    """With the lock of whoever leads."""
    async with installation.postgres.alone() as guard:
        await lock_schemas(guard)
        try:
            yield
        finally:
            await unlock_schemas(guard)


async def shared(installation: Installation, form: Form[Any, Any], work: Any, *records: int, processes: int = 0) -> Any:
    """What comes of a shared work."""
    async with leading(installation), asyncio.timeout(PATIENCE_S):
        return await fold_apart(
            work,
            form,
            [Sum(count) for count in records],
            installation.postgres,
            installation.cluster,
            processes=processes,
            shared=True,
            progress=lambda _: None,
        )


@pytest.mark.stack
async def test_this_machine_alone_does_a_shared_work_as_well(installation: Installation) -> None:
    done = await shared(installation, TRIPLED, Tripled(), 5, 0, 7, 2, processes=2)
    assert [records for records, _ in done] == [15, 0, 21, 6]


@pytest.mark.stack
@pytest.mark.parametrize("how", ["lost", "paused", "stopped"])
async def test_others_go_on_with_a_replay_where_a_machine_has_stopped(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("services.apart.stint.SILENT_LOOKS", 4)
    before, folders = await everything(installation), (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        folder.mkdir()
    async with machine(installation, folders[0]) as first:
        work = asyncio.create_task(replay(installation.postgres, installation.cluster, processes=0, shared=True))
        taken_by = await becomes(installation, TAKERS)
        if how == "paused":
            async with machine(installation, folders[1]):
                with standing_still([first.pid]):
                    await becomes(installation, TAKERS, lambda now: now is not None and now != taken_by)
                await asyncio.wait_for(work, PATIENCE_S)
        else:
            await (first.kill() if how == "lost" else first.stop())
        async with machine(installation, folders[1]):
            await asyncio.wait_for(work, PATIENCE_S)
    assert await everything(installation) == before and await nothing_is_left(installation)
    assert (await audit(installation.postgres, installation.cluster)).passed


@pytest.mark.stack
@pytest.mark.parametrize(("how", "words"), [("lost", "no sign of life"), ("stopped", "was told to stop")])
async def test_an_audit_whose_machine_is_lost_says_so(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, words: str
) -> None:
    monkeypatch.setattr("services.apart.stint.SILENT_LOOKS", 4)
    async with machine(installation, tmp_path) as other:
        work = asyncio.create_task(audit(installation.postgres, installation.cluster, processes=0, shared=True))
        await becomes(installation, TAKERS)
        await (other.kill() if how == "lost" else other.stop())
        with pytest.raises(MachineLostError if how == "lost" else FoldFailedError, match=words):
            await asyncio.wait_for(work, PATIENCE_S)
    assert await nothing_is_left(installation)
    assert (await audit(installation.postgres, installation.cluster)).passed


@asynccontextmanager
async def assisted(installation: Installation) -> AsyncIterator[None]:
    """With assistance for the works of tests, in this process."""
    stop = asyncio.Event()
    helping = asyncio.create_task(assist(installation.postgres, NOWHERE, FORMS, 2, stop))
    try:
        yield
    finally:
        stop.set()
        await helping


@pytest.mark.stack
@pytest.mark.parametrize(("passes", "expected"), [(False, FoldFailedError), (True, FoldInterruptedError)])
async def test_a_failure_elsewhere_ends_all_in_its_words(
    installation: Installation, passes: bool, expected: type[Exception]
) -> None:
    async with assisted(installation):
        with pytest.raises(expected, match=r"^the log is newer$"):
            await shared(installation, FAILS, Fails(passes), 2, 1)
    assert await nothing_is_left(installation)


async def ended(folder: Path) -> None:
    """Until processes have begun to wait, and none of them is there any more."""
    async with asyncio.timeout(PATIENCE_S):
        while not (begun := [int(path.name) for path in folder.iterdir()]) or any(map(psutil.pid_exists, begun)):
            await asyncio.sleep(0.05)


@pytest.mark.stack
async def test_who_assists_gives_up_when_nobody_leads_any_more(installation: Installation, tmp_path: Path) -> None:
    async with assisted(installation):
        async with leading(installation):
            await post(installation.postgres, WAITS, program_version(), Waits(tmp_path), [Sum(1), Sum(2)])
            await becomes(installation, TAKERS)
        await ended(tmp_path)
        # Whoever leads next finds this machine free, and puts its own work in the place of what was left.
        assert [records for records, _ in await shared(installation, TRIPLED, Tripled(), 3)] == [9]
    assert await nothing_is_left(installation)


@pytest.mark.stack
async def test_a_work_that_a_killed_leader_left_is_ended_by_the_next_one(
    installation: Installation, tmp_path: Path
) -> None:
    await post(installation.postgres, WAITS, program_version(), Waits(tmp_path), [Sum(1), Sum(2)])
    async with assisted(installation):
        await asyncio.sleep(2)
        assert await value(installation, TAKERS) is None, "nobody leads it"
        async with leading(installation):  # as a replay that is not shared does, of whichever role
            await asyncio.sleep(2)
            assert await value(installation, TAKERS) is None
    assert "has begun since" in await value(installation, "SELECT message FROM store.shared_work")
    await forget(installation.postgres)


@pytest.mark.stack
async def test_another_version_does_not_assist(installation: Installation, tmp_path: Path) -> None:
    async with leading(installation), assisted(installation):
        await post(installation.postgres, WAITS, "another", Waits(tmp_path), [Sum(1), Sum(2)])
        await asyncio.sleep(3)
        assert await value(installation, TAKERS) is None
    await forget(installation.postgres)


@pytest.mark.stack
async def test_who_was_given_up_writes_nothing_and_is_in_nobodys_way(installation: Installation) -> None:
    postgres, jobs = installation.postgres, [Sum(1), Sum(2)]
    id = await post(postgres, TRIPLED, "any", Tripled(), jobs)
    first, second = (Board(postgres, TRIPLED, id, name) for name in ("first", "second"))
    assert await first.take([]) == (1, Sum(2), 0)
    claim, url = Claim(id, 1, "first"), PostgresUrl.of(postgres.url).with_parameter("application_name", "first")
    async with connected(url, None) as session:
        await session.execute("BEGIN")
        await claim.hold(session)
        # It stands still from here on; what it says goes on beside it, and its part can be another's all the same.
        await first.report({1: 1})
        assert [part.folded for part in await first.parts()] == [0, 1]
        async with asyncio.timeout(PATIENCE_S):
            assert await second.put_back("first") == [1]
            assert await second.take([]) == (1, Sum(2), 1)
        with pytest.raises(PostgresUnreachableError):
            await session.fetchval("SELECT 1")
    async with postgres.transaction() as late:
        with pytest.raises(PartLostError):
            await claim.hold(late)
    for late_word in (first.report({1: 2}), first.leave(1, (6, 1), 2)):
        with pytest.raises(PartLostError):
            await late_word
    assert not await first.fail("FoldFailedError", "it woke up")
    await second.leave(1, (6, 1), 2)
    await forget(postgres)
    with pytest.raises(WorkGoneError):
        await second.report({})


def test_who_looks_rarely_finds_nobody_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.apart.stint.SILENT_LOOKS", 2)
    signs = Signs()
    assert [signs.look("a", beats) for beats in (1, 1, 1, 1, 2, 2, 2, 2)] == [*[False] * 3, True, *[False] * 3, True]
    assert not signs.look("b", 2)
