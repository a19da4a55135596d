"""A fence against a store that was not compared with the log: every connection shows which store it reaches.

To its clients, a Postgres that was restored, or that failed over to a lagging replica, looks like a restart. Its
connections are not used until the store is compared again.
"""

import asyncio
from typing import Any

from services.failures import ExpectedFailure, Passing, Worded

#: Changes with each start of the server, with another database of the same name, and with a refilled table.
IDENTITY = """
concat_ws('/', extract(epoch FROM pg_postmaster_start_time())::text,
    (SELECT oid FROM pg_database WHERE datname = current_database()), pg_relation_filenode(to_regclass('store.events')))
"""


class NotComparedError(Worded, ExpectedFailure, Passing):
    """Postgres was restarted or restored, and is being compared with the log; try again in a moment"""


class Fence:
    """The store that this process has found to continue the known history; None: none yet, or no longer.

    `doubted` is set when a connection reaches another store.
    """

    def __init__(self) -> None:
        self.whole: str | None = None
        self.doubted = asyncio.Event()

    def compare_anew(self) -> None:
        """Note that the doubted store is about to be compared."""
        self.doubted.clear()

    def compared(self, whole: str | None) -> None:
        """Note that this store continues the known history; None: no store does."""
        self.whole = whole

    asks = IDENTITY

    async def admit(self, connection: Any) -> None:
        """Check a new connection before it is used. Raises: NotComparedError."""
        self.check(await connection.fetchval(f"SELECT {IDENTITY}"))

    def check(self, identity: str) -> None:
        """Raises: NotComparedError, if this is not the store that was found complete."""
        if self.whole is None or identity != self.whole:
            self.doubted.set()
            raise NotComparedError
