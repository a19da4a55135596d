"""Accounts that are created by commands for their first usage: only with a code, which is also the name."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import uuid4

from events.resources.accounts import Account
from events.resources.base import Code, Model
from projections.resources import Resources
from services.commands.bodies import parse_model
from services.commands.messages import CreateResource
from services.store.execute import execute, now_of
from services.store.generations import Generations
from services.store.view import partitions_of

#: Most accounts made in one transaction: until it ends, nobody else's commands can append to the event store.
AT_ONCE = 100


class _Named(Model):
    code: Code


def skeleton_account(id: str, code: str, now: datetime) -> CreateResource:
    """The command that creates the account under this id; a PUT completes it.

    Raises: InvalidBody for a text that cannot be an account's code.
    """
    named = parse_model(_Named, {"code": code})
    return CreateResource("account", id, Account(code=named.code, name=named.code), now)


async def make_skeletons(
    connection: Any,
    resources: Resources,
    codes: Iterable[str],
    generations: Generations,
    correlation: str | None,
    actor: str,
) -> dict[str, int]:
    """The partition of each account, by code; missing accounts are created, existing ones stay unchanged.

    `resources` were loaded under the organization's lock. Raises: CommandError for a text that cannot be an account's
    code.
    """
    wanted = list(codes)
    places = await partitions_of(connection, resources.organization, wanted)
    for code in wanted:
        if code not in places:
            command = skeleton_account(str(uuid4()), code, now_of(resources))
            done = await execute(connection, resources, command, generations, correlation, actor)
            places[code] = done.after.accounts[command.id].partition
    return places
