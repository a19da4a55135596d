"""A second Postgres that follows the first, and may take its place."""

import asyncio
from pathlib import Path

import asyncpg

from services.run.stack.child import Command, run_to_end
from services.run.stack.postgres import START_SECONDS, EmbeddedPostgres, binaries

#: Postgres acknowledges what both have.
_BOTH = "ALTER SYSTEM SET synchronous_standby_names = '*'"


class StandbyPostgres(EmbeddedPostgres):
    """It copies the primary when it is first started."""

    def __init__(self, folder: Path, primary: EmbeddedPostgres) -> None:
        super().__init__(folder)
        self._primary = primary

    async def _initialise(self) -> None:
        argv = [str(binaries() / "pg_basebackup"), "-h", str(self._primary._socket), "-U", "trueup"]
        argv += ["-D", str(self._data), "-R", "-X", "stream", "--checkpoint=fast"]
        await run_to_end(Command("pg_basebackup", argv, None, self._output, owner=self._owner), START_SECONDS)

    async def _ensure_database(self) -> None:
        """It has what the primary has."""

    async def promote(self) -> None:
        """From now on it takes writes, and waits for no other."""
        connection = await asyncpg.connect(self._url("postgres"))
        try:
            assert await connection.fetchval("SELECT pg_promote()")
        finally:
            await connection.close()


class Pair:
    """A primary and its standby. `url` names both, the standby first."""

    def __init__(self, folder: Path) -> None:
        self.primary = EmbeddedPostgres(folder / "primary")
        self.standby = StandbyPostgres(folder / "standby", self.primary)
        self._failed_over = False

    async def start(self) -> None:
        url = await self.primary.start()
        await self.standby.start()
        connection = await asyncpg.connect(url)
        try:
            async with asyncio.timeout(30):
                while not await connection.fetchval("SELECT count(*) FROM pg_stat_replication"):
                    await asyncio.sleep(0.1)
            await connection.execute(_BOTH)
            await connection.execute("SELECT pg_reload_conf()")
        finally:
            await connection.close()

    async def stop(self) -> None:
        await asyncio.gather(self.standby.stop(), self.primary.stop())

    @property
    def writing_url(self) -> str:
        """Of the one that takes writes."""
        return (self.standby if self._failed_over else self.primary)._url("trueup")

    async def fail_over(self) -> None:
        """The primary dies as in a power cut, and the standby takes its place."""
        await self.primary.kill()
        await self.standby.promote()
        self._failed_over = True

    @property
    def url(self) -> str:
        return f"postgresql://trueup@/trueup?host={self.standby._socket},{self.primary._socket}"
