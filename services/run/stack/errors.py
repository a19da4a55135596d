"""What can go wrong with the stack. Each message is whole: print it without a traceback."""

from pathlib import Path

from services.failures import ExpectedFailure


class StackError(ExpectedFailure):
    """A part of the stack could not be started, reached or restarted; the message says which and what was tried."""


class HomeInUse(StackError):
    """Another process holds this TRUEUP_HOME."""

    def __init__(self, home: Path, pid: int | None) -> None:
        self.pid = pid
        holder = f"process {pid}" if pid else "another process"
        super().__init__(f"TRUEUP_HOME {home} is in use by {holder}; stop it, or choose another TRUEUP_HOME")


class NotOurs(StackError):
    """Asked to restart or kill a part that was given by its address."""

    def __init__(self, part: str) -> None:
        super().__init__(f"{part} was given by its address, so it is not ours to restart or kill")
