"""What goes wrong outside the program: what a person can mend, and what passes by itself."""

from typing import ClassVar


class Worded(Exception):
    """A failure whose class's docstring is its message, with `{names}` for the values that it is made with.

    So the text stands once. What the failure means is said by what else it is: a refusal, an ExpectedFailure.
    """

    def __init__(self, **values: object) -> None:
        self.values = values
        super().__init__(" ".join((type(self).__doc__ or "").split()).format(**values))


class ExpectedFailure(Exception):
    """Something outside the program is wrong; the message says what, where, and what was tried.

    The message is whole, so it is printed without a traceback.
    """


class AddressedFailure(Worded, ExpectedFailure):
    """One whose message says where a server of ours stands: that is for our log, and for who operates it."""

    #: What everybody else is told: which server it is, and not where.
    outside: ClassVar[str]


def outside_of(error: BaseException) -> str:
    """The part of a failure's message that anybody may read."""
    return error.outside if isinstance(error, AddressedFailure) else str(error)


class Passing(Exception):
    """A server is away, or another process is behind. Whatever was in memory or on the way is dropped and begun anew.

    This is the one thing that a worker survives. The rooms of Postgres and Kafka raise it for whatever a connection
    raises, so nobody else needs to know what that may be; all else is a bug or a broken log, and ends the process.
    """


class BeginAnewError(Passing):
    """What a worker began from holds no more: it gives up all it has and begins as if it had just been started."""
