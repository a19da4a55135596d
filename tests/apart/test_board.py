"""Works that are shared, with works of tests: failures, leaders that are gone, machines that were given up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import TypeAdapter

from services.apart.assisting import assist
from services.apart.board import Board, WorkGoneError, forget, post
from services.apart.claims import Claim, PartLostError
from services.apart.processes import run_apart
from services.apart.program import program_version
from services.apart.sharing import fold_apart
from services.apart.work import FoldFailedError, FoldInterruptedError, Form
from services.postgres import Connection, PostgresUnreachableError
from services.projection.schemas import lock_schemas, unlock_schemas
from tests.apart.jobs import NOWHERE, Fails, Loses, Sum, Tripled, Waits
from tests.apart.looking import PATIENCE_S, TAKERS, becomes, nothing_is_left, value
from tests.projector.conftest import Installation

TRIPLED = Form("tripled", TypeAdapter(Tripled), TypeAdapter(Sum), TypeAdapter(tuple[int, int]), goes_on=True)
FAILS = Form("fails", TypeAdapter(Fails), TypeAdapter(Sum), TypeAdapter(None), goes_on=False)
WAITS = Form("waits", TypeAdapter(Waits), TypeAdapter(Sum), TypeAdapter(None), goes_on=False)
LOSES = Form("loses", TypeAdapter(Loses), TypeAdapter(Sum), TypeAdapter(None), goes_on=True)
FORMS: dict[str, Form[Any, Any]] = {form.kind: form for form in (TRIPLED, FAILS, WAITS)}


@asynccontextmanager
async def leading(installation: Installation) -> AsyncIterator[Connection]:
    """The connection of whoever leads."""
    async with installation.postgres.alone() as guard:
        await lock_schemas(guard)
        try:
            yield guard
        finally:
            await unlock_schemas(guard)


async def shared(installation: Installation, form: Form[Any, Any], work: Any, *records: int, processes: int = 0) -> Any:
    """What comes of a shared work."""
    async with leading(installation) as guard, asyncio.timeout(PATIENCE_S):
        return await fold_apart(
            work,
            form,
            [Sum(count) for count in records],
            installation.postgres,
            installation.cluster,
            guard,
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


async def no_work(installation: Installation) -> None:
    async with installation.postgres.connection() as connection:
        await forget(connection)


async def at_work(folder: Path, is_at_work: bool) -> None:
    """Until processes have begun to wait there; or until none of them is there any more."""
    async with asyncio.timeout(PATIENCE_S):
        while any(psutil.pid_exists(int(path.name)) for path in folder.iterdir()) is not is_at_work:
            await asyncio.sleep(0.05)


@pytest.mark.stack
async def test_who_assists_gives_up_when_nobody_leads_any_more(installation: Installation, tmp_path: Path) -> None:
    async with assisted(installation):
        async with leading(installation) as guard:
            await post(guard, WAITS, program_version(), Waits(tmp_path), [Sum(1), Sum(2)])
            await at_work(tmp_path, True)
        await at_work(tmp_path, False)
        # Whoever leads next finds this machine free, and puts its own work in the place of what was left.
        assert [records for records, _ in await shared(installation, TRIPLED, Tripled(), 3)] == [9]
    assert await nothing_is_left(installation)


@pytest.mark.stack
async def test_a_work_that_a_killed_leader_left_is_ended_by_the_next_one(
    installation: Installation, tmp_path: Path
) -> None:
    async with installation.postgres.alone() as killed:
        await post(killed, WAITS, program_version(), Waits(tmp_path), [Sum(1), Sum(2)])
    async with assisted(installation):
        await asyncio.sleep(2)
        assert await value(installation, TAKERS) is None, "nobody leads it"
        async with leading(installation):  # as a replay that is not shared does, of whichever role
            await asyncio.sleep(2)
            assert await value(installation, TAKERS) is None
    assert "has begun since" in await value(installation, "SELECT message FROM store.shared_work")
    await no_work(installation)


@pytest.mark.stack
async def test_another_version_does_not_assist(installation: Installation, tmp_path: Path) -> None:
    async with leading(installation) as guard, assisted(installation):
        await post(guard, WAITS, "another", Waits(tmp_path), [Sum(1), Sum(2)])
        await asyncio.sleep(3)
        assert await value(installation, TAKERS) is None
    await no_work(installation)


@pytest.mark.stack
async def test_who_was_given_up_writes_nothing_and_is_in_nobodys_way(installation: Installation) -> None:
    postgres = installation.postgres
    async with postgres.alone() as guard:
        id = await post(guard, TRIPLED, "any", Tripled(), [Sum(1), Sum(2), Sum(1)])
    first, second = (Board(postgres, TRIPLED, id, name) for name in ("first", "second"))
    assert await first.take([]) == (1, Sum(2), 0)
    claim = Claim(id, 1, "first")
    async with postgres.alone() as session:
        await session.execute("BEGIN")
        await claim.hold(session)
        # It stands still from here on; what it says goes on beside it, and its part can be another's all the same.
        await first.report({1: 1})
        assert [part.folded for part in await first.parts()] == [0, 1, 0]
        async with asyncio.timeout(PATIENCE_S):
            while not (back := await second.put_back("first")):
                await asyncio.sleep(0.01)
        assert back == [1] and await second.take([]) == (1, Sum(2), 1)
        with pytest.raises(PostgresUnreachableError):
            await session.fetchval("SELECT 1")
    async with postgres.transaction() as late:
        with pytest.raises(PartLostError):
            await claim.hold(late)
    for late_word in (first.report({1: 2}), first.leave(1, (6, 1), 2)):
        with pytest.raises(PartLostError):
            await late_word
    assert await first.take([1]) is None, "who has lost a part takes no other, though two are free"
    assert not await first.fail([1], "FoldFailedError", "it woke up")
    await second.leave(1, (6, 1), 2)
    await no_work(installation)
    with pytest.raises(WorkGoneError):
        await second.report({})


@pytest.mark.stack
async def test_what_a_lost_answer_had_taken_is_taken_again(installation: Installation) -> None:
    async with installation.postgres.alone() as guard:
        id = await post(guard, TRIPLED, "any", Tripled(), [Sum(1), Sum(2)])
    board = Board(installation.postgres, TRIPLED, id, "me")
    assert await board.take([]) == await board.take([]) == (1, Sum(2), 0)
    assert await board.take([1]) == (0, Sum(1), 0) and await board.take([0, 1]) is None
    await no_work(installation)


@pytest.mark.stack
async def test_a_failure_elsewhere_is_told_and_not_what_it_does_to_others(installation: Installation) -> None:
    """Processes of the machine that leads find their claims gone before it reads why."""
    work = asyncio.create_task(shared(installation, LOSES, Loses(), 1, 1, processes=2))
    await becomes(installation, "SELECT count(*) = 2 FROM store.shared_parts WHERE taken_by IS NOT NULL")
    async with installation.postgres.connection() as connection:
        await connection.execute("UPDATE store.shared_work SET failure = 'FoldInterruptedError', message = 'the cause'")
    with pytest.raises(FoldInterruptedError, match=r"^the cause$"):
        await work


@pytest.mark.stack
async def test_a_leader_without_its_lock_does_not_go_on(installation: Installation, tmp_path: Path) -> None:
    async with leading(installation) as guard:
        work = asyncio.create_task(
            fold_apart(
                Waits(tmp_path),
                WAITS,
                [Sum(1)],
                installation.postgres,
                installation.cluster,
                guard,
                processes=1,
                shared=True,
                progress=lambda _: None,
            )
        )
        await at_work(tmp_path, True)
    with pytest.raises(WorkGoneError, match="nobody leads it"):
        await asyncio.wait_for(work, PATIENCE_S)
    await at_work(tmp_path, False)
    assert await nothing_is_left(installation)


async def test_what_is_installed_meanwhile_folds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.apart.crew.program_version", lambda: "as it was")
    with pytest.raises(FoldFailedError, match="another version of the program was installed"):
        await run_apart(Tripled(), NOWHERE, [Sum(1), Sum(1)], 2, lambda _: None)
