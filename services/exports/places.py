"""Where the files of jobs are, and for how long: below the place of exports, by organization and job."""

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from services.archive.defects import with_extra
from services.exports.jobs import ExportJob

if TYPE_CHECKING:
    from services.archive.place import FilePlace


class ExportFiles(NamedTuple):
    """The place of all files, and for how long one is kept; of whoever does not say it, below the working directory."""

    url: str = ".trueup/exports"
    kept: timedelta = timedelta(days=30)


def folder_of(organization: str) -> str:
    """The folder of an organization's files."""
    return f"{quote(organization, safe='')}/jobs"


def path_of(job: ExportJob) -> str:
    """Where the file of a job is."""
    return f"{folder_of(job.organization)}/{job.id}.{job.format}"


def place_of(url: str) -> "FilePlace":
    """Raises: ExtraMissingError, PlaceError."""
    with with_extra():
        from services.archive.place import FilePlace
    return FilePlace(url)
