"""The handler that anyone would write first: FastStream decodes a message into a model, one statement stores it."""

import asyncio
import logging
from datetime import datetime
from decimal import Decimal

import asyncpg
import uvloop
from faststream import AckPolicy, FastStream
from pydantic import BaseModel

from benchmarks.naive import SCHEMA
from benchmarks.task import Task
from benchmarks.waiting import pass_gate
from events.topics import USAGE
from services.kafka import new_broker

UPSERT = f"""
INSERT INTO {SCHEMA}.balances AS held (account, records, calls) VALUES ($1, 1, $2)
ON CONFLICT (account) DO UPDATE SET records = held.records + 1, calls = held.calls + excluded.calls
"""


class Data(BaseModel):
    """The event's data."""

    meter: str
    measure: dict[str, Decimal]


class Event(BaseModel):
    """The attributes that are needed."""

    id: str
    source: str
    subject: str
    time: datetime
    organization: str
    data: Data


async def main(task: Task) -> None:
    """Handle messages until stopped."""
    async with asyncpg.create_pool(task.database_url, min_size=2, max_size=2) as pool:
        opened = asyncio.Event()
        broker = new_broker(task.cluster, log_level=logging.DEBUG)

        @broker.subscriber(
            USAGE, group_id="benchmark-naive", auto_offset_reset="earliest", ack_policy=AckPolicy.ACK_FIRST
        )
        async def handle(event: Event) -> None:
            await opened.wait()
            await pool.execute(UPSERT, event.subject, event.data.measure["calls"])

        app = FastStream(broker)

        @app.after_startup
        async def wait_at_gate() -> None:
            async with pool.acquire() as connection:
                await pass_gate(connection)
            opened.set()

        await app.run()


if __name__ == "__main__":
    uvloop.run(main(Task.given()))
