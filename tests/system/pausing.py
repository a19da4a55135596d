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
    for process in paused:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in paused:
            process.send_signal(signal.SIGCONT)
