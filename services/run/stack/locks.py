"""Locks between processes, by file, and the lock of a TRUEUP_HOME.

`flock` belongs to the open file: it is released when the last process that has the file open ends, however that ends.
The home's lock is passed on to the watch of each child, so it stays held until the children of a killed parent ended.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

from services.run.stack.faults import HomeInUse, StackError

LOOK_SECONDS = 0.1
#: How long a start waits for the children of a holder that has died; longer than their grace periods.
ENDING_SECONDS = 30.0


class FileLock:
    """An exclusive lock on a file. Whoever takes the lock writes its pid into the file, as text."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it, without waiting; returns whether it was taken."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, str(os.getpid()).encode(), 0)
        return True

    def holder(self) -> int | None:
        """The pid written by whoever took the lock last; None if it cannot be read."""
        text = os.pread(self.fd, 32, 0).decode(errors="replace").strip()
        return int(text) if text.isdigit() else None

    def close(self) -> None:
        """Release the lock in this process."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


async def hold_home(home: Path) -> FileLock:
    """Take the lock of a home; it is held until `close`, or until this process and its children have ended.

    Raises: HomeInUse: at once if the holder lives, after a while if the holder has died and its children do not end;
    StackError if the folder cannot be used.
    """
    try:
        lock = FileLock(home / "lock")
    except OSError as error:
        raise StackError(f"TRUEUP_HOME {home} cannot be used: {error.strerror or error}") from None
    try:
        async with asyncio.timeout(ENDING_SECONDS):
            while not lock.try_acquire():
                if (pid := lock.holder()) is not None and _alive(pid):
                    raise HomeInUse(home, pid)
                await asyncio.sleep(LOOK_SECONDS)
    except (TimeoutError, HomeInUse, OSError, asyncio.CancelledError) as error:
        pid = lock.holder()
        lock.close()
        if isinstance(error, TimeoutError):
            raise HomeInUse(home, pid) from None
        if isinstance(error, OSError):  # a full disk, above all
            raise StackError(f"TRUEUP_HOME {home} cannot be used: {error.strerror or error}") from None
        raise
    return lock


@contextlib.asynccontextmanager
async def exclusive(path: Path, timeout_seconds: float) -> AsyncIterator[None]:
    """Hold the lock at `path` during the block; others wait their turn. Raises: StackError after the timeout."""
    lock = FileLock(path)
    try:
        try:
            async with asyncio.timeout(timeout_seconds):
                while not lock.try_acquire():
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise StackError(f"waited {timeout_seconds:.0f} s for {path}, held by process {lock.holder()}") from None
        yield
    finally:
        lock.close()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
