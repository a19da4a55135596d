"""Personal texts in what webhooks are sent: kept sealed, sent as they are read, a tombstone once they are forgotten."""

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from services.personal.sealed import MARK, TOMBSTONE
from services.postgres import Role, connected
from tests.store.kit import Store
from tests.webhooks.conftest import PERSONAL_KEY, Organization, Workers
from tests.webhooks.receiver import Got, Receiver, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
ACCOUNT = {"code": "acme", "name": 'Ann "A" Acmeson', "emailAddress": "ann@quiet.example"}
WITH_KEY = {"TRUEUP_PERSONAL_KEY": PERSONAL_KEY}


@pytest_asyncio.fixture(loop_scope="session")
async def org(url: str, opened: Store) -> AsyncIterator[Organization]:
    """One that keeps keys; the only one that has any."""
    store = Store(opened.endpoints, opened.postgres, opened.generations)
    await store.configure(personalData="ERASABLE")
    yield Organization(lambda: url, store.organization)
    await store.drop_keys()


def told(one: Got) -> dict[str, Any]:
    """The account as a delivery tells it."""
    found: dict[str, Any] = one.said["data"]["m3terEvent"]["eventData"]["newDto"]
    return {name: found[name] for name in ACCOUNT}


async def test_it_is_sent_as_it_is_read_kept_sealed_and_sent_again_as_a_tombstone(
    org: Organization, receiver: Receiver, workers: Workers, store: Store
) -> None:
    hook = (await org.destination(f"{receiver.url}/ok", "configuration.account.*"))["id"]
    deliveries = f"integrationdestinations/webhooks/{hook}/deliveries"
    await workers.start()  # nobody has a key yet, so it starts without the operator's
    await until(lambda: _has_begun(workers))
    id = await org.create("accounts", **ACCOUNT)

    async def is_refused() -> bool:
        return [delivery.get("lastError") for delivery in await org.deliveries(hook)] == [
            "what is personal in it cannot be opened: have the operator set the key"
        ]

    await until(is_refused)
    assert receiver.got == []
    await workers.kill_all()
    for missing in ({}, {"TRUEUP_PERSONAL_KEY": "another operator's key, which is as long as one must be"}):
        child = await workers.start(**missing)
        assert await child.wait() == 1
    said = workers.log.read_text()
    assert f"personal data of organization {org.organization} is kept under keys, and this process has no" in said
    assert "was encrypted with an operator's key that is not in TRUEUP_PERSONAL_KEY_FILE: put that one back" in said
    assert "Traceback" not in said

    [waiting] = await org.deliveries(hook)
    async with store.postgres.connection() as connection:
        await connection.execute("UPDATE store.webhook_deliveries SET next_attempt = now() WHERE webhook_id = $1", hook)
        body = await connection.fetchval("SELECT body FROM store.webhook_deliveries WHERE webhook_id = $1", hook)
    assert MARK in body and "Acmeson" not in body and "quiet" not in body
    await workers.start(**WITH_KEY)
    await receiver.until(lambda: len(receiver.got) == 1)
    assert told(receiver.got[0]) == ACCOUNT
    shown = await org.do("GET", f"{deliveries}/{waiting['id']}")
    assert json.loads(shown["body"]) == receiver.got[0].said

    await org.do("PUT", f"accounts/{id}", ACCOUNT | {"name": "Ann Other", "version": 1})
    await receiver.until(lambda: len(receiver.got) == 2)
    assert told(receiver.got[1]) == ACCOUNT | {"name": "Ann Other"}

    await org.do("POST", f"accounts/{id}/forget")
    await receiver.until(lambda: len(receiver.got) == 3)
    assert receiver.got[2].said["data"]["m3terEvent"]["eventData"]["newDto"]["forgottenAt"]
    again = await org.ask("POST", f"{deliveries}/{waiting['id']}/replay", key="again")
    await receiver.until(lambda: len(receiver.got) == 4)
    assert receiver.got[3].id == receiver.got[0].id == waiting["id"]
    for delivery in receiver.got[2:]:
        assert told(delivery) == ACCOUNT | dict.fromkeys(("name", "emailAddress"), TOMBSTONE)
    assert json.loads(again.json()["body"]) == receiver.got[3].said
    assert "Ann" not in json.dumps(await org.deliveries(hook))


async def test_who_sends_reads_keys_and_changes_none(org: Organization, store: Store) -> None:
    await org.create("accounts", **ACCOUNT)
    async with connected(store.endpoints.database_url, Role.WEBHOOKS) as connection:
        query = "SELECT key_id, key FROM store.personal_keys WHERE organization = $1"
        assert len(await connection.fetch(query, org.organization)) == 1
        for change in ("UPDATE store.personal_keys SET key = NULL", "DELETE FROM store.personal_keys"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT account FROM store.personal_keys")
    async with connected(store.endpoints.database_url, Role.WATCH) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("UPDATE store.personal_keys SET key = NULL")
    for role in (Role.RELAY, Role.PROJECTOR):
        async with connected(store.endpoints.database_url, role) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch("SELECT FROM store.personal_keys")


async def _has_begun(workers: Workers) -> bool:
    return workers.log.exists() and "webhooks_begin" in workers.log.read_text()
