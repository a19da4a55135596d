"""An existing database gets the actor's columns without a rewrite, and what stands in it has no actor."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from services.migrate import migrate as migrating
from services.store.rows import COLUMNS, envelope_of
from services.store.view import get
from tests.store.kit import Store

pytestmark = pytest.mark.stack
GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "ProductCreated.json").read_text())
_EVENT = """
INSERT INTO store.events (organization, stream, version, route, type, schema_version, time, data)
VALUES ('org', $1, 1, 'catalog', 'ProductCreated', 1, now(), $2)
"""
_ENTITY = """
INSERT INTO store.entities (organization, kind, id, version, body, position, folded, created, modified)
VALUES ('org', 'product', $1, 1, $2, 1, 1, now(), now())
"""
_FILES = "SELECT pg_relation_filenode('store.events'), pg_relation_filenode('store.entities')"


@pytest_asyncio.fixture(loop_scope="session")
async def empty(store: Store) -> AsyncIterator[Any]:
    """A connection to a database of its own."""
    name, url = f"old_{uuid4().hex[:8]}", store.endpoints.database_url
    async with store.postgres.connection() as connection:
        await connection.execute(f"CREATE DATABASE {name}")
    own = await asyncpg.connect(url.replace("@/trueup?", f"@/{name}?"))
    yield own
    await own.close()
    async with store.postgres.connection() as connection:
        await connection.execute(f"DROP DATABASE {name}")


async def test_what_stood_there_has_no_actor_and_is_not_written_again(
    empty: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_of_them = migrating.MIGRATIONS

    async def migrated_before(first_left_out: str) -> None:
        for file in all_of_them.glob("*.sql"):
            if file.name < first_left_out:
                shutil.copy(file, tmp_path)
        with monkeypatch.context() as before:
            before.setattr(migrating, "MIGRATIONS", tmp_path)
            await migrating.migrate_store(empty)

    await migrated_before("0007")
    id = GOLDEN["data"]["id"]
    await empty.execute(_EVENT, f"product-{id}", json.dumps(GOLDEN["data"]))
    await empty.execute(_ENTITY, id, json.dumps(GOLDEN["data"]["body"]))
    files = tuple(await empty.fetchrow(_FILES))
    await migrated_before("0008")
    assert tuple(await empty.fetchrow(_FILES)) == files

    await migrating.migrate_store(empty)
    assert (await empty.fetchrow(_FILES))[0] == files[0]
    envelope = envelope_of(await empty.fetchrow(f"SELECT {COLUMNS} FROM store.events"), "g")
    assert (envelope.actor, envelope.data.model_dump(mode="json", by_alias=True)["id"]) == (None, id)
    held = await get(empty, "org", "product", id)
    assert held is not None and (held.created_by, held.modified_by) == (None, None)
