"""The relay on real Kafka and Postgres: order, restarts, kill -9; nothing is lost, and nothing counts twice."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaError

from events.codec import decode
from events.envelope import Envelope
from events.facts.bills import BillIssued
from events.topics import BILL_LINES, CATALOG, EVENTS, clock_source, commands_source
from services.kafka import BatchWriter, LogReader
from services.relay.relay import QUARTER_S, run_relay
from services.stack import Stack
from services.store.continuity import log_partitions
from services.store.events import NewEvent, append, head, relayed
from tests.store.kit import NOW, Store

pytestmark = pytest.mark.stack
PATIENCE_S = 90.0
Place = tuple[str, int]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that must come true."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def relay(store: Store, **options: Any) -> AsyncIterator[None]:
    """A relay in this process for the length of a block."""
    stop = asyncio.Event()
    running = asyncio.create_task(
        run_relay(store.endpoints.kafka_bootstrap, store.endpoints.database_url, stop, **options)
    )
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await running


async def relayed_all(store: Store) -> bool:
    async with store.postgres.connection() as connection:
        return await relayed(connection) == await head(connection)


class Log:
    """The records that came after it was made."""

    def __init__(self, store: Store, reader: LogReader) -> None:
        self._store, self._reader = store, reader
        self._starts: dict[Place, int] = {}

    async def begin(self) -> "Log":
        self._starts = await self._ends()
        return self

    async def _ends(self) -> dict[Place, int]:
        places = [*log_partitions(self._store.generations.partitions)]
        return {place: (await self._reader.end_offsets(place[0], [place[1]]))[place[1]] for place in places}

    async def written(self) -> dict[Place, list[Envelope]]:
        """Every record, repeats included."""
        found: dict[Place, list[Envelope]] = defaultdict(list)
        for (topic, partition), end in (await self._ends()).items():
            async for records in self._reader.read(topic, partition, self._starts[topic, partition], end):
                found[topic, partition] += [decode(record.value) for record in records]
        return found

    async def read(self, source: str) -> dict[Place, list[Envelope]]:
        """What a reader applies of a source: a record only if its sequence is greater than the last it applied."""
        applied: dict[Place, list[Envelope]] = defaultdict(list)
        for place, envelopes in (await self.written()).items():
            last = -1
            for envelope in envelopes:
                if envelope.source == source and envelope.sequence > last:
                    applied[place].append(envelope)
                    last = envelope.sequence
        return applied


@contextlib.asynccontextmanager
async def log_of(store: Store) -> AsyncIterator[Log]:
    async with LogReader(store.endpoints.kafka_bootstrap) as reader:
        yield await Log(store, reader).begin()


async def expected(store: Store, after: int) -> dict[Place, list[int]]:
    """Positions of each place, in order, as the routes of the store's rows say."""
    async with store.postgres.connection() as connection:
        rows = await connection.fetch(
            "SELECT position, route, partition FROM store.events WHERE position > $1 ORDER BY position", after
        )
    places: dict[Place, list[int]] = defaultdict(list)
    for row in rows:
        if row["route"] in ("account", "both"):
            places[EVENTS, row["partition"]].append(row["position"])
        if row["route"] == "everywhere":
            for partition in range(store.generations.partitions):
                places[EVENTS, partition].append(row["position"])
        if row["route"] != "account":
            places[CATALOG, 0].append(row["position"])
    return places


async def commands(store: Store, count: int) -> None:
    """Accounts with a commitment each, and a product now and then."""
    for number in range(count):
        await store.commitment(await store.account())
        if number % 5 == 0:
            await store.create("product", code=f"p-{uuid4().hex}", name="P")


async def check_nothing_lost_or_doubled(store: Store, log: Log, after: int) -> None:
    read = await log.read(commands_source(store.generations.commands))
    sequences = {place: [envelope.sequence for envelope in envelopes] for place, envelopes in read.items()}
    assert {place: found for place, found in sequences.items() if found} == await expected(store, after)


async def caught_up_head(store: Store) -> int:
    """Let a relay carry all there is; returns the head. Tests before this one may have left events."""
    async with relay(store):
        await until(lambda: relayed_all(store))
    async with store.postgres.connection() as connection:
        return await head(connection)


async def test_facts_reach_their_partitions_in_commit_order(store: Store) -> None:
    after = await caught_up_head(store)
    async with log_of(store) as log, relay(store):
        await asyncio.gather(*(commands(store, 6) for _ in range(3)))
        await until(lambda: relayed_all(store))
        await check_nothing_lost_or_doubled(store, log, after)


async def test_a_second_relay_waits_and_takes_over(store: Store) -> None:
    after = await caught_up_head(store)
    async with log_of(store) as log, relay(store):
        first = relay(store)
        await first.__aenter__()
        await commands(store, 3)
        await until(lambda: relayed_all(store))
        await first.__aexit__(None, None, None)
        await commands(store, 3)
        await until(lambda: relayed_all(store))
        await check_nothing_lost_or_doubled(store, log, after)


async def test_a_failed_produce_leaves_no_gap(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    after = await caught_up_head(store)
    really, calls = BatchWriter.append, 0

    async def shaky(self: BatchWriter, topic: str, partition: int, records: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 3 == 1:
            raise KafkaError("lost before it was sent")
        done = await really(self, topic, partition, records)
        if calls % 3 == 2:
            raise KafkaError("acknowledgement lost")
        return done

    monkeypatch.setattr(BatchWriter, "append", shaky)
    monkeypatch.setattr("services.relay.relay.BACKOFF_S", (0.05,))
    await commands(store, 4)
    async with log_of(store) as log, relay(store):
        await until(lambda: relayed_all(store))
        await check_nothing_lost_or_doubled(store, log, after)
        written = await log.written()
    for place, envelopes in written.items():
        mine = [one.sequence for one in envelopes if one.source == commands_source(store.generations.commands)]
        assert mine == sorted(set(mine)), f"{place} was told twice although its tail said so"


async def test_kill_9_loses_and_doubles_nothing(store: Store, stack: Stack, tmp_path: Path) -> None:
    after = await caught_up_head(store)
    environment = os.environ | {
        "TRUEUP_KAFKA_BOOTSTRAP": stack.endpoints.kafka_bootstrap,
        "TRUEUP_DATABASE_URL": stack.endpoints.database_url,
    }
    async with log_of(store) as log:
        writing = asyncio.gather(*(commands(store, 40) for _ in range(2)))
        for number in range(4):
            ready = tmp_path / f"ready-{number}"
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.cli", "relay", "--ready-file", str(ready), env=environment
            )
            await until(lambda ready=ready: asyncio.to_thread(ready.exists))  # type: ignore[misc]
            await asyncio.sleep(0.1 * number)
            child.send_signal(signal.SIGKILL)
            await child.wait()
        async with relay(store):
            await writing
            await until(lambda: relayed_all(store))
        await check_nothing_lost_or_doubled(store, log, after)


@pytest.mark.parametrize("part", ["kafka", "postgres"])
async def test_a_restarted_server_is_waited_for(store: Store, stack: Stack, part: str) -> None:
    after = await caught_up_head(store)
    async with log_of(store) as log, relay(store):
        await commands(store, 3)
        await (stack.restart_kafka(crash=True) if part == "kafka" else stack.restart_postgres(crash=True))
        await commands(store, 3)
        await until(lambda: relayed_all(store))
        await check_nothing_lost_or_doubled(store, log, after)


async def test_every_partition_is_told_each_quarter_hour_once(store: Store) -> None:
    async with store.postgres.connection() as connection:
        last = int(await connection.fetchval("SELECT tick FROM store.relay"))
    quarter = max(last, 10_000_000) + 1
    source = clock_source(store.generations.commands)
    async with log_of(store) as log:
        for moment in (quarter, quarter, quarter + 2):
            async with relay(store, wall_seconds=lambda moment=moment: moment * QUARTER_S + 7.0):

                async def told(moment: int = moment) -> bool:
                    async with store.postgres.connection() as connection:
                        return bool(await connection.fetchval("SELECT tick >= $1 FROM store.relay", moment))

                await until(told)
        written = await log.written()
    for place in log_partitions(store.generations.partitions):
        ticks = [envelope for envelope in written[place] if envelope.source == source]
        assert [tick.sequence for tick in ticks] == [quarter, quarter + 2], place
        assert all(tick.organization == "" and int(tick.time.timestamp()) % QUARTER_S == 0 for tick in ticks)


async def test_lines_of_an_issued_bill_go_to_invoicing(store: Store) -> None:
    account = await store.account()
    line = {
        "number": 1, "type": "USAGE", "accountId": account, "amount": "1.50", "quantity": "3", "units": "3",
        "periodStart": "2026-01-01", "periodEnd": "2026-02-01",
    }  # fmt: skip
    bill = BillIssued.model_validate(
        {
            "billId": f"bill-{account}", "accountId": account, "rootId": account, "billDate": "2026-02-01",
            "dueDate": "2026-02-15", "startDate": "2026-01-01", "endDate": "2026-02-01", "billingFrequency": "MONTHLY",
            "currency": "USD", "timezone": "UTC", "total": "3.00",
            "lines": [line | {"id": "line-1"}, line | {"id": "line-2", "number": 2}],
            "positions": {"partition": 2, "log": 1, "catalog": 1},
        }
    )  # fmt: skip
    event = NewEvent(store.organization, f"bills-{account}", 1, bill, NOW, account=account, partition=2)
    async with LogReader(store.endpoints.kafka_bootstrap) as reader, relay(store):
        start = (await reader.end_offsets(BILL_LINES, [2]))[2]
        async with store.postgres.transaction() as connection:
            [envelope] = await append(connection, [event], store.generations.commands)
        await until(lambda: relayed_all(store))
        end = (await reader.end_offsets(BILL_LINES, [2]))[2]
        records = [record async for batch in reader.read(BILL_LINES, 2, start, end) for record in batch]
    assert [record.key for record in records] == [account.encode()] * 2
    position = str(envelope.sequence).encode()
    assert [record.headers for record in records] == [
        (("position", position), ("line", number)) for number in (b"1", b"2")
    ]
    assert b'"billId":"bill-' in records[0].value and b'"amount":"1.50"' in records[0].value
