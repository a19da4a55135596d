"""Jobs are carried out once, whichever process takes them up, and whole, whatever a killed one has left."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from services.exports import carrying
from services.exports.carrying import ExportRunner, LogBehindError
from services.exports.columns import JOURNAL
from services.exports.jobs import EXPORT_JOBS, ExportJob, create_export, end_export, start_export
from services.exports.places import ExportFiles, path_of
from services.exports.watermark import Range, Watermark
from services.postgres import Postgres, Role, open_postgres
from services.readside.watching import open_watcher
from tests.store.kit import Store

pytestmark = pytest.mark.stack


@dataclass
class Exports:
    """What an API's process carries out, and where to."""

    store: Store
    place: Path
    runners: tuple[ExportRunner, ExportRunner]
    postgres: Postgres

    async def journal(self, position: int = 0) -> ExportJob:
        """A job whose range is empty, at a position of the store: what it writes is headings."""
        begin = Watermark(self.store.generations.commands, position)
        span = Range(begin, begin._replace(closed=date(2026, 1, 31)))
        request = {"sourceType": "OPERATIONAL", "operationalDataTypes": ["JOURNAL"]}
        async with self.postgres.transaction() as connection:
            now, of = datetime.now(UTC), self.store.organization
            return await create_export(connection, of, str(uuid4()), request, span, now, None)

    async def get(self, job: ExportJob) -> ExportJob:
        async with self.postgres.connection() as connection:
            job_read = await EXPORT_JOBS.get(connection, job.organization, job.id)
        assert job_read is not None
        return job_read

    async def ended(self, job: ExportJob, *runners: ExportRunner) -> ExportJob:
        """The job once these have ended it."""
        running = [asyncio.create_task(runner.run()) for runner in runners]
        try:
            async with asyncio.timeout(60):
                while (job_read := await self.get(job)).status in ("PENDING", "RUNNING"):
                    await asyncio.sleep(0.05)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        return job_read


@pytest_asyncio.fixture(loop_scope="session")
async def exports(store: Store, tmp_path: Path) -> AsyncIterator[Exports]:
    url = store.endpoints.database_url
    async with (
        open_postgres(url, role=Role.API) as api,
        open_postgres(url, role=Role.WATCH) as every,
        open_watcher(url, store.endpoints.kafka) as watcher,
    ):
        files = ExportFiles(str(tmp_path))
        first, second = (ExportRunner(api, every, watcher, files) for _ in range(2))
        yield Exports(store, tmp_path, (first, second), api.of(store.organization))


async def test_what_a_killed_process_has_begun_is_written_whole_and_once(exports: Exports) -> None:
    job = await exports.journal()
    async with exports.postgres.transaction() as connection:
        assert await start_export(connection, job, datetime.now(UTC))
    file = exports.place / path_of(job)
    file.parent.mkdir(parents=True)
    (file.parent / f"{file.name}.0a.part").write_text("half")
    done = await exports.ended(job, *exports.runners)
    assert (done.status, done.rows, done.kind) == ("SUCCEEDED", 0, "journal")
    assert file.read_text().strip() == ",".join(column.name for column in JOURNAL)
    assert done.version == job.version + 3, "begun by the killed one, then begun and ended once"


async def test_who_has_read_a_job_that_another_has_ended_since_leaves_it(exports: Exports) -> None:
    first, second = exports.runners
    read = await exports.journal()
    done = await exports.ended(read, first)
    file = exports.place / path_of(read)
    file.unlink()
    await second._carry_out(read)
    assert await exports.get(read) == done and not file.exists()


async def test_who_was_paused_since_another_took_its_job_up_ends_nothing(exports: Exports) -> None:
    job = await exports.journal()
    async with exports.postgres.transaction() as connection:
        paused = await start_export(connection, job, datetime.now(UTC))
        successor = await start_export(connection, job, datetime.now(UTC))
        assert paused is not None and successor is not None
        await end_export(connection, job, paused, "FAILED", None, "it was paused", datetime.now(UTC))
        assert (await exports.get(job)).status == "PENDING", "nothing of this transaction is seen yet"
    assert (await exports.get(job)).status == "RUNNING"
    async with exports.postgres.transaction() as connection:
        await end_export(connection, job, successor, "SUCCEEDED", 7, None, datetime.now(UTC))
        await end_export(connection, job, paused, "FAILED", None, "it was paused", datetime.now(UTC))
    ended = await exports.get(job)
    assert (ended.status, ended.rows, ended.message) == ("SUCCEEDED", 7, None)


async def test_who_waits_for_the_log_gives_his_place_back(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "IN_PLACE_SECONDS", 0.0)
    job = await exports.journal(position=10**12)
    with pytest.raises(LogBehindError):
        async with asyncio.timeout(30):
            await exports.runners[0]._carry_out(job)
    assert await exports.get(job) == job, "it is taken up again"
