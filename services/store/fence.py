"""Nothing is appended to a store that was not compared with the log: each connection shows which store it reaches.

A Postgres that was restored, or failed over to a replica that was behind, looks like a restart to its clients. Until it
is compared anew, its connections are not used.
"""

import asyncio
from typing import Any

from services.failures import ExpectedFailure, Passing, Worded

#: Changes with each start of the server, with another database of the same name, and with a table filled anew.
IDENTITY = """
concat_ws('/', extract(epoch FROM pg_postmaster_start_time())::text,
    (SELECT oid FROM pg_database WHERE datname = current_database()), pg_relation_filenode(to_regclass('store.events')))
"""


class NotComparedError(Worded, ExpectedFailure, Passing):
    """Postgres was restarted or restored, and is being compared with the log; try again in a moment"""


class Fence:
    """Which store this process has found to go on from what is known; None: none yet, or no longer.

    `doubted` is set when a connection reaches another one.
    """

    def __init__(self) -> None:
        self.whole: str | None = None
        self.doubted = asyncio.Event()

    def compare_anew(self) -> None:
        """What was doubted is about to be compared."""
        self.doubted.clear()

    def compared(self, whole: str | None) -> None:
        """This store goes on from what is known; None: none does."""
        self.whole = whole

    asks = IDENTITY

    async def admit(self, connection: Any) -> None:
        """Before a new connection is used. Raises: NotComparedError."""
        self.check(await connection.fetchval(f"SELECT {IDENTITY}"))

    def check(self, identity: str) -> None:
        """Raises: NotComparedError, if this is another store than the one that was found whole."""
        if self.whole is None or identity != self.whole:
            self.doubted.set()
            raise NotComparedError
