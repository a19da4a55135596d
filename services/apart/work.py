"""What is done apart: a work, its jobs, where processes take them from, and how it fails."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

from pydantic import TypeAdapter

from services.apart.claims import Claim
from services.failures import ExpectedFailure, Passing, Worded
from services.kafka import Cluster
from services.postgres import Role

Progress = Callable[[int], None]


class Job(Protocol):
    """A part of the work, with its number of records."""

    @property
    def records(self) -> int: ...


J = TypeVar("J", bound=Job)
R = TypeVar("R")
J_contra = TypeVar("J_contra", bound=Job, contravariant=True)
J_co = TypeVar("J_co", bound=Job, covariant=True)
R_co = TypeVar("R_co", covariant=True)
R_contra = TypeVar("R_contra", contravariant=True)


class Servers(NamedTuple):
    """Where a process connects to, the role that it acts as in Postgres, and of a shared work its claim."""

    database_url: str
    role: Role | None
    cluster: Cluster
    claim: Claim | None = None

    def for_part(self, part: int) -> "Servers":
        """With the claim to this part."""
        return self if self.claim is None else self._replace(claim=self.claim._replace(part=part))


class Work(Protocol[J_contra, R_co]):
    """The work on each job. It and the jobs are sent to other processes, so they hold no connections."""

    async def run(self, job: J_contra, servers: Servers, progress: Progress, /) -> R_co:
        """Do one job; report to `progress` how many further records were folded."""
        ...


class Source(Protocol[J_co, R_contra]):
    """Where processes take their jobs from, and leave the results."""

    async def take(self) -> tuple[int, J_co] | None:
        """The number of a job that nobody has, and the job; None if there is none."""
        ...

    async def leave(self, number: int, result: R_contra) -> None:
        """Keep the result of a job."""
        ...


@dataclass(frozen=True, slots=True)
class Form(Generic[J, R]):
    """How works of one kind are written down for other machines.

    `goes_on`: whether somebody else can go on with a job where a machine that was lost has stopped. Otherwise the whole
    work fails.
    """

    kind: str
    work: TypeAdapter[Work[J, R]]
    job: TypeAdapter[J]
    result: TypeAdapter[R]
    goes_on: bool


class ProcessDiedError(Worded, ExpectedFailure):
    """a process that folded partitions was killed, or had no memory left; nothing that it filled is used"""


class FoldFailedError(ExpectedFailure):
    """A job failed in another process; the message is that of its failure."""


class FoldInterruptedError(FoldFailedError, Passing):
    """A job failed in another process from a temporary cause, such as a lost connection."""


class BrokenFoldError(Exception):
    """A bug or a broken log ended a job in another process; the message is its traceback."""
