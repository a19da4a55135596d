"""Files of exports that were kept for long enough are removed, in the process that makes them.

A file goes first, then its job says so: what is killed in between finds the job again, and no file, and says so then.
Several processes may do it at once. What a kill left of a file that was being written goes with it.
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
#: Jobs that are looked at together.
_AT_ONCE = 200


class Sweeper:
    """Removes them. `every`: connections that see whose jobs there are; `files`: where their files are, and for how
    long, from the end of each job on.
    """

    def __init__(self, postgres: Postgres, every: Postgres, files: ExportFiles) -> None:
        self._postgres, self._every, self._files = postgres, every, files

    async def sweep(self, now: datetime) -> int:
        """Returns how many jobs have no file any more. Raises: ExtraMissingError, PlaceError, PlaceAwayError, and what
        passes."""
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
    """The files of an organization's jobs, and all that begins like one of them."""
    place: FilePlace = place_of(url)
    folder, ids = folder_of(jobs[0].organization), {job.id for job in jobs}
    for name in place.names(folder):
        if name.partition(".")[0] in ids:
            place.remove(f"{folder}/{name}")
