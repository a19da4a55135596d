"""Ingest waits for the relay without holding a connection, and judges nothing under names that are past."""

import asyncio
from dataclasses import replace

import pytest

from services.ingest.catalogs import CatalogFollower, CommandGate
from services.postgres import open_postgres
from services.store.generations import GenerationsMovedError
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
