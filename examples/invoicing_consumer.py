"""Carries bill lines into a table of one's own, each exactly once, whatever is killed and whenever.

    python examples/invoicing_consumer.py [--once]

Trueup publishes every line of every issued bill to topic `billing.bill-line-items`. What makes the effect exactly once
is that rows and the offset that was read up to stand in one database and move in one transaction: after a crash either
both are there or neither, and the next start reads on where the table says. Kafka's memory of consumers is not used.
Of several processes one reads; the others stand by, and one of them goes on when it ends.

A bill never changes. Usage that comes late makes further lines, on a later bill: the difference to what was billed
before. So an invoice is never amended here, and summing up `amount` is always right.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from connection import database_url, kafka_options, kafka_topic

TOPIC = "billing.bill-line-items"
#: Two that begin at once make them one after the other.
TABLES = """
SELECT pg_advisory_xact_lock(hashtext('invoicing'));
CREATE SCHEMA IF NOT EXISTS invoicing;
CREATE TABLE IF NOT EXISTS invoicing.progress (partition integer PRIMARY KEY, next_offset bigint NOT NULL);
CREATE TABLE IF NOT EXISTS invoicing.lines (
    id text PRIMARY KEY, organization text NOT NULL, bill_id text NOT NULL, account_id text NOT NULL,
    bill_date date NOT NULL, type text NOT NULL, description text NOT NULL, currency text NOT NULL,
    amount numeric NOT NULL
);
"""
#: Whoever has it reads. It belongs to the session, so it is free as soon as its process or its connection is gone.
TRY = "SELECT pg_try_advisory_lock(hashtext('invoicing'), 1)"
WAIT = "SELECT pg_advisory_lock(hashtext('invoicing'), 1)"
BEGIN = "INSERT INTO invoicing.progress VALUES ($1, 0) ON CONFLICT DO NOTHING"
MOVE = "UPDATE invoicing.progress SET next_offset = $3 WHERE partition = $1 AND next_offset = $2"
#: A line that was written to the topic twice, after a crash of its writer, has the same id: it is one line.
INSERT = "INSERT INTO invoicing.lines VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING"


def row_of(record: ConsumerRecord) -> tuple[Any, ...]:
    """A record as a row of `invoicing.lines`. Amounts are text in the topic, and exact."""
    line = json.loads(record.value)
    shared = (line["id"], line["organization"], line["billId"], line["billAccountId"])
    about = (date.fromisoformat(line["billDate"]), line["type"], line["description"], line["currency"])
    return (*shared, *about, Decimal(line["amount"]))


async def positions(database: Any, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    """Where the table says that each partition is to be read on."""
    await database.executemany(BEGIN, [(one.partition,) for one in partitions])
    rows = await database.fetch("SELECT partition, next_offset FROM invoicing.progress")
    held = {row["partition"]: row["next_offset"] for row in rows}
    return {one: held[one.partition] for one in partitions}


async def take(database: Any, partition: int, start: int, records: Sequence[ConsumerRecord]) -> bool:
    """Store what was read from `start` on, and that it was; False, and nothing, if another process has: who lost the
    lock with its connection may still hold records.
    """
    async with database.transaction():
        moved = await database.execute(MOVE, partition, start, records[-1].offset + 1)
        if moved != "UPDATE 1":
            return False
        await database.executemany(INSERT, [row_of(record) for record in records])
        return True


async def consume(consumer: AIOKafkaConsumer, database: Any, *, once: bool) -> None:
    """Read on for ever; `once`: up to where the topic ends now."""
    held = await positions(database, consumer.assignment())
    for partition, offset in held.items():
        consumer.seek(partition, offset)
    ends = await consumer.end_offsets(list(held))
    while not once or any(held[partition] < end for partition, end in ends.items()):
        for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
            if not await take(database, partition.partition, held[partition], records):
                raise SystemExit(f"another process reads partition {partition.partition}, too: this one ends")
            held[partition] = records[-1].offset + 1
            print(f"partition {partition.partition}: {len(records)} lines, up to offset {held[partition]}")


async def turn(database: Any) -> None:
    """Wait until nobody else reads."""
    if not await database.fetchval(TRY):
        print("another process reads: this one stands by")
        await database.execute(WAIT)


async def run(*, once: bool) -> None:
    """Open both ends. Without a group, this process has all partitions, and nobody else is asked where it stands."""
    database = await asyncpg.connect(os.environ.get("INVOICING_DATABASE_URL") or database_url())
    await database.execute(TABLES)
    await turn(database)
    async with AIOKafkaConsumer(kafka_topic(TOPIC), **kafka_options(), auto_offset_reset="earliest") as consumer:
        await consume(consumer, database, once=once)
    await database.close()


def main() -> None:
    """Read the arguments and run."""
    arguments = argparse.ArgumentParser(description="Carry bill lines into a table, each exactly once.")
    arguments.add_argument("--once", action="store_true", help="end when everything that is there was read")
    asyncio.run(run(once=arguments.parse_args().once))


if __name__ == "__main__":
    main()
