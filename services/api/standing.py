"""Checks that store and log are complete. While they are not, the API reports the remedy and does nothing else.

It resumes by itself once the break is fixed, so the operator need not know of this process.
"""

import asyncio
from collections.abc import Callable

import structlog

from services.breaks import BreakError
from services.concurrency import unless_set
from services.continuity.guard import Guard
from services.failures import ExpectedFailure, Passing
from services.kafka import Cluster
from services.postgres import Role, connected
from services.store.fence import IDENTITY, Fence, NotComparedError
from services.store.generations import Generations, GenerationsMovedError, load_generations

#: Interval of checks while something is broken or away.
AGAIN_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Standing:
    """Compares store and log while the process runs. `moved` receives the generations that are valid from now on."""

    def __init__(self, database_url: str, cluster: Cluster, fence: Fence, moved: Callable[[Generations], None]) -> None:
        self._database_url, self._cluster, self._fence, self._moved = database_url, cluster, fence, moved
        self._guard: Guard | None = None
        self.broken: Exception | None = NotComparedError()
        #: The first comparison has ended, well or not.
        self.looked = asyncio.Event()

    @property
    def warnings(self) -> list[str]:
        """Findings that do not stop the API, in words."""
        return [] if self._guard is None else self._guard.warnings

    def require(self) -> None:
        """Check the state. Raises: the break."""
        if self.broken is not None:
            raise self.broken.with_traceback(None)

    async def watch(self) -> None:
        """Compare until cancelled."""
        while True:
            try:
                await self._watch_one()
            except GenerationsMovedError:
                pass
            except (ExpectedFailure, Passing) as error:
                self._note(error)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _watch_one(self) -> None:
        """Compare, and again whenever a connection reaches another store. Raises: a break, or a failure to reach a
        server.
        """
        self._fence.compare_anew()
        async with connected(self._database_url, Role.WATCH) as connection:
            identity = await connection.fetchval(f"SELECT {IDENTITY}")
            generations = await load_generations(connection)
        self._guard = Guard(self._cluster, lambda: connected(self._database_url, Role.WATCH), generations)
        await self._guard.check()
        self._found_whole(identity, generations)
        await unless_set(self._fence.doubted, self._guard.watch())

    def _found_whole(self, identity: str, generations: Generations) -> None:
        self._moved(generations)
        self._fence.compared(identity)
        if self.looked.is_set() and self.broken is not None:
            _log.info("whole_again", was=str(self.broken))
        self.broken = None
        self.looked.set()

    def _note(self, error: Exception) -> None:
        """Note the result. A store or log that is merely away was complete when last seen; its users report the
        failure, and new connections tell whether it is the same.
        """
        is_away = isinstance(error, Passing) and not isinstance(error, BreakError)
        if is_away and self._fence.whole is not None and self.broken is None:
            return
        if str(error) != str(self.broken):
            _log.error("broken", why=str(error))
        self._fence.compared(None)
        self.broken = error
        self.looked.set()
