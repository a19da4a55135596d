"""Removes files of exports that were kept long enough, in the process that writes them.

A file is removed first, then its job is marked. A process that is killed in between leaves the job unmarked: the next
sweep finds the job without a file, and marks it. Several processes may sweep at once. Remains of a file whose writing
was interrupted by a kill are removed with it.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from services.exports.jobs import ExportJob, note_removed, old_exports
from services.exports.places import ExportFiles, folder_of, place_of
from services.postgres import Postgres

if TYPE_CHECKING:
    from services.archive.place import FilePlace

log = structlog.get_logger(__name__)
#: Jobs of one step.
_AT_ONCE = 200


class Sweeper:
    """Removes old files. `every`: connections that can see the jobs of all organizations; `files`: where the files are,
    and how long they are kept after the end of their jobs.
    """

    def __init__(self, postgres: Postgres, every: Postgres, files: ExportFiles) -> None:
        self._postgres, self._every, self._files = postgres, every, files

    async def sweep(self, now: datetime) -> int:
        """Remove all files that are old by `now`. Returns the number of jobs that have no file any more.

        Raises: ExtraMissingError, PlaceError, PlaceAwayError, and temporary failures.
        """
        swept, more = 0, True
        while more:
            async with self._every.connection() as connection:
                jobs = await old_exports(connection, now - self._files.kept, _AT_ONCE)
            for organization in dict.fromkeys(job.organization for job in jobs):
                theirs = [job for job in jobs if job.organization == organization]
                await asyncio.to_thread(_remove, self._files.url, theirs)
                async with self._postgres.of(organization).transaction() as connection:
                    await note_removed(connection, organization, [job.id for job in theirs], now)
                log.info("export_files_removed", organization=organization, jobs=len(theirs))
            swept, more = swept + len(jobs), len(jobs) == _AT_ONCE
        return swept


def _remove(url: str, jobs: Sequence[ExportJob]) -> None:
    """Remove the files of jobs of one organization, and all files whose names begin with the id of such a job."""
    place: FilePlace = place_of(url)
    folder, ids = folder_of(jobs[0].organization), {job.id for job in jobs}
    for name in place.names(folder):
        if name.partition(".")[0] in ids:
            place.remove(f"{folder}/{name}")
