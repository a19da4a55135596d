"""Ingest waits for the relay without holding a connection."""

import asyncio

import pytest

from services.ingest.catalogs import CatalogFollower, CommandGate
from services.postgres import open_postgres
from tests.store.kit import Store

pytestmark = pytest.mark.stack


async def test_a_gate_that_waits_for_the_relay_leaves_the_connection_to_others(store: Store) -> None:
    await store.account()  # no relay runs here
    async with open_postgres(store.endpoints.database_url, most=1) as postgres:
        follower = CatalogFollower(store.endpoints.kafka_bootstrap, store.generations.origins)
        passing = asyncio.create_task(CommandGate(postgres, follower).pass_())
        await asyncio.sleep(0.3)
        for _ in range(20):
            async with asyncio.timeout(1), postgres.connection() as connection:
                assert await connection.fetchval("SELECT 1") == 1
        assert not passing.done()
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)
