"""The event store keeps order, versions and what it promised to remember."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

from events.facts.clock import ClockTicked
from services.commands.bodies import parse_body
from services.commands.messages import CreateResource, UpdateResource
from services.commands.refused import NotUnique, VersionConflict
from services.postgres import PostgresUnreachableError, open_postgres
from services.store import idempotency
from services.store.events import (
    BATCH_ROOM_BYTES,
    NewEvent,
    RecordTooLargeError,
    StreamMovedError,
    append,
    head,
    read_stream,
)
from services.store.idempotency import KeyReusedError, StoredAnswer
from services.store.view import get
from tests.store.kit import NOW, Store

pytestmark = pytest.mark.stack


def tick(organization: str, version: int, stream: str = "clock") -> NewEvent:
    return NewEvent(organization, stream, version, ClockTicked(now=NOW), NOW)


async def test_a_follower_that_tails_by_position_skips_nothing_under_many_writers(store: Store) -> None:
    seen: list[int] = []
    done = asyncio.Event()

    async def follow() -> None:
        position = 0
        async with store.postgres.connection() as connection:
            position = await head(connection)
            while True:
                finished = done.is_set()
                rows = await connection.fetch(
                    "SELECT position, organization FROM store.events WHERE position > $1 ORDER BY position", position
                )
                seen.extend(row["position"] for row in rows if row["organization"] == store.organization)
                position = rows[-1]["position"] if rows else position
                if finished and not rows:
                    return

    async def write(stream: str) -> None:
        for version in range(1, 26):
            async with store.postgres.transaction() as connection:
                await append(connection, [tick(store.organization, version, stream)], store.generations)

    follower = asyncio.create_task(follow())
    await asyncio.sleep(0.05)
    async with asyncio.timeout(60):
        await asyncio.gather(*(write(f"writer-{number}") for number in range(6)))
        done.set()
        await follower
    assert len(seen) == 150
    assert seen == sorted(seen)


async def test_a_stream_takes_each_version_once(store: Store) -> None:
    async with store.postgres.transaction() as connection:
        await append(connection, [tick(store.organization, 1)], store.generations)
    with pytest.raises(StreamMovedError, match="version 1 already"):
        async with store.postgres.transaction() as connection:
            await append(connection, [tick(store.organization, 1)], store.generations)


async def test_two_writers_with_one_version_are_one_winner(store: Store) -> None:
    id = await store.create("product", code="p", name="P")
    update = [UpdateResource("product", id, parse_body("product", {"code": "p", "name": n}), 1, NOW) for n in "AB"]
    results = await asyncio.gather(*(store.run(command) for command in update), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Executed", "VersionConflict"]
    assert any(isinstance(result, VersionConflict) for result in results)
    async with store.postgres.connection() as connection:
        product = await get(connection, store.organization, "product", id)
        assert product is not None and product.version == 2
        events = await read_stream(connection, store.organization, f"product-{id}", "g")
    assert [version for version, _ in events] == [1, 2]


async def test_two_creations_with_one_code_are_one_resource(store: Store) -> None:
    body = parse_body("product", {"code": "same", "name": "P"})
    commands = [CreateResource("product", str(uuid4()), body, NOW) for _ in range(5)]
    results = await asyncio.gather(*(store.run(command) for command in commands), return_exceptions=True)
    assert sum(not isinstance(result, NotUnique) for result in results) == 1


async def test_what_is_rolled_back_never_was(store: Store) -> None:
    with pytest.raises(RuntimeError):
        async with store.postgres.transaction() as connection:
            await append(connection, [tick(store.organization, 1)], store.generations)
            raise RuntimeError
    async with store.postgres.connection() as connection:
        assert await read_stream(connection, store.organization, "clock", "g") == []


async def test_a_record_over_the_limit_is_refused_before_commit(store: Store) -> None:
    small = replace(store.generations, record_bytes=BATCH_ROOM_BYTES + 100)
    with pytest.raises(RecordTooLargeError, match="over the 100 bytes"):
        async with store.postgres.transaction() as connection:
            await append(connection, [tick(store.organization, 1)], small)
    async with store.postgres.connection() as connection:
        assert await read_stream(connection, store.organization, "clock", "g") == []


async def test_an_idempotency_key_gives_the_first_answer_and_refuses_another_body(store: Store) -> None:
    request = idempotency.Request(store.organization, "POST", "/x", "key", b"body")
    async with store.postgres.transaction() as connection:
        assert await idempotency.find(connection, request) is None
        await idempotency.remember(connection, request, b"answer")
    async with store.postgres.transaction() as connection:
        assert await idempotency.find(connection, request) == StoredAnswer(b"answer", whole=True)
        elsewhere = idempotency.Request(store.organization, "POST", "/y", "key", b"other")
        assert await idempotency.find(connection, elsewhere) is None
        with pytest.raises(KeyReusedError, match="another body"):
            await idempotency.find(connection, idempotency.Request(store.organization, "POST", "/x", "key", b"other"))


async def test_an_idempotency_key_is_forgotten_after_35_days(store: Store) -> None:
    request = idempotency.Request(store.organization, "POST", "/x", "old", b"body")
    async with store.postgres.transaction() as connection:
        await idempotency.remember(connection, request, b"answer")
        await connection.execute(
            "UPDATE store.idempotency SET made_at = now() - interval '36 days' WHERE organization = $1",
            store.organization,
        )
        assert await idempotency.find(connection, request) is None


async def test_an_absent_postgres_is_named_with_the_address_that_was_tried() -> None:
    with pytest.raises(PostgresUnreachableError, match=r"127\.0\.0\.1:1/none did not answer"):
        async with open_postgres("postgresql://u:secret@127.0.0.1:1/none"):
            pass
