"""The role of the database that a connection acts as. `rights/` has the rights of each role, and Postgres enforces
them.

`trueup migrate` creates the roles if its user may. In a database without them a process has its user's own rights.
"""

from enum import StrEnum
from typing import Any

import asyncpg

from services.failures import ExpectedFailure, Worded

#: The setting that tells row security which organization a connection of role API works for.
ORGANIZATION = "trueup.organization"


class Role(StrEnum):
    """A role for each different set of rights."""

    #: Requests and bill jobs: rows of one organization at a time, and no others, whatever the query.
    API = "trueup_api"
    #: Progress and turns, across organizations: it may read only the columns of their rows that tell these.
    WATCH = "trueup_watch"
    INGEST = "trueup_ingest"
    #: Owns the read models.
    PROJECTOR = "trueup_projector"
    RELAY = "trueup_relay"
    #: Sends to servers of strangers, so it can read nothing but what it sends them.
    WEBHOOKS = "trueup_webhooks"


#: Roles belong to a whole cluster. One without rights in this database, made for another one, does not count here.
_IS_HERE = """
FROM pg_roles JOIN pg_namespace ON nspname = 'store'
WHERE rolname = '{role}' AND has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'USAGE')
"""
_HELD = "SELECT current_setting('role')"
_LEAVE = "SELECT set_config('role', $1, true)"


class RoleNotGrantedError(Worded, ExpectedFailure):
    """the database's user may not act as {role}: have an administrator run GRANT {role} TO that user"""


async def is_here(connection: Any, role: Role) -> bool:
    """Whether the database has the role, with rights."""
    return bool(await connection.fetchval(f"SELECT EXISTS (SELECT {_IS_HERE.format(role=role)})"))


async def take(connection: Any, role: Role) -> None:
    """Let the connection act as the role from now on, if the database has it. Raises: RoleNotGrantedError."""
    await _act(connection, role, only_transaction=False)


async def take_for_transaction(connection: Any, role: Role) -> str:
    """Let the connection act as the role until `leave`, or the end of the transaction. Returns the role before, for
    `leave`.

    Raises: RoleNotGrantedError.
    """
    role_before = str(await connection.fetchval(_HELD))
    await _act(connection, role, only_transaction=True)
    return role_before


async def leave(connection: Any, role_before: str) -> None:
    """Act as before `take_for_transaction`, whose result is `role_before`."""
    await connection.execute(_LEAVE, role_before)


def taking(role: Role, *, only_transaction: bool = True) -> str:
    """The statement that takes the role, if the database has it, for one transaction or for the session."""
    return f"SELECT set_config('role', rolname, {only_transaction}) {_IS_HERE.format(role=role)}"


async def _act(connection: Any, role: Role, *, only_transaction: bool) -> None:
    try:
        await connection.execute(taking(role, only_transaction=only_transaction))
    except asyncpg.InsufficientPrivilegeError as error:
        raise RoleNotGrantedError(role=role) from error
