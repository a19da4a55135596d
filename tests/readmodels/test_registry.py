"""The registry of read models: what it names is what there is, all of it, and what the audit compares."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from events.topics import EVENTS
from projections.readmodels import registry
from projections.readmodels.registry import ALL, SCHEMA, VERSION, version_of
from projections.readmodels.seen_ids import WINDOW
from services.audit.hashes import first_difference
from services.readside.live import create_read_models
from tests.store.kit import Store

FOLDER = Path(registry.__file__).parent
SERVICES = FOLDER.parent.parent / "services"
#: Every column that there ever was, with its type; none is taken away.
COLUMNS = Path(__file__).with_name("columns.txt")
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = $1"

_COLUMNS = """
SELECT table_name || '.' || column_name AS name, table_name, column_name, is_nullable,
    format_type(atttypid, atttypmod) AS type
FROM information_schema.columns JOIN pg_attribute
    ON attrelid = (quote_ident(table_schema) || '.' || table_name)::regclass AND attname = column_name
WHERE table_schema = $1
"""
NOW = datetime(2026, 3, 1, tzinfo=UTC)
#: Some value of each type.
VALUES = {
    "text": "'x'", "integer": "1", "bigint": "1", "numeric": "1.5", "boolean": "true", "date": "'2026-01-01'",
    "timestamp with time zone": "'2026-01-01 00:00Z'", "json": "'[]'", "jsonb": "'{}'", "bytea": "'\\x00'",
    "text[]": "'{x}'",
}  # fmt: skip


def test_every_table_that_a_file_makes_is_in_the_registry() -> None:
    declared = {name for path in FOLDER.glob("*.py") for name in re.findall(r"CREATE TABLE (\w+)", path.read_text())}
    assert declared == {table.name for table in ALL} and len(ALL) == len(declared)
    assert all(re.findall(r"CREATE TABLE (\w+)", table.ddl) == [table.name] for table in ALL)


def test_every_table_has_a_spec_of_its_rows() -> None:
    specs = "".join(path.read_text().split('"""')[1] for path in Path(__file__).parent.glob("test_*.py"))
    assert {table.name for table in ALL} <= set(re.findall(r"`(\w+)`", specs))


def test_the_audit_hashes_all_but_the_ids_which_it_compares_in_its_own_way() -> None:
    assert [table.name for table in ALL if table.hashed_by is None] == ["seen_ids"]


def test_which_schema_is_live_is_asked_in_one_place() -> None:
    asking = [path for path in SERVICES.rglob("*.py") if "FROM store.live_schema" in path.read_text()]
    assert [path.relative_to(SERVICES).as_posix() for path in asking] == ["readside/live.py"]


def test_the_version_is_the_definition_and_not_how_it_is_written() -> None:
    assert version_of(SCHEMA.replace("    ", "\t").replace("-- source ->", "-- any word ->")) == VERSION
    assert version_of(SCHEMA.replace("amount numeric", "amount bigint", 1)) != VERSION


@pytest_asyncio.fixture(loop_scope="session")
async def schema(store: Store) -> AsyncIterator[str]:
    name = f"rm_test_{uuid4().hex[:8]}"
    async with store.postgres.connection() as connection:
        async with connection.transaction():
            await create_read_models(connection, name)
        yield name
        await connection.execute(f'DROP SCHEMA "{name}" CASCADE')


#: A second one.
other = schema


@pytest.mark.stack
async def test_a_schema_has_the_tables_of_the_registry(store: Store, schema: str) -> None:
    async with store.postgres.connection() as connection:
        made = {row["table_name"] for row in await connection.fetch(_TABLES, schema)}
    assert made == {table.name for table in ALL}


@pytest.mark.stack
async def test_a_column_keeps_its_type_for_good(store: Store, schema: str) -> None:
    lines = COLUMNS.read_text().splitlines()
    known = {name: type for name, type in (line.split(" ", 1) for line in lines)}
    assert lines == sorted(lines) and len(known) == len(lines)
    async with store.postgres.connection() as connection:
        made = {row["name"]: row["type"] for row in await connection.fetch(_COLUMNS, schema)}
    assert {name: known.get(name) for name in made} == made, "give a changed column another name, and list it"


@pytest.mark.stack
@pytest.mark.parametrize("table", [table.name for table in ALL])
async def test_the_audit_finds_a_row_that_only_one_side_has_in_every_table(
    store: Store, schema: str, other: str, table: str
) -> None:
    async with store.postgres.transaction() as connection:
        columns = [row for row in await connection.fetch(_COLUMNS, schema) if row["table_name"] == table]
        values = {row["column_name"]: VALUES[row["type"]] for row in columns}
        row = f"{table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"
        assert await first_difference(connection, connection, schema, other, range(2)) is None
        await connection.execute(f"INSERT INTO {schema}.{row}")
        found = await first_difference(connection, connection, schema, other, range(2))
    assert found is not None and found.table == table


@pytest.mark.stack
@pytest.mark.parametrize(("days", "is_found"), [(WINDOW.days + 1, False), (WINDOW.days, True)])
async def test_ids_may_be_missing_on_one_side_only_if_they_are_older_than_the_window(
    store: Store, schema: str, other: str, days: int, is_found: bool
) -> None:
    async with store.postgres.transaction() as connection:
        for name in (schema, other):
            moved = f"INSERT INTO {name}.positions (topic, partition, next_offset, log_time, moved_at_wall)"
            await connection.execute(f"{moved} VALUES ('{EVENTS}', 0, 9, $1, $1)", NOW)
            newest = f"INSERT INTO {name}.seen_ids VALUES (0, 5, $1, decode(repeat('01', 32), 'hex'))"
            await connection.execute(newest, NOW)
        more = f"INSERT INTO {schema}.seen_ids VALUES (0, 1, $1, decode(repeat('02', 16), 'hex'))"
        await connection.execute(more, NOW - timedelta(days=days))
        found = await first_difference(connection, connection, schema, other, range(1))
    assert (found is not None) == is_found
