"""What can go wrong with the stack. Each message is whole: print it without a traceback."""

from pathlib import Path

from services.failures import ExpectedFailure, Passing, Worded


class StackError(ExpectedFailure):
    """A part of the stack could not be started, reached or restarted; the message says which and what was tried."""


class NoAnswer(StackError, Passing):
    """A server does not answer, and nothing says that it never will."""


class NotLetIn(StackError):
    """A server answers, and does not let us in or is not to be trusted: to ask again mends nothing."""


class HomeInUse(Worded, StackError):
    """TRUEUP_HOME {home} is in use by {holder}; stop it, or choose another TRUEUP_HOME"""

    def __init__(self, home: Path, pid: int | None) -> None:
        self.pid = pid
        holder = f"process {pid}" if pid else "another process"
        super().__init__(home=home, holder=holder)


class NotOurs(Worded, StackError):
    """{part} was given by its address, so it is not ours to restart or kill"""

    def __init__(self, part: str) -> None:
        super().__init__(part=part)
