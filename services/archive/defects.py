"""The errors of archiving and restoring. The docstring of each `Worded` class is the message that people read."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.failures import ExpectedFailure, Passing, Worded

#: The packages that `pip install 'trueup[archive]'` adds.
_PACKAGES = {"fsspec", "pyarrow"}


class ExtraMissingError(Worded, ExpectedFailure):
    """files of archives and exports need a package that is not here ({package}): `pip install 'trueup[archive]'`"""


class NoArchiveError(Worded, ExpectedFailure):
    """{url} holds no archive"""


class PlaceError(Worded, ExpectedFailure):
    """{url} cannot be reached: {cause}"""


class PlaceAwayError(Worded, ExpectedFailure, Passing):
    """{path} could not be {done}: {cause}"""

    def __init__(self, path: str, done: str, cause: BaseException) -> None:
        super().__init__(path=path, done=done, cause=f"{type(cause).__name__}: {cause}".removesuffix(": "))


class BrokenArchiveError(Worded, ExpectedFailure):
    """{path} {what}"""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(path=path, what=what)


class AnotherTopicError(Worded, ExpectedFailure):
    """{topic}/{partition} is not the one that is archived here: {what}. Give another directory, and keep this one: what
    it holds stands nowhere else
    """

    def __init__(self, topic: str, partition: int, what: str) -> None:
        super().__init__(topic=topic, partition=partition, what=what)


class AnotherArchiverError(Worded, ExpectedFailure):
    """{path} was changed meanwhile: another `trueup archive` is at work there. Nothing is lost, and the other one goes
    on; let one alone write it
    """


class PartitionsDifferError(Worded, ExpectedFailure):
    """{topic} has {found} partitions, but was archived with {wanted}: an account's partition is for life; give a topic
    of as many, or none
    """


class NotEmptyError(Worded, ExpectedFailure):
    """{topic}/{partition} holds other records than the archive (at offset {offset}): an archive is restored into topics
    that are empty, or that an earlier `trueup restore` has begun to fill. Stop whoever writes there, delete the topic
    and run this again
    """

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        super().__init__(topic=topic, partition=partition, offset=offset)


class StampedError(Worded, ExpectedFailure):
    """{topic}/{partition}: Kafka gave what was restored times of its own, or somebody else writes there. Usage counts
    when it arrived, and records are known again by their time: delete the topic, see that its message.timestamp.type
    may be set to CreateTime, and run this again
    """


@contextmanager
def with_extra() -> Iterator[None]:
    """A block that imports packages of the extra `archive`. Raises: ExtraMissingError if one is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _PACKAGES:
            raise
        raise ExtraMissingError(package=package) from error
