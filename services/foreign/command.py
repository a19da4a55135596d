"""`trueup foreign`: what strangers wrote into our topics."""

import click
import uvloop

from services.failures import ExpectedFailure
from services.foreign.reading import ForeignRecord, acknowledge, foreign_records
from services.postgres import open_postgres
from services.readside.live import live_schema
from services.settings import load_settings
from services.stack import known_endpoints


class NoSuchRecordError(ExpectedFailure):
    """{place} is no foreign record that waits to be acknowledged."""

    def __init__(self, place: str) -> None:
        super().__init__(f"{place} is no foreign record that waits to be acknowledged; `trueup foreign` lists them")


@click.command()
@click.argument("acknowledged", metavar="[TOPIC/PARTITION/OFFSET]...", nargs=-1)
def foreign(acknowledged: tuple[str, ...]) -> None:
    """List records in our topics that are none of ours, or acknowledge some of them, so that the audit passes.

    They are passed over by every reader and change nothing; that they are there means that somebody else may write to
    the log.
    """
    for record in uvloop.run(_run(acknowledged)):
        click.echo(str(record))


async def _run(places: tuple[str, ...]) -> list[ForeignRecord]:
    """Those that are left, after these were acknowledged. Raises: NoSuchRecordError, before anything is."""
    endpoints = await known_endpoints(load_settings())
    async with open_postgres(endpoints.database_url, most=1) as postgres, postgres.transaction() as connection:
        held = await foreign_records(connection, await live_schema(connection))
        by_place = {f"{one.topic}/{one.partition}/{one.offset}": one for one in held}
        for place in places:
            if place not in by_place:
                raise NoSuchRecordError(place)
        for place in places:
            await acknowledge(connection, by_place[place])
        return [one for place, one in by_place.items() if place not in places]
