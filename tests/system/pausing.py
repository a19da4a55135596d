"""Processes that stand still for a while, as on a machine that is paused, and go on as if nothing had been."""

import contextlib
import signal
from collections.abc import Iterable, Iterator

import psutil


@contextlib.contextmanager
def standing_still(pids: Iterable[int]) -> Iterator[None]:
    """These processes, and all that run because of them, do nothing for the length of the block."""
    heads = [psutil.Process(pid) for pid in pids]
    paused = [process for head in heads for process in (head, *head.children(recursive=True))]
    _signal(paused, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(paused, signal.SIGCONT)


def _signal(processes: Iterable[psutil.Process], number: int) -> None:
    for process in processes:
        # A session of Postgres may have ended since it was found.
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
