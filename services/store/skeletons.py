"""Accounts that their first usage brings into being, made by commands."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from projections.resources import Resources
from services.commands.skeletons import skeleton_account
from services.store.execute import execute, now_of
from services.store.generations import Generations
from services.store.view import partitions_of

#: Accounts that one transaction makes: until it ends, nobody else's commands get a place in the event store.
AT_ONCE = 100


async def make_skeletons(
    connection: Any,
    resources: Resources,
    codes: Iterable[str],
    generations: Generations,
    correlation: str | None,
    actor: str,
) -> dict[str, int]:
    """The partition of each account, by code; those that are not there are made, what is there stays as it is.

    `resources` were loaded under the organization's lock. Raises: CommandError for what cannot be an account's code.
    """
    wanted = list(codes)
    places = await partitions_of(connection, resources.organization, wanted)
    for code in wanted:
        if code not in places:
            command = skeleton_account(str(uuid4()), code, now_of(resources))
            done = await execute(connection, resources, command, generations, correlation, actor)
            places[code] = done.after.accounts[command.id].partition
    return places
