"""The live schema: which one holds the live read models, and by which definition it was made. It stands in a row that
every transaction on them reads first, here and nowhere else.

Every transaction sets `search_path` for itself and finds all tables there; no statement names a schema. A schema's
comment says by which definition it was made. Live read models of another version can be read if their tables have the
needed columns; only programs of their version write to them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg

from projections.readmodels import registry
from services.concurrency import first_of, unless_set
from services.failures import ExpectedFailure, Passing, Worded
from services.outage import Outage
from services.postgres import Postgres, Role, TablesMovedError
from services.postgres.rights import secure_read_models
from services.postgres.roles import leave, take_for_transaction
from services.store.generations import NotMigratedError

FIRST_SCHEMA = "rm_1"
#: The transaction's lock on the row: SHARE lets projectors write side by side; UPDATE is for a swap, which excludes
#: them.
Lock = Literal["", "FOR SHARE", "FOR UPDATE"]
#: The name of the live schema, as a part of another query.
LIVE_NAME = "(SELECT name FROM store.live_schema)"
# The version is read in a subquery: after waiting for a lock, Postgres evaluates it again for the row's new name.
_LIVE = """
SELECT name, wanted,
    (SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = live_schema.name) AS version
FROM store.live_schema
"""
_FIRST = "INSERT INTO store.live_schema (name, wanted) VALUES ($1, $2)"
#: The first name that is free: FIRST_SCHEMA, where there is no schema yet.
_FREE = r"""
SELECT format('rm_%s', coalesce(max(substr(nspname, 4)::bigint), 0) + 1) FROM pg_namespace WHERE nspname ~ '^rm_\d+$'
"""
_WANT = "UPDATE store.live_schema SET wanted = $1 WHERE wanted IS DISTINCT FROM $1"
_MOVE = "UPDATE store.live_schema SET name = $1"
_PATH = "SELECT set_config('search_path', $1, true)"
_FILLING = r"""
SELECT nspname FROM pg_namespace
WHERE nspname ~ '^rm_\d+$' AND nspname <> $1 AND obj_description(oid, 'pg_namespace') = $2
ORDER BY length(nspname) DESC, nspname DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Live:
    """The live read models: their schema, the definition by which it was made, and the definition that `trueup migrate`
    wants.
    """

    schema: str
    version: str | None
    wanted: str | None

    @property
    def is_current(self) -> bool:
        """Whether they have this program's version, so that it may write to them."""
        return self.version == registry.VERSION

    @property
    def is_wanted(self) -> bool:
        """Whether `trueup migrate` last asked for read models of this program's version."""
        return self.wanted == registry.VERSION

    def require_current(self) -> None:
        """Raises: OutdatedReadModelsError."""
        if not self.is_current:
            raise OutdatedReadModelsError(self)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Run the block's reads; if tables of another version lack something, the error says so.

        Raises: OutdatedReadModelsError.
        """
        try:
            yield
        except (TablesMovedError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if self.is_current:
                raise
            raise OutdatedReadModelsError(self) from error


class OutdatedReadModelsError(Worded, ExpectedFailure, Passing):
    """the live read models {schema} are of another version than this program: {done}"""

    def __init__(self, live: Live) -> None:
        done = (
            "the projector is filling new ones beside them, try again later"
            if live.is_wanted
            else "run `trueup migrate` with the version that is to be used, and no other version beside it"
        )
        super().__init__(schema=live.schema, done=done)


async def find_live(connection: Any, lock: Lock = "") -> Live | None:
    """The live read models; None if there are none yet.

    Raises: NotMigratedError, if the database has a version that did not store the wanted read models.
    """
    try:
        row = await connection.fetchrow(f"{_LIVE} {lock}")
    except asyncpg.UndefinedColumnError as error:
        raise NotMigratedError from error
    return None if row is None else Live(row["name"], row["version"], row["wanted"])


async def read_live(connection: Any, lock: Lock = "") -> Live:
    """The live read models, which every reader asks for first. Raises: NotMigratedError."""
    live = await find_live(connection, lock)
    if live is None:
        raise NotMigratedError
    return live


async def live_schema(connection: Any) -> str:
    """The name of the live schema, for callers that need nothing else. Raises: NotMigratedError."""
    return (await read_live(connection)).schema


class LastLive:
    """The live schema as a process last saw it: a query uses it directly, and its result tells whether it is still
    live.
    """

    def __init__(self) -> None:
        self._schema = FIRST_SCHEMA

    async def fetch(self, connection: Any, question: str, *arguments: Any) -> list[Any]:
        """The query's rows, outside of any transaction; {schema} stands for the live schema, and rows have LIVE_NAME as
        `live`.

        Raises: NotMigratedError, OutdatedReadModelsError.
        """
        try:
            rows = await connection.fetch(question.format(schema=self._schema), *arguments)
        except (TablesMovedError, asyncpg.PostgresError):
            rows = None  # the schema is gone, or has another version; the code below finds out which
        if rows is not None and all(row["live"] == self._schema for row in rows):
            return list(rows)
        live = await read_live(connection)
        with live.reading():
            rows = await connection.fetch(question.format(schema=live.schema), *arguments)
        self._schema = live.schema
        return list(rows)


async def move_live(connection: Any, schema: str) -> None:
    """Make this schema live when the transaction is committed."""
    await connection.execute(_MOVE, schema)


async def filling_schema(connection: Any, live: Live) -> str | None:
    """The schema that is being filled to replace live read models of another version, if there is one."""
    filling = await connection.fetchval(_FILLING, live.schema, registry.VERSION)
    return None if filling is None else str(filling)


async def use_schema(connection: Any, schema: str) -> None:
    """Let the rest of the transaction find its tables in this schema."""
    await connection.execute(_PATH, schema)


@asynccontextmanager
async def reading_live(postgres: Postgres) -> AsyncIterator[Any]:
    """One snapshot of the live read models, for queries: a concurrent swap does not affect it.

    Raises: OutdatedReadModelsError, if they have another version and lack something that a query needs.
    """
    async with postgres.transaction(isolation="repeatable_read") as connection:
        live = await read_live(connection)
        await use_schema(connection, live.schema)
        with live.reading():
            yield connection


async def when_current(
    postgres: Postgres,
    stop: asyncio.Event,
    work: Callable[[], Awaitable[None]],
    ready: Callable[[], None] | None = None,
    fill: Callable[[], Coroutine[Any, Any, bool]] | None = None,
) -> None:
    """Do the work once the live read models have this program's version; not at all, if `stop` is set before.

    `ready` is called before the wait, because the wait may take as long as the log is long. `fill` makes such read
    models, if `trueup migrate` wants them, or returns False if another process is doing so. Raises: errors of `fill`
    and of the work.
    """
    outage = Outage("read_models_outdated", of_process=True)
    while not stop.is_set():
        async with postgres.connection() as connection:
            live = await read_live(connection)
        if live.is_current:
            outage.over()
            return await work()
        if ready is not None:
            ready()
        pause = outage.met(OutdatedReadModelsError(live))
        if fill is None or not live.is_wanted or not await unless_set(stop, fill()):
            await first_of(pause, stop)


async def make_read_models(connection: Any) -> Live:
    """Make empty read models, if there are none. Read models of another version stay: projectors of this version
    replace them.

    Returns the live ones.
    """
    async with connection.transaction():
        live = await find_live(connection)
        if live is None:
            name = await connection.fetchval(_FREE)  # a hand may have taken the row that names a schema
            await create_read_models(connection, name)
            await connection.execute(_FIRST, name, registry.VERSION)
        else:
            await connection.execute(_WANT, registry.VERSION)
        return await read_live(connection)


async def begin_read_models_anew(connection: Any) -> None:
    """Replace the live read models by empty ones, and drop them."""
    async with connection.transaction():
        live = await live_schema(connection)
        await connection.execute(f'DROP SCHEMA "{live}" CASCADE')
        await create_read_models(connection, live)


async def create_read_models(connection: Any, name: str) -> None:
    """Make empty read models in a new schema of this name, owned by the projector, within the caller's transaction."""
    role_before = await take_for_transaction(connection, Role.PROJECTOR)
    await connection.execute(f'CREATE SCHEMA "{name}"')
    await connection.execute(f'SET LOCAL search_path = "{name}"')
    await connection.execute(registry.SCHEMA)
    await connection.execute("RESET search_path")
    await connection.execute(f"COMMENT ON SCHEMA \"{name}\" IS '{registry.VERSION}'")
    await secure_read_models(connection, name, current=True)
    await leave(connection, role_before)
