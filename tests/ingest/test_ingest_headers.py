"""Headers that any producer may send and hardly any does: they stop nothing."""

import pytest

from events.topics import USAGE
from tests.ingest.live import Live, usages
from tests.kafka.odd_records import publish_with_unreadable_header

pytestmark = pytest.mark.stack


async def test_a_header_without_a_value_stops_nothing(system: Live) -> None:
    world = system.world(accounts=12)
    await system.create(world)
    code = world.codes[0]
    here = world.partition(code)
    stray = next(other for other in world.codes if world.partition(other) != here)
    async with system.worker():
        await system.publish(here, [b"oops", world.usage("s", stray)], [("x", None)])
        await system.publish(here, [world.usage("a", code)])
        log = await system.settled()
    assert sorted(fact.usage_id for fact in usages(log)) == ["a", "s"]
    assert [refusal["reason"] for refusal in await system.rejected()] == ["not-json"]


async def test_a_header_whose_name_is_not_utf8_stops_nothing(system: Live) -> None:
    world = system.world()
    await system.create(world)
    code = world.codes[0]
    here = world.partition(code)
    async with system.worker():
        await system.publish(here, [world.usage("before", code)])
        await publish_with_unreadable_header(system.endpoints.kafka, USAGE, here, world.usage("odd", code))
        await publish_with_unreadable_header(system.endpoints.kafka, USAGE, here, b"not json")
        await system.publish(here, [world.usage("after", code)])
        log = await system.settled()
    assert sorted(fact.usage_id for fact in usages(log)) == ["after", "before", "odd"]
    assert [refusal["reason"] for refusal in await system.rejected()] == ["not-json"]
