"""Works that are shared, with works of tests: failures, leaders that are gone, machines that were given up."""

import asyncio
from collections.abc import AsyncIterator
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
from services.apart.sharing import fold_apart
from services.apart.stint import Signs
from services.apart.work import FoldFailedError, FoldInterruptedError
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
from services.projection.schemas import lock_schemas, unlock_schemas
from tests.apart.jobs import NOWHERE, Fails, Sum, Tripled, Waits
from tests.apart.looking import PATIENCE_S, TAKERS, becomes, nothing_is_left, value
from tests.projector.conftest import Installation

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
