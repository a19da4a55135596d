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
from services.apart.board import Form, post
from services.apart.program import program_version
from services.apart.sharing import MachineLostError, fold_apart
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
from services.projection.filling import FILLING, Filling, PartitionToFold
from services.projection.replay import replay
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


@pytest.mark.stack
async def test_this_machine_alone_does_a_shared_work_as_well(installation: Installation) -> None:
    done = await fold_apart(
        Tripled(),
        TRIPLED,
        [Sum(count) for count in (5, 0, 7, 2)],
        installation.postgres,
        installation.cluster,
        processes=2,
        shared=True,
        progress=lambda _: None,
    )
    assert [records for records, _ in done] == [15, 0, 21, 6]


@pytest.mark.stack
@pytest.mark.parametrize("how", ["lost", "paused", "stopped"])
async def test_others_go_on_with_a_replay_where_a_machine_has_stopped(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("services.apart.stint.SILENT_SECONDS", 2.0)
    before, folders = await everything(installation), (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        folder.mkdir()
    async with machine(installation, folders[0]) as first:
        work = asyncio.create_task(replay(installation.postgres, installation.cluster, processes=0, shared=True))
        taken_by = await becomes(installation, TAKERS)
        if how == "paused":
            with standing_still([first.pid]):
                async with machine(installation, folders[1]):
                    await becomes(installation, TAKERS, lambda now: now != taken_by)
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
    monkeypatch.setattr("services.apart.stint.SILENT_SECONDS", 2.0)
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
    async with assisted(installation), asyncio.timeout(PATIENCE_S):
        with pytest.raises(expected, match=r"^the log is newer$"):
            await fold_apart(
                Fails(passes),
                FAILS,
                [Sum(2), Sum(1)],
                installation.postgres,
                installation.cluster,
                processes=0,
                shared=True,
                progress=lambda _: None,
            )
    assert await nothing_is_left(installation)


@pytest.mark.stack
async def test_who_assists_gives_up_when_nobody_leads_any_more(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.apart.stint.SILENT_SECONDS", 2.0)
    await post(installation.postgres, WAITS, program_version(), Waits(tmp_path), [Sum(1), Sum(2)])
    async with assisted(installation):
        await becomes(installation, TAKERS)
        async with asyncio.timeout(PATIENCE_S):
            while not (at_work := [int(path.name) for path in tmp_path.iterdir()]) or any(
                map(psutil.pid_exists, at_work)
            ):
                await asyncio.sleep(0.05)
        # Whoever leads next finds this machine free, and puts its own work in the place of what was left.
        done = await asyncio.wait_for(
            fold_apart(
                Tripled(),
                TRIPLED,
                [Sum(3)],
                installation.postgres,
                installation.cluster,
                processes=0,
                shared=True,
                progress=lambda _: None,
            ),
            PATIENCE_S,
        )
        assert [records for records, _ in done] == [9]
    assert await nothing_is_left(installation)


@pytest.mark.stack
async def test_another_version_does_not_assist(installation: Installation, tmp_path: Path) -> None:
    await post(installation.postgres, WAITS, "another", Waits(tmp_path), [Sum(1), Sum(2)])
    async with assisted(installation):
        await asyncio.sleep(3)
        async with installation.postgres.connection() as connection:
            assert await connection.fetchval(TAKERS) is None
            await connection.execute("DELETE FROM store.shared_work")
