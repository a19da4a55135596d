"""`trueup migrate`."""

import click
import uvloop

from services.settings import load_settings
from services.stack import known_endpoints
from services.store.generations import Generations
from services.store.migrate import migrate as make


async def _migrate() -> Generations:
    settings = load_settings()
    return await make(settings, await known_endpoints(settings))


@click.command()
def migrate() -> None:
    """Create topics, schema and read models, or check that they are as they should be."""
    made = uvloop.run(_migrate())
    click.echo(f"migrated: {made.partitions} partitions, store {made.commands}, usage {made.usage}")
