"""A folder, or a place in an object store, where each export adds a file.

A file's name tells its range, and the file appears whole or not at all. So the newest name is the watermark: there is
no second state that a kill could leave behind, and the next export continues from there.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast
from urllib.parse import quote

from services.archive.defects import with_extra
from services.exports.watermark import Range, Watermark
from services.exports.writing import FORMATS, Format
from services.failures import ExpectedFailure, Worded

_NAME = re.compile(
    rf"(?P<generation>[0-9a-f]+)-[0-9]{{18}}-(?P<until>[0-9]{{18}})(?P<closed>@[0-9-]{{10}})?\.({'|'.join(FORMATS)})"
)


class GapError(Worded, ExpectedFailure):
    """the files of {folder} end at watermark {newest}, and the export is to begin at {since}: leave out --since to go
    on from there, or give another folder
    """


class Folder:
    """The place of the files of one kind of export of one organization. All calls block."""

    def __init__(self, url: str, organization: str, kind: str) -> None:
        """Open the place at this address, a directory or a URL. Raises: ExtraMissingError, PlaceError."""
        with with_extra():
            from services.archive.place import FilePlace
        self._place = FilePlace(url)
        self._folder = f"{quote(organization, safe='')}/{kind}"

    @property
    def address(self) -> str:
        """The folder's address, in one spelling for all spellings of the URL."""
        return self._place.full(self._folder)

    def newest(self) -> Watermark | None:
        """The watermark that the files reach; None if there are no files. Raises: PlaceAwayError."""
        marks = [
            Watermark.read(f"{match['generation']}-{int(match['until'])}{match['closed'] or ''}")
            for name in self._place.names(self._folder)
            if (match := _NAME.fullmatch(name))
        ]
        return max(marks, key=lambda mark: (mark.position, mark.closed is not None, mark.closed), default=None)

    def since(self, asked: Watermark | None) -> Watermark | None:
        """The watermark at which the next file begins; None: the beginning. Raises: GapError if `asked` is another one;
        PlaceAwayError.
        """
        newest = self.newest()
        if newest is not None and asked not in (None, newest):
            assert asked is not None
            raise GapError(folder=self._place.shown(self._folder), newest=newest.text, since=asked.text)
        return asked or newest

    @contextmanager
    def file_of(self, asked: Range, format: Format) -> Iterator[tuple[BinaryIO, str]]:
        """A file for this range, and its address; the file appears once the block has ended. Raises: PlaceAwayError."""
        since, until = asked
        closed = f"@{until.closed}" if until.closed else ""
        path = f"{self._folder}/{until.generation}-{since.position:018}-{until.position:018}{closed}.{format}"
        with self._place.draft(path) as file:
            yield cast("BinaryIO", file), self._place.shown(path)
