"""The errors of starting and reaching Kafka and Postgres. Each message is to be printed without a traceback."""

from pathlib import Path

from services.failures import ExpectedFailure, Passing, Worded


class StackError(ExpectedFailure):
    """Kafka or Postgres could not be started, reached or restarted; the message says which, and what was tried."""


class NoAnswer(StackError, Passing):
    """A server does not answer now, but may answer later."""


class NotLetIn(StackError):
    """A server refuses our login, or its certificate is not trusted. Trying again does not help."""


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
