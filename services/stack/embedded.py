"""What Kafka and Postgres have in common as child processes: ended when asked, named when they end unasked."""

from services.stack.child import Child, log_tail


class EmbeddedPart:
    """A part that is one child process. Subclasses start it, and say its name."""

    name: str

    def __init__(self) -> None:
        self._child: Child | None = None

    async def stop(self) -> None:
        """Ends it cleanly."""
        child, self._child = self._child, None
        if child:
            await child.stop()

    async def kill(self) -> None:
        """Ends it as a crash would."""
        child, self._child = self._child, None
        if child:
            await child.kill()

    def fault(self) -> str | None:
        """What to tell if it ended by itself; None while it runs, and once it was asked to end."""
        if self._child is None or self._child.returncode is None:
            return None
        return f"{self.name} ended by itself with status {self._child.returncode}{log_tail(self._child.command.log)}"
