"""What is found broken while somebody mends it stops nobody for good: it is waited for, and looked at anew."""

import asyncio
from dataclasses import replace

import pytest

from events.topics import USAGE
from services.breaks import BeingMendedError, BreakError, LogWentBackError
from services.continuity.guard import Guard, check_nobody_mends, guarded, mending
from services.kafka import Cluster
from services.store.generations import Generations, GenerationsMovedError
from tests.store.kit import Store

pytestmark = pytest.mark.stack
FOUND = LogWentBackError(Cluster("here:1"), USAGE, 0, 1, 2)


async def ended_by(store: Store, generations: Generations) -> Exception:
    """What a worker that finds a break ends by; it began under these names."""

    async def work() -> None:
        raise FOUND

    guard = Guard(store.endpoints.kafka, store.postgres.connection, generations)
    with pytest.raises((BreakError, GenerationsMovedError)) as ended:
        await guarded(guard, work())
    return ended.value


async def test_a_break_is_waited_for_as_long_as_somebody_mends(store: Store) -> None:
    async with store.postgres.connection() as connection:
        async with mending(connection):
            assert isinstance(await ended_by(store, store.generations), BeingMendedError)
        assert await ended_by(store, store.generations) is FOUND


async def test_what_was_mended_meanwhile_is_begun_anew(store: Store) -> None:
    assert isinstance(await ended_by(store, replace(store.generations, usage="before")), GenerationsMovedError)


async def test_those_who_ask_do_not_take_each_other_for_menders(store: Store) -> None:
    async with asyncio.timeout(30), store.postgres.transaction() as one, store.postgres.transaction() as other:
        await check_nobody_mends(one)
        await check_nobody_mends(other)
