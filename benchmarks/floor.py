"""The floor: what the same flow costs with nothing of the product's own in it, on the same broker and Postgres.

Two processes at once, as the product runs: a raw copy of the topic (`floor_copy`), and a consumer of the copy that
decodes, folds into a dict and writes the product's rows with the product's statements (`floor_fold`). No validation,
dedupe, rating or settlement. Its rows are copies of what the product wrote for the same accounts, so they are as long.
"""

import time
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka.admin import NewTopic

from benchmarks.results import LEAST_SECONDS, SLOWEST_PER_SECOND, Leg, Pipeline, last_append, rows_written, until_spent
from benchmarks.task import Task
from benchmarks.waiting import Gate, cpu_seconds, until
from benchmarks.workload import Load
from events.topics import EVENTS, TOPICS
from projections.readmodels import registry
from services.kafka import LogReader, new_admin
from services.run.stack.supervise import Supervisor

SCHEMA = "benchmark_floor"
LEGS = ("benchmarks.floor_copy", "benchmarks.floor_fold")


async def run_floor(task: Task, load: Load, folder: Path) -> Pipeline:
    """Measure the floor on a load that the product has settled into schema `task.live`.

    Raises: NotFinishedError, WrongSumError.
    """
    await _make_topic(task)
    connection, supervisor = await asyncpg.connect(task.database_url), Supervisor()
    try:
        await _make_tables(connection)
        async with Gate(task.database_url) as gate:
            for leg in LEGS:
                supervisor.start(task.command(leg, folder))
            started = await gate.release(len(LEGS), supervisor)
            cpu = {leg: -cpu_seconds(leg) for leg in LEGS}
            await until_spent(connection, supervisor, sum(load.calls().values()), 1, load.events)
            finished = time.time()
        cpu = {leg: cpu_seconds(leg) + cpu[leg] for leg in LEGS}
        await supervisor.stop_all()
        copied = await last_append(task.cluster, task.copy, task.partitions)
        legs = (
            Leg("copy", load.events, copied - started, cpu[LEGS[0]]),
            Leg("fold", load.events, finished - started, cpu[LEGS[1]]),
        )
        return Pipeline(load.events, finished - started, legs, await rows_written(connection))
    finally:
        await supervisor.stop_all()
        await connection.close()


async def warm_up(task: Task, load: Load, folder: Path) -> None:
    """Copy the load once: a broker's first seconds go into compiling its own code, whoever comes first pays for them.

    Raises: NotFinishedError.
    """
    await _make_topic(task)
    supervisor = Supervisor()
    try:
        async with Gate(task.database_url) as gate, LogReader(task.cluster) as reader:
            supervisor.start(task.command(LEGS[0], folder))
            await gate.release(1, supervisor)

            async def look() -> tuple[bool, object]:
                copied = sum((await reader.end_offsets(task.copy, range(task.partitions))).values())
                return copied == load.events, f"{copied} of {load.events} events copied"

            await until("the first copy", LEAST_SECONDS + load.events / SLOWEST_PER_SECOND, look, supervisor)
    finally:
        await supervisor.stop_all()


async def _make_topic(task: Task) -> None:
    """The copy's topic, with the settings of `billing.events`."""
    config = next(topic.config for topic in TOPICS if topic.name == EVENTS)
    admin = new_admin(task.cluster, request_timeout_ms=30_000)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(task.copy, task.partitions, 1, topic_configs=config)], timeout_ms=30_000)
    finally:
        await admin.close()


async def _make_tables(connection: Any) -> None:
    """The product's tables and indexes, empty, in a schema of their own."""
    async with connection.transaction():
        await connection.execute(f"CREATE SCHEMA {SCHEMA}")
        await connection.execute(f"SET LOCAL search_path TO {SCHEMA}")
        await connection.execute(registry.SCHEMA)
    await connection.execute("SELECT set_config('search_path', $1, false)", SCHEMA)
