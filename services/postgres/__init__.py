"""Postgres as the services use it: a pool taken by turns, single connections, and errors that name the address."""

from services.postgres.connection import (
    Connection,
    Fence,
    PostgresUnreachableError,
    TablesMovedError,
    connected,
)
from services.postgres.limits import limit_idling
from services.postgres.own_connection import OwnConnection
from services.postgres.pool import Postgres, open_postgres
from services.postgres.reaching import reach
from services.postgres.roles import Role, RoleNotGrantedError

__all__ = [
    "Connection",
    "Fence",
    "OwnConnection",
    "Postgres",
    "PostgresUnreachableError",
    "Role",
    "RoleNotGrantedError",
    "TablesMovedError",
    "connected",
    "limit_idling",
    "open_postgres",
    "reach",
]
