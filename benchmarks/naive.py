"""Naive FastStream: one handler call and one statement a message, on the first records of the product's own topic."""

import time
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.results import LEAST_SECONDS, Leg, Pipeline
from benchmarks.task import Task
from benchmarks.waiting import Gate, cpu_seconds, until
from services.run.stack.supervise import Supervisor

SCHEMA = "benchmark_naive"
HANDLER = "benchmarks.naive_handler"
#: Slowest handler that is still waited for, in messages a second.
SLOWEST_PER_SECOND = 100
_TABLE = f"""
CREATE SCHEMA {SCHEMA};
CREATE TABLE {SCHEMA}.balances (account text PRIMARY KEY, records bigint NOT NULL, calls numeric NOT NULL)
"""
_HANDLED = f"SELECT coalesce(sum(records), 0)::bigint FROM {SCHEMA}.balances"


async def run_naive(task: Task, messages: int, folder: Path) -> Pipeline:
    """Measure the first `messages` messages, or some more. Raises: NotFinishedError."""
    connection: Any = await asyncpg.connect(task.database_url)
    supervisor = Supervisor()
    try:
        await connection.execute(_TABLE)
        handled = 0

        async def look() -> tuple[bool, object]:
            nonlocal handled
            handled = await connection.fetchval(_HANDLED)
            return handled >= messages, f"{handled} of {messages} messages"

        async with Gate(task.database_url) as gate:
            supervisor.start(task.command(HANDLER, folder))
            started = await gate.release(1, supervisor)
            cpu = -cpu_seconds(HANDLER)
            await until("the naive handler", LEAST_SECONDS + messages / SLOWEST_PER_SECOND, look, supervisor)
            seconds = time.time() - started
        legs = (Leg("handler", handled, seconds, cpu_seconds(HANDLER) + cpu),)
        return Pipeline(handled, seconds, legs, {"balances": handled})
    finally:
        await supervisor.stop_all()
        await connection.close()
