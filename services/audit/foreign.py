"""The command `trueup foreign`: lists records in our topics that others wrote, and acknowledges them once somebody has
looked at them (decision 28).
"""

from typing import Any, NamedTuple

import click
import uvloop

from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster
from services.postgres import open_postgres
from services.readside.live import read_live
from services.run.settings import load_settings
from services.run.stack import known_endpoints

_OPEN = """
SELECT topic, partition, log_offset, why FROM "{schema}".foreign_records
LEFT JOIN store.acknowledged AS known USING (topic, partition, log_offset)
WHERE known.log_offset IS NULL ORDER BY topic, partition, log_offset
"""
_ACKNOWLEDGE = """
INSERT INTO store.acknowledged (topic, partition, log_offset) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""


class ForeignRecord(NamedTuple):
    """The place of a record that is not ours, and why it is not."""

    topic: str
    partition: int
    offset: int
    why: str

    def where(self, cluster: Cluster) -> str:
        """Its place, by the topic's name in the cluster: TOPIC/PARTITION/OFFSET."""
        return f"{cluster.topic(self.topic)}/{self.partition}/{self.offset}"

    def told(self, cluster: Cluster) -> str:
        """Its place, and why it is not ours."""
        return f"{self.where(cluster)}: {self.why}"


async def foreign_records(connection: Any, live: str) -> list[ForeignRecord]:
    """The foreign records that nobody has acknowledged, by place. `live` is the schema of the read models."""
    rows = await connection.fetch(_OPEN.format(schema=live))
    return [ForeignRecord(row["topic"], row["partition"], row["log_offset"], row["why"]) for row in rows]


async def acknowledge(connection: Any, record: ForeignRecord) -> None:
    """Acknowledge the record: the audit ignores it from now on."""
    await connection.execute(_ACKNOWLEDGE, record.topic, record.partition, record.offset)


class NoSuchRecordError(Worded, ExpectedFailure):
    """{place} is no foreign record that waits to be acknowledged; `trueup foreign` lists them"""

    def __init__(self, place: str) -> None:
        super().__init__(place=place)


@click.command()
@click.argument("acknowledged", metavar="[TOPIC/PARTITION/OFFSET]...", nargs=-1)
def foreign(acknowledged: tuple[str, ...]) -> None:
    """List records in our topics that are none of ours, or acknowledge some of them, so that the audit passes.

    They are passed over by every reader and change nothing; that they are there means that somebody else may write to
    the log.
    """
    for record in uvloop.run(_run(acknowledged)):
        click.echo(record)


async def _run(acknowledged: tuple[str, ...]) -> list[str]:
    """Acknowledge the named records, and return the text of those that are left.

    Raises: NoSuchRecordError, before any is acknowledged.
    """
    endpoints = await known_endpoints(load_settings())
    async with open_postgres(endpoints.database_url, most=1) as postgres, postgres.transaction() as connection:
        live = await read_live(connection)
        with live.reading():
            shown = await foreign_records(connection, live.schema)
        by_name = {record.where(endpoints.kafka): record for record in shown}
        for named in acknowledged:
            if named not in by_name:
                raise NoSuchRecordError(named)
        for named in acknowledged:
            await acknowledge(connection, by_name[named])
        return [record.told(endpoints.kafka) for named, record in by_name.items() if named not in acknowledged]
