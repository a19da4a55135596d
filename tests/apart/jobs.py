"""Work that other processes can do: it stands in a module that they can import."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from services.apart.claims import PartLostError
from services.apart.work import Progress, Servers
from services.failures import ExpectedFailure, Passing
from services.kafka import Cluster

#: For work that connects to nothing.
NOWHERE = Servers("postgresql://nobody@127.0.0.1:1/none", None, Cluster("nowhere:1"))


@dataclass(frozen=True)
class Sum:
    """A job of a test: so many records."""

    records: int


@dataclass(frozen=True)
class Tripled:
    """Work that counts."""

    async def run(self, job: Sum, servers: Servers, progress: Progress) -> tuple[int, int]:
        for _ in range(job.records):
            progress(1)
        return job.records * 3, os.getpid()


@dataclass(frozen=True)
class Fails:
    """Work of which one job fails while the others would take for ever."""

    passes: bool

    async def run(self, job: Sum, servers: Servers, progress: Progress) -> None:
        if job.records == 1:
            raise (Passing if self.passes else ExpectedFailure)("the log is newer")
        await asyncio.sleep(3600)


@dataclass(frozen=True)
class Waits:
    """Work that writes down its process, and takes for ever."""

    folder: Path

    async def run(self, job: Sum, servers: Servers, progress: Progress) -> None:
        (self.folder / str(os.getpid())).touch()
        await asyncio.sleep(3600)


@dataclass(frozen=True)
class Loses:
    """Work that says after a while that its part is another's."""

    async def run(self, job: Sum, servers: Servers, progress: Progress) -> None:
        await asyncio.sleep(0.3)
        raise PartLostError
