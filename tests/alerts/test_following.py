"""What many rules wait for is appended in parts, and told once a rule whoever is killed between two of them."""

from typing import Any

import pytest
import structlog

from services.alerts import following
from services.alerts.following import EventFollower
from services.alerts.matching import Shown
from services.api.wire import wire_document
from services.failures import Passing
from services.store.events import append
from tests.store.kit import Store

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
NAMED = "configuration.product.created"
_TOLD = """
SELECT data->>'subjectId' AS subject, data->>'ruleCode' AS rule FROM store.events
WHERE organization = $1 AND type = 'OrganizationNotified' ORDER BY position
"""
_POSITION = "SELECT position FROM store.alert_positions WHERE organization = $1"


async def rule(store: Store, code: str, **more: Any) -> None:
    body = {"name": "R", "description": "", "eventName": NAMED, "alwaysFireEvent": not more}
    await store.create("notificationConfiguration", code=code, **body, **more)


async def products(store: Store, count: int) -> list[str]:
    return [await store.create("product", code=f"p{number}", name=f"P{number}") for number in range(count)]


async def told(store: Store) -> list[tuple[str, str]]:
    async with store.postgres.connection() as connection:
        return [tuple(row) for row in await connection.fetch(_TOLD, store.organization)]


async def position(store: Store) -> int | None:
    async with store.postgres.connection() as connection:
        found: int | None = await connection.fetchval(_POSITION, store.organization)
        return found


def a_process(store: Store, shown: Shown = wire_document) -> EventFollower:
    return EventFollower(store.postgres, lambda: store.generations, shown)


async def test_how_far_was_looked_moves_with_the_last_part_and_no_part_is_told_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await rule(store, f"r{number}")
    [product] = await products(store, 1)
    sizes = list[int]()

    async def append_two_parts(connection: Any, events: Any, generations: Any) -> Any:
        sizes.append(len(events))
        if len(sizes) == 3:
            raise Passing("Postgres is away")
        return await append(connection, events, generations)

    monkeypatch.setattr(following, "FACTS", 2)
    monkeypatch.setattr(following, "append", append_two_parts)
    with pytest.raises(Passing):
        await a_process(store).follow(store.organization)
    assert len(await told(store)) == 4 and await position(store) is None
    assert not await a_process(store).follow(store.organization)
    assert sorted(await told(store)) == [(product, f"r{number}") for number in range(5)]
    assert sizes == [2, 2, 1, 0, 0, 1] and await position(store) is not None


async def test_a_page_has_so_many_bytes_and_one_event_at_least(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await rule(store, "every")
    made = await products(store, 3)
    monkeypatch.setattr(following, "BYTES", 1)
    process = a_process(store)
    assert [await process.follow(store.organization) for _ in range(4)] == [True, True, False, False]
    assert [subject for subject, _ in await told(store)] == made


async def test_an_event_that_fails_is_passed_over_and_logged_once_a_later_one_did_not(store: Store) -> None:
    def all_but_p1(entity: Any) -> Any:
        if entity.body.code == "p1":
            raise AssertionError("a law does not hold")
        return wire_document(entity)

    await rule(store, "every")
    await rule(store, "some", calculation="new.code != 'x'")
    made = await products(store, 2)
    process = a_process(store, all_but_p1)
    assert await process.follow(store.organization)
    with pytest.raises(AssertionError):  # nothing is behind it yet: it is tried again, and not lost
        await process.follow(store.organization)
    made.append(await store.create("product", code="p2", name="P2"))
    with structlog.testing.capture_logs() as said:
        assert not await process.follow(store.organization)
    by_rule = {code: [subject for subject, of in await told(store) if of == code] for code in ("every", "some")}
    assert by_rule == {"every": made, "some": [made[0], made[2]]}
    [line] = [line for line in said if line["event"] == "event_passed_over"]
    assert line["of_rules"] == 1 and line["exc_info"]
    # As the runbook says, once a mended version runs.
    async with store.postgres.connection() as connection:
        back = "UPDATE store.alert_positions SET position = $2 WHERE organization = $1"
        await connection.execute(back, store.organization, line["position"] - 1)
    assert not await a_process(store).follow(store.organization)
    assert sorted(await told(store)) == sorted((subject, code) for subject in made for code in by_rule)
