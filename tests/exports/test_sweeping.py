"""Files of jobs are removed once they were kept for long enough, and their jobs say so, whoever is killed meanwhile."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from services.exports import sweeping
from services.exports.jobs import EXPORT_JOBS, ExportJob, Status, create_export, end_export, start_export
from services.exports.places import ExportFiles, folder_of, path_of
from services.exports.sweeping import Sweeper
from services.postgres import Postgres, Role, open_postgres
from tests.store.kit import Store

pytestmark = pytest.mark.stack
#: Long before whatever other tests make: they share the store.
ENDED = datetime(2020, 1, 1, tzinfo=UTC)
KEPT, DAY = timedelta(days=30), timedelta(days=1)


@dataclass
class KeptJobs:
    """The jobs of an organization, with a place for their files."""

    store: Store
    place: Path
    sweeper: Sweeper
    postgres: Postgres

    async def job(self, status: Status, ended: datetime = ENDED) -> ExportJob:
        """One with a file, and what a kill left of it."""
        async with self.postgres.transaction() as connection:
            request = {"sourceType": "USAGE"}
            made = await create_export(connection, self.store.organization, str(uuid4()), request, None, ended, None)
            started = await start_export(connection, made, ended)
            if status != "RUNNING" and started is not None:
                await end_export(connection, made, started, status, 1, None, ended)
        for name in (path_of(made), f"{path_of(made)}.0a.part"):
            (self.place / name).parent.mkdir(parents=True, exist_ok=True)
            (self.place / name).write_text("day\n")
        return await self.get(made)

    async def get(self, job: ExportJob) -> ExportJob:
        async with self.postgres.connection() as connection:
            found = await EXPORT_JOBS.get(connection, job.organization, job.id)
        assert found is not None
        return found

    def files(self) -> set[str]:
        """The ids of jobs that have files."""
        folder = self.place / folder_of(self.store.organization)
        return {path.name.partition(".")[0] for path in folder.iterdir()}


@pytest_asyncio.fixture(loop_scope="session")
async def kept(store: Store, tmp_path: Path) -> AsyncIterator[KeptJobs]:
    """As the API's process has its connections."""
    url = store.endpoints.database_url
    async with open_postgres(url, role=Role.API) as api, open_postgres(url, role=Role.WATCH) as every:
        sweeper = Sweeper(api, every, ExportFiles(str(tmp_path), KEPT))
        yield KeptJobs(store, tmp_path, sweeper, api.of(store.organization))


async def test_what_was_kept_for_long_enough_goes_with_all_that_was_left_of_it(kept: KeptJobs) -> None:
    old, failed = await kept.job("SUCCEEDED"), await kept.job("FAILED")
    young, runs = await kept.job("SUCCEEDED", ENDED + 2 * DAY), await kept.job("RUNNING")
    assert await kept.sweeper.sweep(ENDED + KEPT) == 0, "not before it is over"
    assert await kept.sweeper.sweep(ENDED + KEPT + DAY) == 2
    assert kept.files() == {young.id, runs.id}
    assert [(await kept.get(job)).removed is None for job in (old, failed, young, runs)] == [False, False, True, True]
    assert (await kept.get(old)).version == old.version + 1
    assert await kept.sweeper.sweep(ENDED + KEPT + DAY) == 0, "and once"
    assert await kept.sweeper.sweep(ENDED + KEPT + 3 * DAY) == 1


async def test_killed_between_the_file_and_the_word_of_it_the_next_sweep_says_it(
    kept: KeptJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await kept.job("SUCCEEDED")

    async def killed(*_: Any) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(sweeping, "note_removed", killed)
        with pytest.raises(ConnectionResetError):
            await kept.sweeper.sweep(ENDED + KEPT + DAY)
    assert not kept.files() and (await kept.get(job)).removed is None
    assert await kept.sweeper.sweep(ENDED + KEPT + DAY) == 1
    assert (await kept.get(job)).removed == ENDED + KEPT + DAY


async def test_more_than_are_looked_at_together_all_go(kept: KeptJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "_AT_ONCE", 2)
    for _ in range(5):
        await kept.job("SUCCEEDED")
    assert await kept.sweeper.sweep(ENDED + KEPT + DAY) == 5 and not kept.files()
