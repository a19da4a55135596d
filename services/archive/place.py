"""A folder, or a place in an object store, in which a file appears whole or not at all."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import RawIOBase
from typing import IO, Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from services.archive.defects import PlaceAwayError, PlaceError
from services.whole_file import sync_folder

_PART = ".part"


class FilePlace:
    """Files by their path below a URL: a folder, or an fsspec URL such as `s3://...`.

    Every call blocks, and raises PlaceAwayError if the place cannot be reached. Several processes may write there at
    once, each with a FilePlace of its own.
    """

    def __init__(self, url: str) -> None:
        """Raises: PlaceError if the URL is of no kind that the installed packages can open."""
        self.url = url.rstrip("/")
        try:
            self._fs, self._root = url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise PlaceError(url=url, cause=error) from error
        self._is_local = isinstance(self._fs, LocalFileSystem)
        #: In the name of each unfinished file, so that two writers of the same file never share one.
        self._writer = secrets.token_hex(8)

    def full(self, path: str) -> str:
        """The full path, in one spelling for all spellings of the URL: `./a/` and `a` are one folder."""
        return f"{self._root}/{path}"

    def shown(self, path: str) -> str:
        """The full path, for messages."""
        return f"{self.url}/{path}"

    def read(self, path: str) -> bytes | None:
        """The content of a file; None if there is no such file."""
        with self._errors(path, "read"):
            try:
                return bytes(self._fs.cat_file(self.full(path)))
            except FileNotFoundError:
                return None

    def write(self, path: str, content: bytes, part: str = "") -> None:
        """Write a file whole, replacing one of that name. A kill leaves at most an unfinished file under another name:
        the path, `part`, and an id of the writer.
        """
        with self.draft(path, part) as file:
            file.write(content)

    @contextmanager
    def draft(self, path: str, part: str = "") -> Iterator["Draft"]:
        """A file to be written bit by bit in the block; like `write`, it appears whole, at the end of the block. If the
        block raises, it never appears.
        """
        full = self.full(path)
        begun = f"{full}{part}.{self._writer}{_PART}"
        with self._errors(path, "written"):
            if self._is_local:
                _make_folder(os.path.dirname(full))
            file = self._fs.open(begun, "wb")
        try:
            yield Draft(file, lambda: self._errors(path, "written"))
            with self._errors(path, "written"):
                if self._is_local:  # a power cut must not leave the new name with empty content
                    file.flush()
                    os.fsync(file.fileno())
                file.close()
                self._fs.mv(begun, full)
                if self._is_local:  # nor bring the old file back once files that only it names are removed
                    sync_folder(os.path.dirname(full))
        except BaseException:
            for leave in (file.close, lambda: self._fs.rm_file(begun)):
                with suppress(Exception):  # the first error is the one to report
                    leave()
            raise

    def reading(self, path: str) -> IO[bytes] | None:
        """The open file, for the caller to read and close; None if there is no such file."""
        with self._errors(path, "read"):
            try:
                opened: IO[bytes] = self._fs.open(self.full(path), "rb")
                return opened
            except FileNotFoundError:
                return None

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        with self._errors(path, "removed"):
            try:
                self._fs.rm_file(self.full(path))
            except FileNotFoundError:
                return

    def names(self, path: str) -> list[str]:
        """Names of the files and folders in a folder, sorted; empty if the folder is not there."""
        with self._errors(path, "listed"):
            self._fs.invalidate_cache()
            try:
                paths = self._fs.ls(self.full(path), detail=False)
            except FileNotFoundError:
                return []
            return sorted(path.rstrip("/").rpartition("/")[2] for path in paths)

    @contextmanager
    def _errors(self, path: str, done: str) -> Iterator[None]:
        """Drivers of object stores raise errors of many kinds: all of them become PlaceAwayError."""
        try:
            yield
        except Exception as error:
            raise PlaceAwayError(self.shown(path), done, error) from error


class Draft(RawIOBase):
    """An unfinished file, as a Python file object to write to. `write` raises: PlaceAwayError."""

    def __init__(self, file: IO[bytes], errors: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__()
        self._file, self._errors = file, errors

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def write(self, content: Any) -> int:
        with self._errors():
            return self._file.write(content)


def _make_folder(folder: str) -> None:
    """Make a folder, and those above it, such that a power cut does not lose them."""
    above = os.path.dirname(folder)
    if folder == above or os.path.isdir(folder):
        return
    _make_folder(above)
    os.makedirs(folder, exist_ok=True)
    sync_folder(above)
