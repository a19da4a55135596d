"""A real PgBouncer that pools by transaction, with few connections of its own, so that clients share them all the time.

Tests that need it are skipped where it is not installed, and say so.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.postgres import reach
from services.run.stack.child import Child, Command, log_tail
from services.run.stack.postgres import server_owner
from services.run.stack.probe import free_ports

BINARY = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/bin:/usr/bin")
needs_it = pytest.mark.skipif(BINARY is None, reason="needs PgBouncer (Debian's package pgbouncer)")
_CONFIG = """
[databases]
trueup = host={socket} port=5432 user=trueup dbname=trueup
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 200
"""


class PgBouncer:
    """Before the Postgres whose socket is in this folder."""

    def __init__(self, folder: Path, socket: Path, mode: str, size: int) -> None:
        self._folder = folder
        self.port = free_ports(1)[0]
        self._config, self._log = folder / "pgbouncer.ini", folder / "pgbouncer.log"
        self._config.write_text(_CONFIG.format(socket=socket, port=self.port, mode=mode, size=size))
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"postgresql://trueup@127.0.0.1:{self.port}/trueup?sslmode=disable"

    async def start(self) -> None:
        assert BINARY is not None
        argv = [BINARY, str(self._config)]
        self._child = Child(Command("PgBouncer", argv, None, self._log, owner=server_owner()))
        async with asyncio.timeout(20):
            while True:
                try:
                    connection = await reach(self.url, timeout=2, statement_cache_size=0)
                    await connection.close()
                    return
                except OSError:
                    assert self._child.returncode is None, log_tail(self._log)
                    await asyncio.sleep(0.1)

    async def stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.kill()


@asynccontextmanager
async def bouncing(folder: Path, socket: Path, mode: str = "transaction", size: int = 2) -> AsyncIterator[PgBouncer]:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)  # it does not run as root
    found = PgBouncer(folder, socket, mode, size)
    try:
        await found.start()
        yield found
    finally:
        await found.stop()
