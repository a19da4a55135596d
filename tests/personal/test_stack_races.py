"""On the real store: keys that are made while an account is being forgotten."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.personal.keyring import Keyring, WrongPersonalKeyError
from services.personal.keys import check_opens, destroy, keys_to_destroy, sealers_called, sealers_of
from services.personal.sealed import TOMBSTONE, opened
from tests.store.kit import Store

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
KEYRING = Keyring("the key of an operator, which is long enough")


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def _drops_keys(store: Store) -> AsyncIterator[None]:
    yield
    await store.drop_keys()


async def test_who_makes_a_key_meanwhile_waits_and_gets_a_new_one(store: Store) -> None:
    """As ingest does, without the organization's lock: nothing it sealed before the commit can be read after it."""

    async def seal() -> str:
        async with store.postgres.connection() as connection:
            return (await sealers_of(connection, store.organization, ["acme"], KEYRING))["acme"].key_id

    async with store.postgres.transaction() as connection:
        going = await keys_to_destroy(connection, store.organization, "acme")
        sealing = asyncio.create_task(seal())
        await asyncio.sleep(0.3)
        assert not sealing.done()
        await destroy(connection, store.organization, "acme", going)
    async with asyncio.timeout(30):
        assert await sealing not in going


async def test_a_key_that_was_made_just_before_goes_too(store: Store) -> None:
    async with store.postgres.connection() as connection:
        sealer = (await sealers_of(connection, store.organization, ["acme"], KEYRING))["acme"]
        sealed = sealer.seal("Ann")
    async with store.postgres.transaction() as connection:
        going = await keys_to_destroy(connection, store.organization, "acme")
        await destroy(connection, store.organization, "acme", going)
    assert going == (sealer.key_id,)
    async with store.postgres.connection() as connection:
        assert opened(sealed, await sealers_called(connection, store.organization, going, KEYRING)) == TOMBSTONE


async def test_every_key_of_the_operators_is_tried_at_a_start(store: Store) -> None:
    other = Keyring("another key of an operator, and as long")
    async with store.postgres.connection() as connection:
        await sealers_of(connection, store.organization, ["a"], KEYRING)
        await sealers_of(connection, store.organization, ["b"], other)
        with pytest.raises(WrongPersonalKeyError):
            await check_opens(connection, KEYRING)
