"""How processes find what is to be sent, and how whoever changes a destination gets on with them."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from events.resources.webhooks import Webhook
from services.postgres import Role, open_postgres
from services.webhooks.claims import _DUE, _NEXT, AttemptOutcome, Claims
from services.webhooks.deliveries import New, add
from services.webhooks.destinations import put_destination
from tests.store.kit import Store
from tests.webhooks.conftest import Organization
from tests.webhooks.test_queue import queued, rests, standing

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
BUSY = AttemptOutcome(503, "busy", retry_after=timedelta(seconds=90))


@pytest.mark.parametrize("way", ["change", "rotation", "test"])
async def test_what_is_changed_or_tried_is_sent_at_once_whatever_was_asked_for_before(
    org: Organization, store: Store, way: str
) -> None:
    key = await queued(org, store, "a")
    path = f"integrationdestinations/webhooks/{key[1]}"
    async with open_postgres(store.endpoints.database_url, role=Role.WEBHOOKS) as postgres:
        claims = Claims(postgres, timedelta(minutes=1))
        [claim] = await claims.take(key, 1)
        await claims.end(claim, BUSY)
    assert await rests(store, key)
    if way == "change":
        await org.do("PUT", f"{path}/active", active="true")
    else:
        await org.do("POST", f"{path}/{'secrets' if way == 'rotation' else 'test'}", {})
    assert not await rests(store, key)


class _Undone(Exception):
    pass


async def test_a_look_for_what_is_due_reads_one_delivery_of_a_destination(org: Organization, store: Store) -> None:
    """However many are open: of many destinations, as rows of one's would else be read."""
    fill = """
        INSERT INTO store.webhook_deliveries
            (organization, webhook_id, delivery_id, event_type, subject, body, status, next_attempt)
        SELECT organization, webhook_id, 'many-' || n, 't', 'many-' || n, '{}', 'PENDING', now() + $1 * interval '1 h'
        FROM store.webhook_destinations, generate_series(1, 3000) AS n
        WHERE organization = $2 AND webhook_id = ANY ($3)
    """
    busy = [(await queued(org, store))[1] for _ in range(2)]
    await queued(org, store)
    for hours in (-1, 1):
        with suppress(_Undone):
            async with store.postgres.transaction() as connection:
                await connection.execute(fill, hours, store.organization, busy)
                await connection.execute("ANALYZE store.webhook_deliveries")
                for query in (_DUE, _NEXT):
                    explained = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
                    scans = list(scans_of(json.loads(explained)[0]["Plan"], "webhook_deliveries"))
                    assert [scan.get("Index Name") for scan in scans] == ["webhook_deliveries_of_destination"]
                    assert all(scan["Actual Rows"] <= 1 for scan in scans), explained
                    assert not any(scan.get("Rows Removed by Filter") for scan in scans), explained
                raise _Undone


def scans_of(plan: dict[str, Any], table: str) -> Iterator[dict[str, Any]]:
    """The nodes of a plan that read the table."""
    if plan.get("Relation Name") == table:
        yield plan
    for below in plan.get("Plans", ()):
        yield from scans_of(below, table)


async def test_who_changes_a_destination_and_who_ends_a_delivery_wait_for_each_other_in_turn(
    org: Organization, store: Store
) -> None:
    key = await queued(org, store, "a")
    body = Webhook.model_validate({"name": "x", "description": "", "url": "http://127.0.0.1:9/x"})
    waits = """
        SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_blocking_pids(pid) && ARRAY[$1::int])
    """
    async with open_postgres(store.endpoints.database_url, role=Role.WEBHOOKS) as postgres:
        claims = Claims(postgres, timedelta(minutes=1))
        [claim] = await claims.take(key, 1)
        async with store.postgres.transaction() as connection, asyncio.timeout(60):
            ours = await connection.fetchval("SELECT pg_backend_pid()")
            await put_destination(connection, *key, body)
            ending = asyncio.create_task(claims.end(claim, BUSY))
            while not await connection.fetchval(waits, ours):
                await asyncio.sleep(0.01)
            await add(connection, *key, [New("tried", None, "t", "tried", "{}")])
        assert await ending == "PENDING"
    assert set(await standing(store, key)) == {"0", "tried"}
