"""What happened becomes one alert and one delivery each, wherever the API's process is killed while it tells of it."""

from typing import Any

import pytest

from events.resources.webhooks import Webhook
from services.webhooks.destinations import put_destination
from tests.killing import forks
from tests.store.kit import Store
from tests.webhooks.told_once import tell_once

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
FOLLOWING, ANNOUNCING = "services/alerts/following.py", "services/webhooks/announcing.py"
WINDOWS, LOOKED = "services/alerts/windows.py", "services/store/following.py"
#: Where it is decided what there is afterwards: what is found is written, with how far was looked.
DECISIVE = (
    *(f"{FOLLOWING}:_append,_append_part", f"{LOOKED}:move"),
    *(f"{WINDOWS}:tell_behind,_append", f"{ANNOUNCING}:announce,_add"),
)
EVERYWHERE = (FOLLOWING, LOOKED, WINDOWS, ANNOUNCING, "services/webhooks/deliveries.py")
NAMED, RULE = "configuration.product.created", {"name": "R", "description": "", "alwaysFireEvent": True}
BEHIND = {"eventName": "alert.readmodels.behind", "threshold": 60, "windowMinutes": 1440}
_DELIVERED = """
SELECT d.number, d.event_type, d.subject, d.event_id, d.delivery_id FROM store.webhook_deliveries d
WHERE d.organization = $1 ORDER BY d.number
"""
_ALERTS = (
    "SELECT data->>'subjectId' AS subject FROM store.events WHERE organization = $1 AND type = 'OrganizationNotified'"
)
_BEHIND = (
    "SELECT data->>'arming' AS arming FROM store.events WHERE organization = $1 AND type = 'OrganizationAlertRaised'"
)


async def rows(store: Store, query: str) -> list[Any]:
    async with store.postgres.connection() as connection:
        return list(await connection.fetch(query, store.organization))


async def told_wherever_it_is_killed(store: Store, *places: str) -> tuple[int, set[tuple[int, int]]]:
    """Something happens before each kill; what a kill left the next one goes on from. Returns the moments, and how many
    alerts and deliveries were there after each kill of those that have to be."""
    await store.create("notificationConfiguration", code="rule", eventName=NAMED, **RULE)
    await store.create("notificationConfiguration", code="late", name="L", description="", **BEHIND)
    body = Webhook.model_validate({"name": "N", "description": "", "url": "https://a.example", "eventTypes": ["*"]})
    async with store.postgres.transaction() as connection:
        await put_destination(connection, store.organization, "hook", body)
    made, left, moment, was_killed = list[str](), set[tuple[int, int]](), 0, True
    async with forks(tell_once, store.endpoints.database_url, store.organization, places=places) as run:
        while was_killed:
            moment += 1
            made.append(await store.create("product", code=f"p{moment}", name=f"P{moment}"))
            was_killed = await run(moment) is None
            alerts, deliveries = len(await rows(store, _ALERTS)), len(await rows(store, _DELIVERED))
            left.add((len(made) - alerts, 2 * len(made) + 1 - deliveries))
    told = await rows(store, _DELIVERED)
    assert sorted(row["subject"] for row in await rows(store, _ALERTS)) == sorted(made)
    names = (NAMED, "Notification", BEHIND["eventName"])
    by_type = {name: [row["subject"] for row in told if row["event_type"] == name] for name in names}
    late = [row["arming"] for row in await rows(store, _BEHIND)]
    assert len(late) == len(set(late)) > 0, "once a window"
    assert by_type[NAMED] == made, "in their order"
    assert sorted(by_type["Notification"]) == sorted(made)
    assert by_type[BEHIND["eventName"]] == [store.organization] * len(late)
    assert (
        len(told)
        == 2 * len(made) + len(late)
        == len({row["event_id"] for row in told})
        == len({row["delivery_id"] for row in told})
    )
    return moment, left


async def test_none_is_lost_and_none_doubled_where_it_is_decided(store: Store) -> None:
    moment, left = await told_wherever_it_is_killed(store, *DECISIVE)
    assert moment > 25, "it was killed at every line"
    assert any(alerts for alerts, _ in left), "before an alert was written"
    assert any(not alerts and deliveries for alerts, deliveries in left), "and before its delivery"


@pytest.mark.long
async def test_none_is_lost_and_none_doubled_wherever_it_is_killed(store: Store) -> None:
    moment, left = await told_wherever_it_is_killed(store, *EVERYWHERE)
    assert moment > 80 and len(left) > 2
