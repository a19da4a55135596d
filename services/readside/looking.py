"""The progress of everything in one query to Postgres: event store, relay, and live read models. Also the ends of
topics, asked of Kafka once for all concurrent callers.

While the live read models have another version, the progress of their replacement counts.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from events.topics import EVENTS, USAGE
from services.breaks import TopicMissingError
from services.kafka import Cluster, KafkaAdmin, KafkaUnreachableError, LogReader
from services.postgres import OwnConnection, Role, TablesMovedError
from services.readside.live import LIVE_NAME, Live, filling_schema, read_live
from services.shared_answers import SharedAnswer
from services.store.events import HEAD, RELAYED_TO
from services.store.generations import GENERATIONS, Generations, NotMigratedError, generations_of

#: The result has the name of the live schema: progress of any other schema does not count.
_LOOK = f"""
SELECT
    {LIVE_NAME} AS live,
    ({HEAD}) AS head,
    ({RELAYED_TO}) AS relayed,
    ({GENERATIONS}) AS generations,
    ({{positions}})::text AS positions,
    ({{due}}) AS due
"""
_POSITIONS = f"""
SELECT json_agg(json_build_array(partition, next_offset, catalog_offset, sequences))
FROM "{{schema}}".positions WHERE topic = '{EVENTS}'
"""
_DUE = 'SELECT count(*) FROM "{schema}".due_accounts'
#: Most attempts, because replays might swap schemas again and again.
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class FoldProgress:
    """How far the read models are folded, by partition of `billing.events`.

    `due`: for read models that are being filled, the number of families still to be settled, which is their last step.
    """

    next_offsets: Mapping[int, int]
    catalog_offsets: Mapping[int, int]
    sequences: Mapping[int, Mapping[str, int]]
    due: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """One look: the newest position of the event store, the position that Kafka has acknowledged, the read models.

    `outdated` are the live read models, if they have another version; `projected` is then the progress of their
    replacement.
    """

    head: int
    relayed: int
    projected: FoldProgress
    generations: Generations
    outdated: Live | None = None


class Looker:
    """Looks over a connection of its own, so that a look never waits for the pool."""

    def __init__(self, database_url: str) -> None:
        self._connection = OwnConnection(database_url, Role.WATCH)
        self._live: Live | None = None

    async def look(self) -> Seen:
        """The present progress of everything. Raises: PostgresUnreachableError, NotMigratedError."""
        async with self._connection.use() as connection:
            for _ in range(_ATTEMPTS):
                live = self._live = self._live or await _live(connection)
                row = await _row(connection, live)
                if not live.is_current or row is None or row["live"] != live.schema:
                    self._live = None
                if row is not None and row["live"] == live.schema:
                    return _seen(row, None if live.is_current else live)
        raise NotMigratedError

    def close(self) -> None:
        """Close the connection; no more looks follow."""
        self._connection.close()


async def _live(connection: Any) -> Live:
    try:
        return await read_live(connection)
    except TablesMovedError as error:
        raise NotMigratedError from error


async def _row(connection: Any, live: Live) -> Mapping[str, Any] | None:
    """The result row; None if the schema has been dropped meanwhile. Raises: NotMigratedError if the relay's row is
    gone, which `trueup migrate` names.
    """
    schema = live.schema if live.is_current else await filling_schema(connection, live)
    positions = "NULL" if schema is None else _POSITIONS.format(schema=schema)
    due = "0" if schema is None or live.is_current else _DUE.format(schema=schema)
    try:
        row: Mapping[str, Any] = await connection.fetchrow(_LOOK.format(positions=positions, due=due))
    except TablesMovedError:
        return None
    if row["relayed"] is None:
        raise NotMigratedError
    return row


def _seen(row: Mapping[str, Any], outdated: Live | None) -> Seen:
    positions = json.loads(row["positions"] or "[]")
    progress = FoldProgress(
        {partition: offset for partition, offset, _, _ in positions},
        {partition: offset for partition, _, offset, _ in positions},
        {partition: sequences for partition, _, _, sequences in positions},
        row["due"],
    )
    return Seen(row["head"], row["relayed"], progress, generations_of(row["generations"]), outdated)


#: How long Kafka may take to tell the end of a topic.
KAFKA_SECONDS = 10.0


class TopicEnds:
    """The ends of all partitions of a topic, including partitions added later; for `usage` the last stable offsets.

    The clients for these queries are kept until they fail.
    """

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._cluster, self._topic = cluster, topic
        self._clients = AsyncExitStack()
        self._open: tuple[KafkaAdmin, LogReader] | None = None
        self._shared = SharedAnswer(self._ask)

    async def get(self, seconds: float = KAFKA_SECONDS) -> dict[int, int]:
        """The next offset of each partition, read after the call began.

        Raises: KafkaUnreachableError, TopicMissingError.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._shared.get()
        except TimeoutError as error:
            raise KafkaUnreachableError(self._cluster, "no answer in time") from error

    async def _ask(self) -> dict[int, int]:
        try:
            async with asyncio.timeout(KAFKA_SECONDS):
                if self._open is None:
                    admin = await self._clients.enter_async_context(KafkaAdmin(self._cluster))
                    reader = LogReader(self._cluster, committed=self._topic == USAGE)
                    self._open = admin, await self._clients.enter_async_context(reader)
                admin, reader = self._open
                counts = await admin.partition_counts([self._topic])
                if self._topic not in counts:
                    raise TopicMissingError(self._cluster, self._topic)
                return await reader.end_offsets(self._topic, range(counts[self._topic]))
        except BaseException:
            await self._drop()
            raise

    async def _drop(self) -> None:
        """Drop the clients; the next query makes new ones."""
        self._open = None
        await self._clients.aclose()

    async def close(self) -> None:
        """Close the reader."""
        await self._shared.close()
        await self._drop()
