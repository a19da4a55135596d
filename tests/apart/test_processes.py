"""Replay and audit in several processes: the same tables and the same report; a process that dies ends the whole."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from events.topics import EVENTS
from services.apart.processes import processes_for, run_apart
from services.apart.work import FoldFailedError, FoldInterruptedError, ProcessDiedError, Servers
from services.audit.audit import audit
from services.audit.hashes import digest_of, first_difference
from services.failures import Passing
from services.kafka import LogReader
from services.postgres import Connection
from services.projection.filling import Filling, PartitionToFold
from services.projection.replay import replay
from services.projection.schemas import drop_schema
from services.readside.live import create_read_models, live_schema
from services.store.generations import load_generations
from tests.apart.jobs import NOWHERE, Fails, Sum, Tripled, Waits
from tests.projector.conftest import PARTITIONS, Installation
from tests.projector.driving import everything


async def test_results_come_in_order_and_progress_is_that_of_all() -> None:
    told: list[int] = []
    jobs = [Sum(count) for count in (5, 0, 7, 2)]
    apart = await run_apart(Tripled(), NOWHERE, jobs, 2, told.append)
    assert [records for records, _ in apart] == [15, 0, 21, 6] and sum(told) == 14
    assert os.getpid() not in {process for _, process in apart}
    alone = await run_apart(Tripled(), NOWHERE, jobs, 1, told.append)
    assert {process for _, process in alone} == {os.getpid()} and sum(told) == 28


def test_little_work_is_worth_no_process() -> None:
    assert processes_for([Sum(10), Sum(20)], 8) == 1
    assert processes_for([Sum(1_000_000)] * 3, 8) == 3
    assert processes_for([Sum(1_000_000)] * 9, 2) == 2
    assert processes_for([], 4) == 1


@pytest.mark.parametrize(("passes", "expected"), [(False, FoldFailedError), (True, FoldInterruptedError)])
async def test_a_failure_ends_all_in_its_words(passes: bool, expected: type[Exception]) -> None:
    async with asyncio.timeout(60):
        with pytest.raises(expected, match=r"^the log is newer$") as caught:
            await run_apart(Fails(passes), NOWHERE, [Sum(2), Sum(1)], 2, lambda _: None)
    assert isinstance(caught.value, Passing) is passes


async def both_at_work(folder: Path) -> list[int]:
    async with asyncio.timeout(60):
        while len(numbers := [int(path.name) for path in folder.iterdir()]) < 2:
            await asyncio.sleep(0.05)
    return numbers


async def test_a_process_that_is_killed_ends_all_by_name_and_leaves_none(tmp_path: Path) -> None:
    work = asyncio.create_task(run_apart(Waits(tmp_path), NOWHERE, [Sum(1), Sum(1)], 2, lambda _: None))
    first, other = await both_at_work(tmp_path)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(ProcessDiedError, match="was killed"):
        await work
    assert not psutil.pid_exists(other)


async def test_who_is_cancelled_leaves_none(tmp_path: Path) -> None:
    work = asyncio.create_task(run_apart(Waits(tmp_path), NOWHERE, [Sum(1), Sum(1)], 2, lambda _: None))
    at_work = await both_at_work(tmp_path)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not any(map(psutil.pid_exists, at_work))


@pytest.fixture
def always_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little there is to do."""
    monkeypatch.setattr("services.apart.processes.LEAST_RECORDS", 1)


async def schemas(connection: Connection) -> list[str]:
    schemas = await connection.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'rm%' ORDER BY 1")
    return [row["nspname"] for row in schemas]


@pytest.mark.stack
async def test_tables_are_equal_however_many_processes_filled_them(installation: Installation) -> None:
    postgres, names = installation.postgres, ("alone", "apart")
    async with postgres.transaction() as connection:
        origins = (await load_generations(connection)).origins
        for name in names:
            await create_read_models(connection, name)
    async with LogReader(installation.cluster) as reader:
        parts = [
            PartitionToFold(*partition_and_end)
            for partition_and_end in (await reader.end_offsets(EVENTS, range(PARTITIONS))).items()
        ]
    for processes, name in enumerate(names, 1):
        servers, folded = Servers(postgres.url, None, installation.cluster), list[int]()
        await run_apart(Filling(name, origins), servers, parts, processes, folded.append)
        assert sum(folded) == sum(part.records for part in parts) > 1_200
    async with (
        postgres.transaction(isolation="repeatable_read") as first_read,
        postgres.transaction(isolation="repeatable_read") as other,
    ):
        assert await first_difference(first_read, other, *names, range(PARTITIONS)) is None
        assert await digest_of(first_read, "alone") == await digest_of(other, "apart")
    async with postgres.connection() as connection:
        for name in names:
            await drop_schema(connection, name)


@pytest.mark.stack
async def test_a_replay_in_processes_swaps_in_what_was_there(installation: Installation, always_apart: None) -> None:
    before, folded = await everything(installation), list[int]()
    done = await replay(installation.postgres, installation.cluster, processes=2, progress=folded.append)
    assert await everything(installation) == before and sum(folded) == done.records > 1_200


@pytest.mark.stack
async def test_an_audit_says_the_same_and_names_the_same(installation: Installation, always_apart: None) -> None:
    alone = await audit(installation.postgres, installation.cluster, processes=1)
    apart = await audit(installation.postgres, installation.cluster, processes=2)
    assert alone == apart and apart.passed and apart.accounts == 20
    async with installation.postgres.transaction() as connection:
        live = await live_schema(connection)
        await connection.execute(f"UPDATE {live}.usage_totals SET total = total + 1 WHERE day = '2026-01-05'")
    wrong = await audit(installation.postgres, installation.cluster, processes=2)
    assert not wrong.passed and "usage_totals" in str(wrong.difference)
    assert wrong == await audit(installation.postgres, installation.cluster, processes=1)
    await replay(installation.postgres, installation.cluster, processes=2)
    assert (await audit(installation.postgres, installation.cluster, processes=2)).passed


@pytest.mark.stack
async def test_an_audit_reads_the_log_once(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    read, offsets = LogReader.read, list[int]()

    def counting(self: LogReader, topic: str, partition: int, start: int, end: int) -> Any:
        if topic == EVENTS:
            offsets.append(end - start)
        return read(self, topic, partition, start, end)

    monkeypatch.setattr(LogReader, "read", counting)
    report = await audit(installation.postgres, installation.cluster)
    assert report.passed and report.events < 1.1 * sum(offsets) < 1.2 * report.events


@pytest.mark.stack
async def test_of_a_replay_with_a_killed_process_nothing_is_swapped(
    installation: Installation, always_apart: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with installation.postgres.connection() as connection:
        before, rows = await live_schema(connection), await everything(installation)
        work = asyncio.create_task(replay(installation.postgres, installation.cluster, processes=2))
        ours = psutil.Process()
        async with asyncio.timeout(60):
            while not (children := [child for child in ours.children() if "spawn_main" in " ".join(child.cmdline())]):
                await asyncio.sleep(0.01)
        children[0].send_signal(signal.SIGKILL)
        with pytest.raises(ProcessDiedError):
            await work
        assert await live_schema(connection) == before and await everything(installation) == rows
    done = await replay(installation.postgres, installation.cluster, processes=2)
    assert done.replaced == before
    async with installation.postgres.connection() as connection:
        assert await schemas(connection) == [done.schema]
