"""Databases with roles, in a cluster of their own: no other test's roles are in the way, and none is harmed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from services.migrate.migrate import make_roles, migrate_store
from services.postgres import Role, connected
from services.readside.live import make_read_models

_TABLES = """
SELECT format('%I.%I', nspname, relname) AS name,
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'organization') AS of_organizations
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND nspname ~ '^(store|rm_.*)$' ORDER BY name
"""
_COLUMNS = """
SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND attgenerated = ''
"""
_numbers = count(1)


@dataclass(frozen=True)
class Database:
    """One of the cluster; `user` is who migrates it and whom processes connect as. `told` is what migrating said."""

    url: str
    admin_url: str
    told: list[str] = field(default_factory=list)

    def connected(self, role: Role | None = None) -> Any:
        """A connection as the user, or in a role."""
        return connected(self.url, role)

    async def migrate(self) -> None:
        """What `trueup migrate` does with Postgres."""
        async with self.connected() as connection:
            await migrate_store(connection)
            await make_roles(connection, self.told.append)
            await make_read_models(connection)

    async def run(self, statements: str) -> None:
        """As the cluster's administrator, in this database."""
        async with connected(self.admin_url) as connection:
            await connection.execute(statements)

    async def tables(self, role: Role | None = None, right: str = "SELECT") -> list[str]:
        """Those that hold organizations' rows; of a role, those of which it has this right."""
        async with self.connected() as connection:
            named = [row["name"] for row in await connection.fetch(_TABLES) if row["of_organizations"]]
            if role is None:
                return named
            asked = "SELECT has_table_privilege($1, $2, $3)"
            return [name for name in named if await connection.fetchval(asked, role, name, right)]

    async def others(self) -> list[str]:
        """Tables that hold no organization's rows by themselves."""
        async with self.connected() as connection:
            return [row["name"] for row in await connection.fetch(_TABLES) if not row["of_organizations"]]

    async def fill(self, *organizations: str) -> None:
        """A row of each of them in every table that holds organizations' rows."""
        tables = await self.tables()
        async with connected(self.admin_url) as connection:
            for organization in organizations:
                for table in tables:
                    await connection.execute(await row_of(connection, table, organization))


async def row_of(connection: Any, table: str, organization: str) -> str:
    """The INSERT of a row of the organization, of a shape that the table takes."""
    columns = await connection.fetch(_COLUMNS, table)
    values = [f"'{organization}'" if column["name"] == "organization" else _value(column["type"]) for column in columns]
    return f"INSERT INTO {table} ({', '.join(one['name'] for one in columns)}) VALUES ({', '.join(values)})"


def _value(kind: str) -> str:
    """Another one each time, where it may be a part of a key."""
    if kind.endswith("[]"):
        return "'{}'"
    number = next(_numbers)
    literals = {
        **dict.fromkeys(("json", "jsonb"), "'{}'"),
        **dict.fromkeys(("integer", "bigint", "numeric"), str(number)),
        **dict.fromkeys(("timestamp with time zone", "date"), "now()"),
        "text": f"'text {number}'",
        "bytea": f"'{number}'",
        "boolean": "true",
    }
    return literals[kind]


@asynccontextmanager
async def fresh_database(admin_url: str, user: str | None = None) -> AsyncIterator[Database]:
    """An empty database, of the administrator's or of this user, which is made with it."""
    name = f"secured_{next(_numbers)}"
    parts = urlsplit(admin_url)
    async with connected(admin_url) as connection:
        await connection.execute(f"CREATE DATABASE {name} {'' if user is None else f'OWNER {user}'}")
    own = parts._replace(path=f"/{name}")
    netloc = parts.netloc if user is None else f"{user}@{parts.netloc.rpartition('@')[2]}"
    yield Database(own._replace(netloc=netloc).geturl(), own.geturl())


async def seen(connection: Any, tables: Sequence[str]) -> dict[str, list[str]]:
    """Whose rows a query without any condition finds, by table."""
    return {
        table: sorted(row["organization"] for row in await connection.fetch(f"SELECT organization FROM {table}"))
        for table in tables
    }
