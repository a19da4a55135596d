"""Commands before usage: what a client was told before it sent usage is known before that usage is judged.

A publisher that creates a meter, waits for the 200 and then sends usage must never see it refused as "unknown meter".
So each poll, *after* its records were fetched, asks the event store how far it is. Any command acknowledged before one
of these records was sent is at or below that position. If it moved, the worker waits until the relay has carried it
to Kafka, and folds `billing.catalog` to its end (decision 10). Nothing is judged while that is not so.
"""

import asyncio

import structlog

from services.continuity.breaks import StoreWentBackError
from services.failures import Passing
from services.ingest.catalogs import CatalogFollower, Catalogs
from services.postgres import Postgres
from services.store.events import head, relayed

#: Longest wait for the relay in one attempt: below a rebalance's 60 s, because a poll holds up revocation.
RELAY_WAIT_S = 20.0
_STEP_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
log = structlog.get_logger(__name__)


class RelayBehindError(Passing):
    """The relay stands at {relayed} of the event store's {head} since {seconds} s; usage waits. Is it running?"""

    def __init__(self, at: int, wanted: int, seconds: float) -> None:
        super().__init__(
            f"the relay stands at {at} of the event store's {wanted} since {seconds:.0f} s; usage waits. Is it running?"
        )


class CommandGate:
    """Keeps `catalogs` at least as new as the event store was at the last `pass_`."""

    def __init__(self, postgres: Postgres, follower: CatalogFollower) -> None:
        self._postgres = postgres
        self._follower = follower
        self._known = -1
        self.catalogs = Catalogs(follower)

    async def pass_(self) -> bool:
        """Wait until every command up to now is known here. Returns whether charges may have changed.

        Raises: RelayBehindError, PostgresUnreachableError, KafkaUnreachableError; to be tried again, nothing is lost.
        StoreWentBackError, over which nothing is rated.
        """
        async with self._postgres.connection() as connection:
            newest = await head(connection)
        if newest < self._known:
            raise StoreWentBackError(self._known, newest, "this ingest worker")
        if newest == self._known:
            return False
        await self._wait_for_relay(newest)
        changed = self.catalogs.changed(await self._follower.catch_up())
        self._known = newest
        return changed

    async def _wait_for_relay(self, wanted: int) -> None:
        started, step = asyncio.get_running_loop().time(), 0
        while (at := await self._relayed()) < wanted:
            waited = asyncio.get_running_loop().time() - started
            if waited > RELAY_WAIT_S:
                raise RelayBehindError(at, wanted, waited)
            await asyncio.sleep(_STEP_S[min(step, len(_STEP_S) - 1)])
            step += 1

    async def _relayed(self) -> int:
        async with self._postgres.connection() as connection:
            return await relayed(connection)
