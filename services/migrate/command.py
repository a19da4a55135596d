"""`trueup migrate`."""

import click
import uvloop

from services.migrate.migrate import migrate as make
from services.run.settings import load_settings
from services.run.stack import known_endpoints
from services.store.generations import Generations


async def _migrate(new_usage: bool) -> Generations:
    settings = load_settings()
    return await make(settings, await known_endpoints(settings), new_usage=new_usage, tell=click.echo)


@click.command()
@click.option("--new-usage", is_flag=True, help="Topic usage was made anew or lost records: go on with what it holds.")
def migrate(new_usage: bool) -> None:
    """Create topics, schema and read models, or check that they are as they should be."""
    made = uvloop.run(_migrate(new_usage))
    click.echo(f"migrated: {made.partitions} partitions, store {made.commands}, usage {made.usage}")
