"""The registry of read models: what it names is what there is, all of it, and what the audit compares."""

import re
from pathlib import Path
from uuid import uuid4

import pytest

from projections.readmodels import registry
from projections.readmodels.registry import ALL, SCHEMA, VERSION, version_of
from services.readside.live import create_read_models
from tests.store.kit import Store

FOLDER = Path(registry.__file__).parent
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = $1"


def test_every_table_that_a_file_makes_is_in_the_registry() -> None:
    declared = {name for path in FOLDER.glob("*.py") for name in re.findall(r"CREATE TABLE (\w+)", path.read_text())}
    assert declared == {table.name for table in ALL} and len(ALL) == len(declared)
    assert all(re.findall(r"CREATE TABLE (\w+)", table.ddl) == [table.name] for table in ALL)


def test_every_table_has_a_spec_of_its_rows() -> None:
    specs = "".join(path.read_text().split('"""')[1] for path in Path(__file__).parent.glob("test_*.py"))
    assert {table.name for table in ALL} <= set(re.findall(r"`(\w+)`", specs))


def test_the_audit_hashes_all_but_the_ids_which_it_compares_in_its_own_way() -> None:
    assert [table.name for table in ALL if table.hashed_by is None] == ["seen_ids"]


def test_the_version_is_the_definition_and_not_how_it_is_written() -> None:
    assert version_of(SCHEMA.replace("    ", "\t").replace("-- source ->", "-- any word ->")) == VERSION
    assert version_of(SCHEMA.replace("amount numeric", "amount bigint", 1)) != VERSION


@pytest.mark.stack
async def test_a_schema_has_the_tables_of_the_registry(store: Store) -> None:
    name = f"rm_test_{uuid4().hex[:8]}"
    async with store.postgres.connection() as connection:
        async with connection.transaction():
            await create_read_models(connection, name)
        made = {row["table_name"] for row in await connection.fetch(_TABLES, name)}
        await connection.execute(f'DROP SCHEMA "{name}" CASCADE')
    assert made == {table.name for table in ALL}
