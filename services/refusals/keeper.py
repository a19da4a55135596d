"""Fills the list of refused usage from `usage.rejected`, in the background of an ingest worker, which wakes it.

It belongs to no group and owns no partition: any awakened keeper lists all new records, and of two concurrent ones the
position turns one away. Records of a killed worker, which woke no keeper, are listed when the next keeper starts.
"""

import asyncio

from events.topics import USAGE_REJECTED
from services.concurrency import heed_cancellation
from services.failures import Passing
from services.kafka import Cluster, LogReader
from services.outage import Outage
from services.postgres import Postgres
from services.refusals.refused_usage import ListedElsewhereError, forget_old, positions, put
from services.refusals.rejected_record import row_of

#: Rows of one transaction, and the pause between two looks, so that many refusals are listed together.
_AT_ONCE, _PAUSE_S = 2_000, 0.2


class RefusalKeeper:
    """`run` beside a worker; call `wake` after every refusal."""

    def __init__(self, postgres: Postgres, cluster: Cluster, partitions: int) -> None:
        self._postgres, self._cluster, self._partitions = postgres, cluster, partitions
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Wake the keeper, because the topic may have new records."""
        self._woken.set()

    async def run(self) -> None:
        """Run until cancelled; temporary failures are waited out."""
        outage = Outage("refusals_not_listed")
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self.catch_up()
                heed_cancellation()  # opening or closing a reader may have swallowed it
                outage.over()
                await asyncio.sleep(_PAUSE_S)
            except ListedElsewhereError:
                heed_cancellation()
                self._woken.set()  # the faster keeper may have looked before the last record came
                await asyncio.sleep(_PAUSE_S)
            except Passing as error:
                heed_cancellation()
                self._woken.set()
                await asyncio.sleep(outage.met(error))

    async def catch_up(self) -> None:
        """List everything in the topic now. Raises: ListedElsewhereError and temporary failures."""
        async with self._postgres.connection() as connection:
            listed_to = await positions(connection)
            await forget_old(connection)
        async with LogReader(self._cluster) as reader:
            begins = await reader.beginning_offsets(USAGE_REJECTED, range(self._partitions))
            ends = await reader.end_offsets(USAGE_REJECTED, range(self._partitions))
            for partition, end in ends.items():
                await self._list(reader, partition, listed_to.get(partition), begins[partition], end)

    async def _list(self, reader: LogReader, partition: int, listed_to: int | None, begin: int, end: int) -> None:
        # A topic that was made anew ends before the position; expiry moves the topic's beginning.
        start = begin if listed_to is None or not begin <= listed_to <= end else listed_to
        async for records in reader.read(USAGE_REJECTED, partition, start, end, max_records=_AT_ONCE):
            rows = [row for record in records if (row := row_of(record, partition)) is not None]
            reached = records[-1].offset + 1
            async with self._postgres.transaction() as connection:
                await put(connection, rows, partition, listed_to, reached)
            listed_to = reached
