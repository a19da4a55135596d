"""Which role of the database a connection acts as: what each process may do is said in `rights/`, and kept by Postgres.

`trueup migrate` makes the roles where its user may; where there are none, a process has its user's own rights.
"""

from enum import StrEnum
from typing import Any

import asyncpg

from services.failures import ExpectedFailure, Worded

#: The setting by which row security knows for which organization a connection of role API works.
ORGANIZATION = "trueup.organization"


class Role(StrEnum):
    """One for each different set of rights."""

    #: Requests and bill jobs: rows of one organization at a time, and no others, whatever the query.
    API = "trueup_api"
    #: How far everything is and whose turn it is: of organizations' rows only what tells that.
    WATCH = "trueup_watch"
    INGEST = "trueup_ingest"
    #: Owns the read models.
    PROJECTOR = "trueup_projector"
    RELAY = "trueup_relay"
    #: Speaks with strangers, so it can read nothing but what it sends them.
    WEBHOOKS = "trueup_webhooks"


#: A role that was given no rights in this database, because its cluster has another one with roles, is none here.
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
    """From now on the connection acts as the role, if the database has it. Raises: RoleNotGrantedError."""
    await _act(connection, role, only_transaction=False)


async def take_for_transaction(connection: Any, role: Role) -> str:
    """The same until `leave`, or the end of the transaction. Returns what `leave` is to be told."""
    role_before = str(await connection.fetchval(_HELD))
    await _act(connection, role, only_transaction=True)
    return role_before


async def leave(connection: Any, role_before: str) -> None:
    """Act as before `take_for_transaction`."""
    await connection.execute(_LEAVE, role_before)


def taking(role: Role, *, only_transaction: bool = True) -> str:
    """The statement by which the role is taken, if the database has it."""
    return f"SELECT set_config('role', rolname, {only_transaction}) {_IS_HERE.format(role=role)}"


async def _act(connection: Any, role: Role, *, only_transaction: bool) -> None:
    try:
        await connection.execute(taking(role, only_transaction=only_transaction))
    except asyncpg.InsufficientPrivilegeError as error:
        raise RoleNotGrantedError(role=role) from error
