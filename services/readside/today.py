"""What day it is in an account's zone, as the log has it, for reads that settle nothing."""

from datetime import date
from typing import Any

from projections.clock import today_of
from projections.entities import AccountEntity, Entity
from projections.resources import Resources
from services.postgres import Postgres
from services.readside.live import reading_live
from services.readside.loading import read_positions


async def day_of(postgres: Postgres, resources: Resources, account: AccountEntity, about: Entity[Any]) -> date:
    """The day of the organization's test clock, else of the last tick; before any, that of the last fact about it.

    `resources` hold the configuration and the test clock.
    """
    tick = None
    if not resources.has_test_clock:
        async with reading_live(postgres) as connection:
            folded = await read_positions(connection, [account.partition])
        position = folded.get(account.partition)
        tick = position.tick if position is not None else None
    return today_of(resources, account.timezone, tick, about.modified, None)
