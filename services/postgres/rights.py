"""Gives the roles their rights in a schema: grants, which are read from `rights/*.sql`, and row security.

In every table with a column `organization`, role API sees, and may write, only rows of one organization at a time. All
other roles see every row of the tables that they were granted; owners are not restricted.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from services.postgres.connection import TablesMovedError
from services.postgres.roles import ORGANIZATION, Role, is_here

_FOLDER = Path(__file__).with_name("rights")
_GRANT = re.compile(r"GRANT (?P<privileges>.+?) ON (?:(?P<kind>SCHEMA|FUNCTION) )?(?P<names>.+?) TO (?P<roles>.+)")
_PRIVILEGE = re.compile(r"([A-Z]+)(?: \(([^)]*)\))?")
_NOT_GIVEN = """
SELECT place FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    WITH ORDINALITY AS wanted (role, privilege, kind, name, col, place)
WHERE NOT coalesce(CASE kind
    WHEN 'SCHEMA' THEN has_schema_privilege(role, to_regnamespace(name), privilege)
    WHEN 'FUNCTION' THEN (
        SELECT bool_and(has_function_privilege(role, pg_proc.oid, privilege)) FROM pg_proc
        WHERE pronamespace = to_regnamespace(split_part(name, '.', 1)) AND proname = split_part(name, '.', 2)
    )
    ELSE CASE WHEN col = '' THEN has_table_privilege(role, to_regclass(name), privilege)
        ELSE has_column_privilege(role, to_regclass(name), col, privilege) END
END, true)
ORDER BY place
"""
#: An existing policy is never replaced here: whoever changes its text adds a migration that makes it anew.
_POLICY = "of_organization"
_SECURE = f"""
ALTER TABLE {{table}} ENABLE ROW LEVEL SECURITY;
CREATE POLICY {_POLICY} ON {{table}} TO {Role.API} USING (organization = current_setting('{ORGANIZATION}', true));
CREATE POLICY of_all ON {{table}} TO {", ".join(role for role in Role if role is not Role.API)} USING (true);
"""
#: Tables with a column `organization` that have no policy yet.
_INSECURE = f"""
SELECT format('%I.%I', nspname, relname) AS name FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = $1 AND relkind = 'r'
    AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'organization')
    AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid AND polname = '{_POLICY}')
"""
#: Read models that belong to another user than the projector's role.
_STRANGE = f"""
SELECT * FROM (
    SELECT format('ALTER SCHEMA %I OWNER TO {Role.PROJECTOR}', nspname) AS statement FROM pg_namespace
    WHERE nspname = $1 AND nspowner <> '{Role.PROJECTOR}'::regrole
    UNION ALL
    SELECT format('ALTER TABLE %I.%I OWNER TO {Role.PROJECTOR}', nspname, relname)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = $1 AND relkind = 'r' AND relowner <> '{Role.PROJECTOR}'::regrole
) AS strange ORDER BY statement
"""


class Granted(NamedTuple):
    """One right of one role, as the files of `rights/` grant it; `column` is empty if it covers the whole table."""

    role: str
    privilege: str
    kind: str
    name: str
    column: str = ""

    def __str__(self) -> str:
        of = f" ({self.column})" if self.column else ""
        return f"{self.privilege}{of} ON {self.kind} {self.name}"


def granted(file: str, schema: str) -> Iterator[Granted]:
    """All rights that the file grants in a schema, without those granted in its blocks of code."""
    text = re.sub(r"--[^\n]*|DO \$\$.*?\$\$", "", (_FOLDER / file).read_text(), flags=re.DOTALL)
    for statement in text.split(";"):
        grant = _GRANT.fullmatch(" ".join(statement.split()))
        if grant is None:
            continue
        for role in grant["roles"].split(", "):
            for name in grant["names"].format(schema=schema).split(", "):
                for privilege, columns in _PRIVILEGE.findall(grant["privileges"]):
                    for column in (columns or "").split(", "):
                        yield Granted(role, privilege, grant["kind"] or "TABLE", name, column)


async def missing_grants(connection: Any, wanted: list[Granted]) -> list[Granted]:
    """The rights that were not granted. An object that does not exist counts as granted: others report that it is
    missing.
    """
    columns = [list(column) for column in zip(*wanted, strict=True)] or [[]] * len(Granted._fields)
    return [wanted[row["place"] - 1] for row in await connection.fetch(_NOT_GIVEN, *columns)]


async def unsecured(connection: Any, schema: str) -> list[str]:
    """The tables with rows of organizations that have no row security."""
    return [row["name"] for row in await connection.fetch(_INSECURE, schema)]


async def secure_store(connection: Any) -> None:
    """Secure schema `store`, as its owner. Tables are locked one after the other, and only those without a policy."""
    await _secure_tables(connection, "store")
    async with connection.transaction():
        await connection.execute((_FOLDER / "store.sql").read_text())


async def adopt_read_models(connection: Any, schema: str) -> None:
    """Make the projector's role the owner of read models that were made before roles existed, or without them."""
    for row in await connection.fetch(_STRANGE, schema):
        await connection.execute(row["statement"])


async def secure_read_models(connection: Any, schema: str, *, current: bool) -> None:
    """Secure a schema of read models, as its owner, if the database has roles.

    `current` False: the read models are of another version, so grants on tables or columns that it lacks are skipped.
    Raises: TablesMovedError, asyncpg.UndefinedColumnError for such a grant if they are current.
    """
    if not await is_here(connection, Role.PROJECTOR):
        return
    await _secure_tables(connection, schema)
    async with connection.transaction():
        for grant in _grants(schema):
            try:
                async with connection.transaction():
                    await connection.execute(grant)
            except (TablesMovedError, asyncpg.UndefinedColumnError):
                if current:
                    raise


async def _secure_tables(connection: Any, schema: str) -> None:
    for row in await connection.fetch(_INSECURE, schema):
        async with connection.transaction():
            await connection.execute(_SECURE.format(table=row["name"]))


def _grants(schema: str) -> list[str]:
    text = re.sub(r"--[^\n]*", "", (_FOLDER / "read_models.sql").read_text())
    return [grant.format(schema=f'"{schema}"') for grant in text.split(";") if grant.strip()]
