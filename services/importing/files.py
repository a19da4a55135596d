"""A file of usage: its digest, its rows with the lines that they end on, and how far it is sent to an organization,
which is kept beside the file, so that who begins again goes on.
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
    """What tells a file from another, and how long it is."""

    digest: str
    lines: int


def size_of(path: Path) -> FileIdentity:
    """Read once, whole."""
    digest, lines = sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            lines += chunk.count(b"\n")
    return FileIdentity(digest.hexdigest(), lines)


def rows_of(path: Path, layout: Layout) -> Iterator[tuple[int, dict[str, Any] | ValueError]]:
    """Each row with its line, or the error that says why it is no
    row. Raises: UnmappedColumnError and others that concern the whole file."""
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
    """The line up to which all rows of a file with this digest have been answered."""

    def __init__(self, path: Path, digest: str, organization: str) -> None:
        self._path, self._beside = path, path.with_name(path.name + SUFFIX)
        self._digest, self._organization = digest, organization
        self.line = 0

    def go_on(self) -> None:
        """From where the file was left. Raises: FileChangedError."""
        before = self._kept().get(self._organization)
        if before is not None and before["digest"] != self._digest:
            raise FileChangedError(path=self._path, line=before["line"])
        self.line = 0 if before is None else before["line"]

    def reach(self, line: int) -> None:
        """Keep it, whole or not at all."""
        draft = self._beside.with_name(self._beside.name + ".draft")
        draft.write_text(json.dumps(self._kept() | {self._organization: {"digest": self._digest, "line": line}}))
        draft.rename(self._beside)
        self.line = line

    def _kept(self) -> dict[str, Any]:
        """What stands beside the file: digest and line of each organization that it was sent to."""
        try:
            positions: dict[str, Any] = json.loads(self._beside.read_text())
        except FileNotFoundError:
            return {}
        return positions
