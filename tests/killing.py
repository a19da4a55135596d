"""What runs again and again, in forks of a process that has made all it needs, and is killed -9 at a line of its own.

A moment is a line's turn of the places that are looked at, in the order in which a run comes to them
(`tests/killed_at.py`); at 0 nothing is killed.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Protocol

from tests.forked import PROCESSES
from tests.killed_at import TURNS, Places, kill_at
from tests.modules import ROOT

#: For the length of it the lines of a run count.
Counted = Callable[[], AbstractContextManager[None]]
PATIENCE_S = 60.0


class Work(Protocol):
    """What a run does, by words of its own; what comes of it is a number."""

    def __call__(self, counted: Counted, /, *words: str) -> int: ...


class Run(Protocol):
    """A run, killed at the moment of this number: what came of it, or None if it was killed before that."""

    async def __call__(self, moment: int, /, *words: str) -> int | None: ...


def read_places(names: Sequence[str]) -> Places:
    """Places by their names: files of the repository, or `file:function,...`."""
    places = {}
    for name in names:
        file, _, functions = name.partition(":")
        places[str(ROOT / file)] = frozenset(functions.split(",")) - {""}
    return places


@asynccontextmanager
async def forks(
    prepare: Callable[..., Work], *arguments: str, places: Sequence[str], most_turns: int = TURNS
) -> AsyncIterator[Run]:
    """Runs of the work that `prepare` makes of the arguments, once, in a process of its own. `places`: where they are
    killed (see `read_places`). `most_turns`: a line in a loop is the same line after that."""
    ours, theirs = Pipe()
    told = (theirs, prepare, arguments, read_places(places), most_turns)
    process = PROCESSES.Process(target=_fork_each, args=told)
    await asyncio.to_thread(process.start)
    theirs.close()

    async def run(moment: int, /, *words: str) -> int | None:
        ours.send((moment, words))
        async with asyncio.timeout(PATIENCE_S):
            result: int | None = await asyncio.to_thread(ours.recv)
        return result

    try:
        yield run
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        ours.close()


def _fork_each(
    requests: Connection, prepare: Callable[..., Work], arguments: Sequence[str], places: Places, most_turns: int
) -> None:
    """Answer each request with what came of its run."""
    work = prepare(*arguments)
    while True:
        moment, words = requests.recv()
        read, write = os.pipe()
        if (child := os.fork()) == 0:
            os.write(write, str(work(_counting(moment, places, most_turns), *words)).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as results:
            result = results.read()
        _, status = os.waitpid(child, 0)
        assert status == 0 if result else os.WTERMSIG(status) == signal.SIGKILL, (status, result)
        requests.send(int(result) if result else None)


def _counting(moment: int, places: Places, most_turns: int) -> Counted:
    @contextmanager
    def counted() -> Iterator[None]:
        if moment:
            kill_at(moment, places, most_turns)
        yield
        sys.settrace(None)

    return counted
