"""Ingest waits for the relay, without holding a connection and only for what it judges by, and judges nothing under
names that are past.
"""

import asyncio
from dataclasses import replace

import pytest

from services.ingest.catalogs import CatalogFollower, CommandGate
from services.postgres import open_postgres
from services.store.generations import GenerationsMovedError
from tests.relay.driving import relay, relayed_all, until
from tests.store.kit import Store

pytestmark = pytest.mark.stack


async def test_a_gate_that_waits_for_the_relay_leaves_the_connection_to_others(store: Store) -> None:
    await store.account()  # no relay runs here
    async with open_postgres(store.endpoints.database_url, most=1) as postgres:
        follower = CatalogFollower(store.endpoints.kafka, store.generations.origins)
        passing = asyncio.create_task(CommandGate(postgres, store.generations, follower).pass_())
        await asyncio.sleep(0.3)
        for _ in range(20):
            async with asyncio.timeout(30), postgres.connection() as connection:
                assert await connection.fetchval("SELECT 1") == 1
        assert not passing.done()
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)


async def test_usage_waits_for_what_the_catalog_is_told_of_and_not_for_commitments(store: Store) -> None:
    gate = CommandGate(
        store.postgres,
        store.generations,
        CatalogFollower(store.endpoints.kafka, store.generations.origins),
    )
    account = await store.account()
    async with relay(store):
        await until(lambda: relayed_all(store))
    async with asyncio.timeout(30):
        await gate.pass_()
    # From here on no relay runs.
    await store.commitment(account)
    async with asyncio.timeout(30):
        assert not await gate.pass_()
    await store.account()
    await store.commitment(account)
    passing = asyncio.create_task(gate.pass_())
    await asyncio.sleep(0.5)
    assert not passing.done()
    async with relay(store):
        async with asyncio.timeout(30):
            await passing
    assert gate.catalogs.offset > 0


@pytest.mark.parametrize("part", ["commands", "usage"])
async def test_no_record_passes_once_store_or_usage_have_another_name(store: Store, part: str) -> None:
    began_with = (
        replace(store.generations, commands="before")
        if part == "commands"
        else replace(store.generations, usage="before")
    )
    follower = CatalogFollower(store.endpoints.kafka, began_with.origins)
    with pytest.raises(GenerationsMovedError):
        await CommandGate(store.postgres, began_with, follower).pass_()
