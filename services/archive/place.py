"""A folder, or a place in an object store, whose files appear whole or not at all."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import RawIOBase
from typing import IO, Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from services.archive.defects import PlaceAwayError, PlaceError

_PART = ".part"


class FilePlace:
    """Files by their path below a URL. All calls block. Raises, all of them: PlaceAwayError.

    Several may write there, each by a FilePlace of its own.
    """

    def __init__(self, url: str) -> None:
        """Raises: PlaceError."""
        self.url = url.rstrip("/")
        try:
            self._fs, self._root = url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise PlaceError(url=url, cause=error) from error
        self._is_local = isinstance(self._fs, LocalFileSystem)
        #: Two that write the same file write no part together.
        self._writer = secrets.token_hex(8)

    def shown(self, path: str) -> str:
        """The path as a person may look for it."""
        return f"{self.url}/{path}"

    def read(self, path: str) -> bytes | None:
        """The whole file; None if there is none."""
        with self._errors(path, "read"):
            try:
                return bytes(self._fs.cat_file(self._full(path)))
            except FileNotFoundError:
                return None

    def write(self, path: str, content: bytes, part: str = "") -> None:
        """Put a file there, whole, or in the place of another one. A kill leaves at most a part under another name:
        the file's name, what is given as `part`, and who wrote it.
        """
        with self.draft(path, part) as file:
            file.write(content)

    @contextmanager
    def draft(self, path: str, part: str = "") -> Iterator["Draft"]:
        """A file that is written piece by piece, and is there, whole, at the end of the block; as `write` has it. What
        is left by an error never is.
        """
        full = self._full(path)
        begun = f"{full}{part}.{self._writer}{_PART}"
        with self._errors(path, "written"):
            if self._is_local:
                _make_folder(os.path.dirname(full))
            file = self._fs.open(begun, "wb")
        try:
            yield Draft(file, lambda: self._errors(path, "written"))
        except BaseException:
            with suppress(Exception):  # what went wrong first is what is told
                file.close()
                self._fs.rm_file(begun)
            raise
        with self._errors(path, "written"):
            if self._is_local:  # a power cut must not leave a name with nothing behind it
                file.flush()
                os.fsync(file.fileno())
            file.close()
            self._fs.mv(begun, full)
            if self._is_local:  # nor the old name, when what stood there is removed next
                _sync_folder(os.path.dirname(full))

    def reading(self, path: str) -> IO[bytes] | None:
        """The file, to be read piece by piece and closed; None if there is none."""
        with self._errors(path, "read"):
            try:
                opened: IO[bytes] = self._fs.open(self._full(path), "rb")
                return opened
            except FileNotFoundError:
                return None

    def remove(self, path: str) -> None:
        """Let go of a file, if it is there."""
        with self._errors(path, "removed"):
            try:
                self._fs.rm_file(self._full(path))
            except FileNotFoundError:
                return

    def names(self, path: str) -> list[str]:
        """Names of the files and folders in a folder, sorted; none if it is not there."""
        with self._errors(path, "listed"):
            self._fs.invalidate_cache()
            try:
                paths = self._fs.ls(self._full(path), detail=False)
            except FileNotFoundError:
                return []
            return sorted(path.rstrip("/").rpartition("/")[2] for path in paths)

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"

    @contextmanager
    def _errors(self, path: str, done: str) -> Iterator[None]:
        """Drivers raise of their own what they like: whatever it is, the file could not be had."""
        try:
            yield
        except Exception as error:
            raise PlaceAwayError(self.shown(path), done, error) from error


class Draft(RawIOBase):
    """What stands in a file that is being written, for whoever writes to a file of Python's. Raises: PlaceAwayError."""

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
    """A folder that a power cut does not take away, nor those that it stands in."""
    above = os.path.dirname(folder)
    if folder == above or os.path.isdir(folder):
        return
    _make_folder(above)
    os.makedirs(folder, exist_ok=True)
    _sync_folder(above)


def _sync_folder(folder: str) -> None:
    """The names in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
