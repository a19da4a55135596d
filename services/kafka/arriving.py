"""A group consumer's records as they come: waited for together with events, at no cost while nothing comes.

aiokafka's `getmany` waits for records or a time, not for an event, and must not be cut off: it would count as going on
for ever. So what it waits for is awaited here, and it is asked only for what is there.

On a busy topic the broker holds a fetch for a moment only, because a second one, for partitions whose records were
taken late, has to wait for the first. On a quiet one it holds it for long: it answers at once when a record comes, and
answers with nothing in them are what costs an idle broker and its consumers most.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.concurrency import first_of

#: How long the broker holds a fetch while records come, in milliseconds; the consumer is made with it.
BUSY_WAIT_MS = 50
#: The same once nothing has come for QUIET_S. A partition that is assigned anew waits for at most this long.
QUIET_WAIT_MS = 2_500
QUIET_S = 1.0
#: aiokafka looks this often whether there is something to fetch, beside all that wakes it for that.
LOOK_S = 10.0


def look_seldom(consumer: AIOKafkaConsumer) -> None:
    """Once it is started. aiokafka has no option for it, and looks five times a second."""
    consumer._fetcher._fetcher_timeout = LOOK_S


class Arrivals:
    """The records of a started consumer that was made with `fetch_max_wait_ms=BUSY_WAIT_MS`."""

    def __init__(self, consumer: AIOKafkaConsumer, max_records: int) -> None:
        self._consumer, self._max_records = consumer, max_records
        self._came_at = time.monotonic()
        look_seldom(consumer)

    async def next(
        self, seconds: float, *events: asyncio.Event, ends: "Sequence[asyncio.Future[Any]]" = ()
    ) -> Mapping[TopicPartition, Sequence[Any]]:
        """The next records; nothing if an event is set, one of `ends` is done or the time is over before any come.

        Nothing, too, where only ends of transactions came: the consumer's position tells.
        Raises: KafkaError; UnicodeDecodeError for a header's name, see `lenient`.
        """
        fetched = await self._there()
        if not fetched:
            await self._until_some_come(seconds, events, ends)
            fetched = await self._there()
        now = time.monotonic()
        if fetched:
            self._came_at = now
        self._consumer._fetcher._fetch_max_wait_ms = BUSY_WAIT_MS if now - self._came_at < QUIET_S else QUIET_WAIT_MS
        return fetched

    async def _there(self) -> dict[TopicPartition, Sequence[Any]]:
        found: dict[TopicPartition, Sequence[Any]] = await self._consumer.getmany(max_records=self._max_records)
        return found

    async def _until_some_come(
        self, seconds: float, events: Sequence[asyncio.Event], ends: "Sequence[asyncio.Future[Any]]"
    ) -> None:
        come = self._consumer._fetcher._create_fetch_waiter()
        try:
            await first_of(seconds, *events, futures=[come, *ends])
        finally:
            come.cancel()
        if not come.cancelled():
            come.result()  # an error of the group is raised here
