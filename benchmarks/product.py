"""The full product: usage in Kafka -> ingest -> log -> projector -> balance table, as its own processes.

The clock runs from the opening of the gate, when both processes are about to load their partitions, until the balance
table shows what every account has spent.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.accounts import Customer
from benchmarks.results import Leg, Pipeline, WrongSumError, last_append, rows_written, until_spent
from benchmarks.waiting import Gate, cpu_seconds, until
from benchmarks.workload import Load, cents_of
from events.topics import EVENTS, USAGE
from services.kafka import BatchWriter
from services.run.up import System

WORKERS = ("ingest", "projector")
#: Slowest projection that is still waited for, in events a second.
SLOWEST_EVENTS = 500
_BALANCES = "SELECT commitment_id, spent FROM commitment_balances"
_TOTALS = "SELECT count(*) AS rows, sum(records)::bigint AS records, sum(total) AS total FROM usage_totals"


async def publish(system: System, load: Load) -> None:
    """Put the load into `usage`. Raises: KafkaError."""
    async with BatchWriter(system.endpoints.kafka) as writer:
        for chunk in load.chunks():
            for partition, records in chunk.items():
                await writer.append(USAGE, partition, records)


async def until_counted(system: System, connection: Any, load: Load) -> None:
    """Wait until the totals have every event of a published load, which ingest reads. Raises: NotFinishedError."""

    async def look() -> tuple[bool, object]:
        records = await connection.fetchval("SELECT coalesce(sum(records), 0)::bigint FROM usage_totals")
        return records == load.events, f"{records} of {load.events} events projected"

    await until("the projection of the usage", 60 + load.events / SLOWEST_EVENTS, look, system.supervisor)


async def run_product(
    system: System, connection: Any, load: Load, customers: Mapping[str, Customer], further: Sequence[System] = ()
) -> Pipeline:
    """Measure the product on a published load; only then does ingest run, and afterwards neither worker. `further`
    systems on the same stack have workers as well.

    Raises: NotFinishedError, WrongSumError.
    """
    calls = load.calls()
    expected = {customers[code].prepayment: cents_of(quantity) for code, quantity in calls.items()}
    before = await rows_written(connection)
    await system.supervisor.stop("projector")
    async with Gate(system.endpoints.database_url) as gate:
        systems = (system, *further)
        starting = asyncio.gather(*(pair.start(WORKERS) for pair in systems))
        try:
            await asyncio.sleep(0)  # all run from here on
            started = await gate.release(len(WORKERS) * len(systems), system.supervisor)
            cpu = {name: -cpu_seconds(name) for name in WORKERS}
            await until_spent(connection, system.supervisor, sum(expected.values()), 100, load.events)
            finished = time.time()
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)  # why a worker did not start is told by the wait
    cpu = {name: cpu_seconds(name) + cpu[name] for name in WORKERS}
    for pair in systems:
        for name in WORKERS:
            await pair.supervisor.stop(name)
    await _check(connection, expected, load, sum(calls.values()))
    ingested = await last_append(system.endpoints.kafka, EVENTS, load.partitions)
    legs = (
        Leg("ingest", load.events, ingested - started, cpu["ingest"]),
        Leg("projector", load.events, finished - started, cpu["projector"]),
    )
    return Pipeline(load.events, finished - started, legs, await rows_written(connection, before))


async def _check(connection: Any, expected: Mapping[str, int], load: Load, calls: int) -> None:
    """Every account to the cent, every event once. Raises: WrongSumError."""
    spent = {row["commitment_id"]: row["spent"] for row in await connection.fetch(_BALANCES)}
    for commitment, cents in expected.items():
        if spent.get(commitment, 0) * 100 != cents:
            raise WrongSumError(f"prepayment {commitment}", spent.get(commitment), cents / 100)
    totals = dict(await connection.fetchrow(_TOTALS))
    if (totals["records"], totals["total"]) != (load.events, calls):
        raise WrongSumError("the table of totals", totals, f"{load.events} records, {calls} calls")
