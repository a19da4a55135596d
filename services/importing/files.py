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

from services.failures import ExpectedFailure, Worded
from services.importing.layout import Layout

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


class ImportPosition:
    """How far a file was sent to an organization. `line`: all rows up to this one have been answered; 0 at first.

    `digest`: the file's SHA-256, by which a change of the file is noticed.
    """

    def __init__(self, path: Path, digest: str, organization: str) -> None:
        self._path, self._beside = path, path.with_name(path.name + SUFFIX)
        self._digest, self._organization = digest, organization
        self.line = 0

    def go_on(self) -> None:
        """Set `line` to where an earlier run stopped. Raises: FileChangedError if the file is another one by now."""
        before = self._kept().get(self._organization)
        if before is not None and before["digest"] != self._digest:
            raise FileChangedError(path=self._path, line=before["line"])
        self.line = 0 if before is None else before["line"]

    def reach(self, line: int) -> None:
        """Set `line`, and write it to disk by a rename, so that a kill leaves the old or the new position."""
        draft = self._beside.with_name(self._beside.name + ".draft")
        draft.write_text(json.dumps(self._kept() | {self._organization: {"digest": self._digest, "line": line}}))
        draft.rename(self._beside)
        self.line = line

    def _kept(self) -> dict[str, Any]:
        """The content of the file of positions: digest and line for each organization."""
        try:
            positions: dict[str, Any] = json.loads(self._beside.read_text())
        except FileNotFoundError:
            return {}
        return positions
