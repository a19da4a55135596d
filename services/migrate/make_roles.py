"""Makes the roles as which processes act, where the database's user may; else says what an administrator has to run.

Roles belong to the whole cluster: several databases may be migrated at once, and each finds what another has made.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg

from projections.readmodels import registry
from services.postgres.rights import adopt_read_models, secure_read_models, secure_store
from services.postgres.roles import Role

#: What is missing, as statements: roles, the right of this user to act as them, and the projector's to make schemas.
_MISSING = f"""
SELECT statement FROM (
    SELECT 1 AS step, format('CREATE ROLE %I NOLOGIN', name) AS statement
    FROM unnest($1::text[]) AS name WHERE to_regrole(name) IS NULL
    UNION ALL
    SELECT 2, format('GRANT %I TO %I', name, current_user) FROM unnest($1::text[]) AS name
    LEFT JOIN pg_roles ON rolname = name WHERE pg_roles.oid IS NULL OR NOT pg_has_role(pg_roles.oid,
        CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)
    UNION ALL
    SELECT 3, format('GRANT CREATE ON DATABASE %I TO {Role.PROJECTOR}', current_database())
    FROM (SELECT) AS one LEFT JOIN pg_roles ON rolname = '{Role.PROJECTOR}'
    WHERE pg_roles.oid IS NULL OR NOT has_database_privilege(pg_roles.oid, current_database(), 'CREATE')
) AS missing ORDER BY step, statement
"""
#: Another database's migration may make the same of a cluster at the same moment: then it is made.
_RUN = """
DO $do$ BEGIN {statement}; EXCEPTION WHEN duplicate_object OR unique_violation OR internal_error THEN NULL; END $do$
"""
_READ_MODELS = r"""
SELECT nspname, obj_description(oid, 'pg_namespace') AS version FROM pg_namespace WHERE nspname ~ '^rm_\d+$'
"""


async def make_roles(connection: Any, tell: Callable[[str], None]) -> None:
    """Roles, and their rights in all schemas. `tell` is told a line, if they cannot be made: then nothing else is."""
    if left := await _missing_in_the_end(connection):
        tell(
            "processes keep the rights of the database's user, and organizations are kept apart by the API alone: to"
            f" have Postgres keep them apart, too, an administrator runs {'; '.join(left)}; then `trueup migrate` again"
        )
        return
    await secure_store(connection)
    for row in await connection.fetch(_READ_MODELS):
        await adopt_read_models(connection, row["nspname"])
        await secure_read_models(connection, row["nspname"], current=row["version"] == registry.VERSION)


async def _missing_in_the_end(connection: Any) -> list[str]:
    """What this user could not make."""
    tried = set[str]()
    while fresh := [statement for statement in await _missing(connection) if statement not in tried]:
        tried.add(fresh[0])
        # What may not be made is missing still, and so is what needs it: both are told.
        with suppress(asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedObjectError):
            await connection.execute(_RUN.format(statement=fresh[0]))
    return await _missing(connection)


async def _missing(connection: Any) -> list[str]:
    return [row["statement"] for row in await connection.fetch(_MISSING, [str(role) for role in Role])]
