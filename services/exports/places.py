"""Where the files of jobs are kept, by organization and job, and for how long."""

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from services.archive.defects import with_extra
from services.exports.jobs import ExportJob

if TYPE_CHECKING:
    from services.archive.place import FilePlace


class ExportFiles(NamedTuple):
    """The place of all files, and how long each is kept; by default a folder below the working directory."""

    url: str = ".trueup/exports"
    kept: timedelta = timedelta(days=30)


def folder_of(organization: str) -> str:
    """The folder of an organization's files."""
    return f"{quote(organization, safe='')}/jobs"


def path_of(job: ExportJob) -> str:
    """The path of a job's file."""
    return f"{folder_of(job.organization)}/{job.id}.{job.format}"


def place_of(url: str) -> "FilePlace":
    """The place at an address, a directory or a URL. Raises: ExtraMissingError, PlaceError."""
    with with_extra():
        from services.archive.place import FilePlace
    return FilePlace(url)
