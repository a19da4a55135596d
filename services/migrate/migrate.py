"""`trueup migrate`: makes the database's schema and roles, the topics, the generations and the first read models.

Each is made once, and checked if it is there. Read models of another version are left as they are: the wanted version
is noted, and projectors fill it. It may run at any time, and in several processes at once, which a lock puts in turn.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import click
import structlog
import uvloop

from events.topics import USAGE
from projections.readmodels import registry
from services.continuity.guard import mending
from services.erasure.operators_key import ensure_home_key
from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster
from services.migrate.new_usage import begin_usage_anew, check_log_stands
from services.migrate.topics import make_topics
from services.postgres import connected
from services.postgres.locks import Lock, locked
from services.postgres.rights import adopt_read_models, secure_read_models, secure_store
from services.postgres.roles import Role
from services.readside.live import Live, make_read_models
from services.run.settings import Settings, load_settings
from services.run.stack import Endpoints, known_endpoints
from services.store.generations import COMMANDS, Generations, load_generations
from services.store.lost_rows import check_whole

MIGRATIONS = Path(__file__).with_name("migrations")
_log = structlog.get_logger(__name__)

_PREPARE = """
CREATE SCHEMA IF NOT EXISTS store;
CREATE TABLE IF NOT EXISTS store.migrations (
    name text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""
_APPLIED = "SELECT name FROM store.migrations"
_APPLY = "INSERT INTO store.migrations (name) VALUES ($1)"
_KNOWN_TOPICS = "SELECT name, partitions FROM store.topics"
_RECORD_TOPIC = """
INSERT INTO store.topics (name, partitions) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET partitions = EXCLUDED.partitions, made_at = now()
"""
_RECORD_LIMIT = """
INSERT INTO store.limits (record_bytes) VALUES ($1)
ON CONFLICT (single) DO UPDATE SET record_bytes = EXCLUDED.record_bytes
"""
_KEEP_GENERATION = "INSERT INTO store.generations (part, generation) VALUES ($1, $2) ON CONFLICT DO NOTHING"
#: A store that has lost its name gets no other one: what stands in the log under the old one would be a stranger's.
_NAME_NEW = """
INSERT INTO store.generations (part, generation) SELECT $1, $2
WHERE NOT EXISTS (SELECT FROM store.topics) AND NOT EXISTS (SELECT FROM store.events)
ON CONFLICT DO NOTHING
"""


class NotAppliedError(Worded, ExpectedFailure):
    """migration {name} cannot be applied: {cause}. Nothing of it was done; store.migrations has those that were applied
    before, and must have all of them
    """


def _log_it(line: str) -> None:
    _log.warning("migrated_in_part", note=line)


async def migrate(
    settings: Settings, endpoints: Endpoints, *, new_usage: bool = False, tell: Callable[[str], None] = _log_it
) -> Generations:
    """Make what is missing, and check what is there. Raises: ExpectedFailure, which names what does not fit.

    `new_usage`: topic `usage` was made anew, or lost records, or is missing and is to be made anew. `tell`: called with
    a line if read models are of another version, and with one if this user may not make the roles.
    """
    async with connected(endpoints.database_url) as connection, locked(connection, Lock.MIGRATE):
        await migrate_store(connection)
        await make_roles(connection, tell)
        await check_whole(connection)
        async with mending(connection):
            await _migrate_topics(connection, settings, endpoints, new_usage)
        live = await make_read_models(connection)
        if not live.is_current:
            tell(_outdated(live))
        ensure_home_key(settings)
        return await load_generations(connection)


def _outdated(live: Live) -> str:
    return (
        f"read models {live.schema} are of another version: the projector fills new ones beside them, and reads go on"
        " from the old ones until then"
    )


async def migrate_store(connection: Any) -> None:
    """Apply to schema `store` the migrations that it lacks, and give a new store its generation.

    Raises: NotAppliedError.
    """
    await connection.execute(_PREPARE)
    applied = {row["name"] for row in await connection.fetch(_APPLIED)}
    for file in sorted(MIGRATIONS.glob("*.sql")):
        if file.name not in applied:
            try:
                async with connection.transaction():
                    await connection.execute(file.read_text())
                    await connection.execute(_APPLY, file.name)
            except asyncpg.PostgresError as error:
                raise NotAppliedError(name=file.name, cause=error) from error
            _log.info("migration_applied", name=file.name)
    await connection.execute(_NAME_NEW, COMMANDS, secrets.token_hex(4))


async def _migrate_topics(connection: Any, settings: Settings, endpoints: Endpoints, new_usage: bool) -> None:
    counts_made = await known_topics(connection)
    if counts_made.get(USAGE, settings.partitions) != settings.partitions:
        _log.warning("partitions_are_for_life", made_with=counts_made[USAGE], asked_for=settings.partitions)
    if new_usage:
        await check_log_stands(connection, endpoints.kafka)
    remake = USAGE if new_usage else None
    record_bytes = settings.max_record_bytes
    counts, fresh = await make_topics(endpoints.kafka, settings.partitions, record_bytes, counts_made, remake)
    async with connection.transaction():
        await record_limit(connection, record_bytes)
        for name in sorted(fresh):
            await record_topic(connection, endpoints.kafka, name, counts[name])
        await connection.execute(_KEEP_GENERATION, USAGE, secrets.token_hex(4))
    if new_usage and USAGE in counts_made:
        await begin_usage_anew(connection, endpoints.kafka)


async def known_topics(connection: Any) -> dict[str, int]:
    """The topics that this database has recorded as its own, with their numbers of partitions, which never change."""
    return {row["name"]: row["partitions"] for row in await connection.fetch(_KNOWN_TOPICS)}


async def record_topic(connection: Any, cluster: Cluster, name: str, partitions: int) -> None:
    """Record a topic as this database's own, with its number of partitions."""
    await connection.execute(_RECORD_TOPIC, name, partitions)
    _log.info("topic_recorded", name=cluster.topic(name), partitions=partitions)


async def record_limit(connection: Any, record_bytes: int) -> None:
    """Record the largest record, in bytes, that all topics take; every process reads it from here."""
    await connection.execute(_RECORD_LIMIT, record_bytes)


@click.command("migrate")
@click.option("--new-usage", is_flag=True, help="Topic usage was made anew or lost records: go on with what it holds.")
def command(new_usage: bool) -> None:
    """Create topics, schema and read models, or check that they are as they should be."""
    made = uvloop.run(_command(new_usage))
    click.echo(f"migrated: {made.partitions} partitions, store {made.commands}, usage {made.usage}")


async def _command(new_usage: bool) -> Generations:
    settings = load_settings()
    return await migrate(settings, await known_endpoints(settings), new_usage=new_usage, tell=click.echo)


#: The statements that make what is missing: roles, this user's right to act as them, and the projector's right to make
#: schemas.
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
#: Roles belong to the whole Postgres cluster, so the migration of another database may make the same one at the same
#: moment: then the statement fails, and the role is there.
_RUN = """
DO $do$ BEGIN {statement}; EXCEPTION WHEN duplicate_object OR unique_violation OR internal_error THEN NULL; END $do$
"""
_READ_MODELS = r"""
SELECT nspname, obj_description(oid, 'pg_namespace') AS version FROM pg_namespace WHERE nspname ~ '^rm_\d+$'
"""


async def make_roles(connection: Any, tell: Callable[[str], None]) -> None:
    """Make the roles, and give them their rights in all schemas.

    If this user may not make them, `tell` is called with a line that says what an administrator has to run, and no
    rights are changed.
    """
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
    """Run the missing statements; returns those that this user may not run, in order."""
    tried = set[str]()
    while fresh := [statement for statement in await _missing(connection) if statement not in tried]:
        tried.add(fresh[0])
        # A statement that fails stays missing, and so do those that need its role: all of them are returned.
        with suppress(asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedObjectError):
            await connection.execute(_RUN.format(statement=fresh[0]))
    return await _missing(connection)


async def _missing(connection: Any) -> list[str]:
    return [row["statement"] for row in await connection.fetch(_MISSING, [str(role) for role in Role])]
