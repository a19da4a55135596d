"""What Kafka and Postgres have in common as child processes: ended when asked, named when they end unasked."""

from abc import ABC, abstractmethod

from services.stack.child import Child, log_tail


class EmbeddedPart(ABC):
    """A part that is one child process. Subclasses start it, and say its name."""

    name: str

    def __init__(self) -> None:
        self._child: Child | None = None

    @abstractmethod
    async def start(self) -> str:
        """Starts it, returns its address once it answers. Raises: StackError; then nothing of it runs."""

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

    async def ended(self) -> str:
        """Waits until it ends by itself; returns how. Only while it runs and nobody is asked to end it."""
        assert self._child is not None, "ask once it has been started"
        status = await self._child.wait()
        return f"{self.name} ended by itself with status {status}{log_tail(self._child.command.log)}"
