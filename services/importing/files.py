"""A file of usage: its digest, its rows with the lines on which they end, and how far it was sent to an organization.

That position is kept in a second file beside the first, so that a run that is begun again goes on.
"""

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from services.failures import ExpectedFailure, Worded
from services.importing.layout import Layout
from services.whole_file import write_whole

_CHUNK = 1024 * 1024
FORMATS = (".csv", ".jsonl")


class UnknownFormatError(Worded, ExpectedFailure):
    """{path} must end in .csv or .jsonl"""


class NoHeaderError(Worded, ExpectedFailure):
    """{path} has no first line with the names of its columns"""


class BrokenHeaderError(Worded, ExpectedFailure):
    """the first line of {path} must be CSV: {cause}"""


class FileIdentity(NamedTuple):
    """A file's SHA-256, in hex, and its number of line ends."""

    digest: str
    lines: int


def size_of(path: Path) -> FileIdentity:
    """The digest and size of a file, which is read whole."""
    digest, lines = sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            lines += chunk.count(b"\n")
    return FileIdentity(digest.hexdigest(), lines)


def rows_of(path: Path, layout: Layout) -> Iterator[tuple[int, dict[str, Any] | ValueError]]:
    """Each row with the line on which it ends: columns or JSON members by name, or an error if it cannot be read.

    Raises, for the whole file: UnknownFormatError, NoHeaderError, BrokenHeaderError, UnmappedColumnError.
    """
    match path.suffix.lower():
        case ".csv":
            return _csv_rows(path, layout)
        case ".jsonl":
            return _jsonl_rows(path)
        case _:
            raise UnknownFormatError(path=path)


def _csv_rows(path: Path, layout: Layout) -> Iterator[tuple[int, dict[str, Any] | ValueError]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            columns = next(reader, [])
        except csv.Error as error:
            raise BrokenHeaderError(path=path, cause=error) from error
        if not columns:
            raise NoHeaderError(path=path)
        for column in columns:
            layout.field_of(column)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, ValueError(f"must be CSV: {error}")
                continue
            if not cells:
                continue
            if len(cells) != len(columns):
                yield reader.line_num, ValueError(f"must have {len(columns)} cells, not {len(cells)}")
            else:
                yield reader.line_num, dict(zip(columns, cells, strict=True))


def _jsonl_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | ValueError]]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        for line, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                row = json.loads(text, parse_float=Decimal)
            except (ValueError, RecursionError) as error:
                yield line, ValueError(f"must be JSON: {error}")
            else:
                yield line, row if isinstance(row, dict) else ValueError("must be a JSON object")


SUFFIX = ".imported.json"


class FileChangedError(Worded, ExpectedFailure):
    """{path} has changed since its lines to {line} were sent: what has no uid of its own would count again. Put lines
    that are new or mended into a file of their own, or send all of this one with --from-start
    """


class SentElsewhereError(Worded, ExpectedFailure):
    """the lines of {path} to {line} were sent to {there}, and not to {here}: give that address to go on there, or send
    all of the file here with --from-start; what one system has had within 35 days counts once
    """


class DamagedPositionError(Worded, ExpectedFailure):
    """{beside}, which says how far {path} was sent, is damaged. Delete it: then all of the file is sent again, and what
    was sent within 35 days counts once
    """


class UnkeptPositionError(Worded, ExpectedFailure):
    """how far {path} was sent cannot be kept in {beside}: {why}. Its lines to {line} were sent; once that is mended,
    begin again: what is sent twice counts once
    """


class _Sent(msgspec.Struct):
    """How far a file was sent to an organization. `url`: of the API; None where an older version has written it."""

    digest: str
    line: int
    url: str | None = None


_POSITIONS = msgspec.json.Decoder(dict[str, _Sent])


class ImportPosition:
    """How far a file was sent to an organization of the API at `url`. `line`: all rows up to this one have been
    answered; 0 at first.

    `digest`: the file's SHA-256, by which a change of the file is noticed.
    """

    def __init__(self, path: Path, digest: str, organization: str, url: str) -> None:
        self._path, self._beside = path, path.with_name(path.name + SUFFIX)
        self._digest, self._organization, self._url = digest, organization, url
        self.line = 0

    def go_on(self) -> None:
        """Set `line` to where an earlier run stopped.

        Raises: FileChangedError if the file is another one by now; SentElsewhereError if it was sent to another
        address; DamagedPositionError.
        """
        before = self._kept().get(self._organization)
        if before is None:
            return
        if before.digest != self._digest:
            raise FileChangedError(path=self._path, line=before.line)
        if before.url not in (None, self._url):
            raise SentElsewhereError(path=self._path, line=before.line, there=before.url, here=self._url)
        self.line = before.line

    def reach(self, line: int) -> None:
        """Set `line`, and keep it, so that a kill leaves the old or the new position. Raises: UnkeptPositionError,
        DamagedPositionError.
        """
        positions = self._kept() | {self._organization: _Sent(self._digest, line, self._url)}
        try:
            write_whole(self._beside, msgspec.json.encode(positions).decode())
        except OSError as error:
            raise UnkeptPositionError(
                path=self._path, beside=self._beside, why=error.strerror or error, line=line
            ) from error
        self.line = line

    def _kept(self) -> dict[str, _Sent]:
        """The content of the file of positions, by organization. Raises: DamagedPositionError."""
        try:
            return _POSITIONS.decode(self._beside.read_bytes())
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError as error:
            raise DamagedPositionError(path=self._path, beside=self._beside) from error
