"""On real servers: what happened is sent, signed, in order, at least once, whoever is killed and whoever is hostile."""

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta

import asyncpg
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.postgres import Role, connected
from tests.store.kit import Store
from tests.webhooks.conftest import Organization, Workers
from tests.webhooks.receiver import Receiver, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
HOOKS = "integrationdestinations/webhooks"
PRODUCTS = "configuration.product.*"


async def test_what_happens_is_sent_signed_and_in_order(
    org: Organization, receiver: Receiver, workers: Workers, store: Store
) -> None:
    before = await org.product("before")
    made = await org.destination(f"{receiver.url}/ok", PRODUCTS)
    secret = made["credentials"]["secret"]  # type: ignore[index]
    other = await org.destination(f"{receiver.url}/other", "configuration.plan.*")
    for version in range(1, 6):
        await org.do("PUT", f"products/{before}", {"code": "before", "name": f"N{version}", "version": version})
    await org.product("after")
    await workers.start()
    await workers.start()
    await receiver.until(lambda: len(receiver.got) >= 6)
    updated = [
        delivery.said["data"]["m3terEvent"]["eventData"] for delivery in receiver.got if "updated" in delivery.body
    ]
    assert [event["newDto"]["name"] for event in updated] == [f"N{version}" for version in range(1, 6)]
    for delivery in receiver.got:
        assert Webhook(secret).verify(delivery.body, delivery.headers)["type"].startswith("configuration.product.")
        event = await org.do("GET", f"events/{delivery.said['data']['id']}")
        assert delivery.said["data"] == event and delivery.said["timestamp"] == event["eventTime"]
    await until(lambda: _stand(org, made["id"], {"DELIVERED": 6}))
    assert await org.deliveries(other["id"]) == []

    tried = await org.do("POST", f"{HOOKS}/{other['id']}/test")
    assert (tried["eventType"], tried["status"]) == ("webhook.test", "PENDING")
    await receiver.until(lambda: [delivery.id for delivery in receiver.at("/other")] == [tried["id"]])
    await until(lambda: _stand(org, other["id"], {"DELIVERED": 1}))
    shown = await org.do("GET", f"{HOOKS}/{other['id']}/deliveries/{tried['id']}")
    assert (shown["lastStatus"], shown["attempts"], shown["body"]) == (204, 1, receiver.at("/other")[0].body)


async def test_a_secret_is_told_once_and_kept_where_no_request_reads_it(org: Organization, store: Store) -> None:
    made = await org.ask("POST", HOOKS, {"name": "N", "description": "", "url": "https://a.example"}, key="once")
    again = await org.ask("POST", HOOKS, {"name": "N", "description": "", "url": "https://a.example"}, key="once")
    secret, id = made.json()["credentials"].pop("secret"), made.json()["id"]
    assert again.json()["id"] == id and "secret" not in again.json()["credentials"]
    for path in (f"{HOOKS}/{id}", HOOKS, f"{HOOKS}/{id}/secrets", "events"):
        assert secret not in (await org.ask("GET", path)).text
    for table in ("events", "entities", "idempotency", "webhook_secrets"):
        async with store.postgres.connection() as connection:
            rows = await connection.fetch(f"SELECT row_to_json(t)::text AS row FROM store.{table} t")
        assert not any(secret in row["row"] for row in rows)
    async with connected(store.endpoints.database_url, Role.API) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT secret FROM store.webhook_secrets")
    async with connected(store.endpoints.database_url, Role.WEBHOOKS) as connection:
        assert await connection.fetch("SELECT secret FROM store.webhook_secrets")
        for table in ("events", "entities", "access_keys", "idempotency"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT FROM store.{table}")


async def test_a_slow_or_hostile_receiver_delays_no_other(
    org: Organization, receiver: Receiver, workers: Workers
) -> None:
    paths = ("never", "endless", "redirect", "garbage", "broken", "busy")
    receiver.answers("/broken", 500)
    receiver.answers("/busy", 503, Retry_After="3600")
    hostile = {path: (await org.destination(f"{receiver.url}/{path}", PRODUCTS))["id"] for path in paths}
    good = (await org.destination(f"{receiver.url}/ok", PRODUCTS))["id"]
    for number in range(8):
        await org.product(f"p{number}")
    await workers.start()
    await receiver.until(lambda: len(receiver.at("/ok")) == 8)
    assert len({delivery.id for delivery in receiver.at("/ok")}) == 8
    # An answer is its status: what follows it is not waited for. All else is tried again, and says why.
    await until(lambda: _stand(org, good, {"DELIVERED": 8}))
    await until(lambda: _stand(org, hostile["endless"], {"DELIVERED": 8}))
    why = {
        "never": (None, "it did not answer within 2 s"),
        "redirect": (302, "it answered 302: redirects are not followed"),
        "garbage": (None, "it does not answer as HTTP has it"),
        "broken": (500, "it answered 500"),
        "busy": (503, "it answered 503"),
    }
    for path, told in why.items():
        await until(lambda path=path: _is_tried(org, hostile[path]))  # type: ignore[misc]
        tried = [delivery for delivery in await org.deliveries(hostile[path]) if "lastError" in delivery]
        assert {(delivery.get("lastStatus"), delivery["lastError"]) for delivery in tried} == {told}
        assert {delivery["status"] for delivery in tried} == {"PENDING"}
    # Who asks for time has it: nothing but what was on its way already has come since.
    assert len(receiver.at("/busy")) <= 4
    for delivery in tried:
        next_attempt, last_attempt = (
            datetime.fromisoformat(str(delivery[f"{which}Attempt"])) for which in ("next", "last")
        )
        assert next_attempt - last_attempt > timedelta(minutes=59)


async def test_none_is_lost_whoever_is_killed(org: Organization, receiver: Receiver, workers: Workers) -> None:
    webhook = (await org.destination(f"{receiver.url}/slow", PRODUCTS))["id"]
    receiver.pause = 0.2
    await asyncio.gather(*(org.product(f"p{number}") for number in range(30)))
    for killed_at in (3, 8):
        await workers.start()
        await receiver.until(lambda at=killed_at: len(receiver.got) >= at)  # type: ignore[misc]
        await workers.kill_all()
    receiver.pause = 0.0
    await workers.start()
    await workers.start()
    await until(lambda: _stand(org, webhook, {"DELIVERED": 30}))
    ids = defaultdict(set)
    for delivery in receiver.got:
        ids[delivery.said["data"]["id"]].add(delivery.id)
    assert len(ids) == 30 and all(len(same) == 1 for same in ids.values())
    assert len({delivery.id for delivery in receiver.got}) == 30 < len(receiver.got)


async def test_a_secret_is_replaced_while_both_are_good(
    org: Organization, receiver: Receiver, workers: Workers
) -> None:
    made = await org.destination(f"{receiver.url}/ok", PRODUCTS)
    old, hook = made["credentials"]["secret"], f"{HOOKS}/{made['id']}"  # type: ignore[index]
    rotated = await org.do("POST", f"{hook}/secrets", {"overlapHours": 1})
    await workers.start()
    await org.product("one")
    await receiver.until(lambda: len(receiver.got) == 1)
    for good in (old, rotated["secret"]):
        Webhook(good).verify(receiver.got[0].body, receiver.got[0].headers)
    holds, replaced = (await org.do("GET", f"{hook}/secrets"))["data"]
    assert holds["id"] == rotated["id"] and "ends" not in holds and "ends" in replaced
    await org.refused(400, "DELETE", f"{hook}/secrets/{holds['id']}")
    await org.do("DELETE", f"{hook}/secrets/{replaced['id']}")
    await org.product("two")
    await receiver.until(lambda: len(receiver.got) == 2)
    Webhook(rotated["secret"]).verify(receiver.got[1].body, receiver.got[1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(receiver.got[1].body, receiver.got[1].headers)


async def test_what_was_given_up_is_sent_again_when_asked_for(
    org: Organization, receiver: Receiver, workers: Workers
) -> None:
    webhook = (await org.destination(f"{receiver.url}/gone", PRODUCTS))["id"]
    receiver.answers("/gone", 410)
    await workers.start()
    product = await org.product("p")
    await org.do("PUT", f"products/{product}", {"code": "p", "name": "P2", "version": 1})
    await org.product("q")
    await until(lambda: _stand(org, webhook, {"DEAD": 3}))
    assert len(await org.deliveries(webhook, status="DEAD")) == 3
    dead = receiver.got[0].id
    receiver.answers("/gone", 200)
    again = await org.do("POST", f"{HOOKS}/{webhook}/deliveries/{dead}/replay")
    assert again["status"] == "PENDING"
    await until(lambda: _stand(org, webhook, {"DEAD": 2, "DELIVERED": 1}))
    assert [delivery.id for delivery in receiver.got].count(dead) == 2
    assert await org.do("POST", f"{HOOKS}/{webhook}/deliveries/replay") == {"replayed": 2, "more": False}
    await until(lambda: _stand(org, webhook, {"DELIVERED": 3}))

    # While it is switched off nothing is sent to it, and what happens then never is.
    await org.do("PUT", f"{HOOKS}/{webhook}/active", active="false")
    await org.product("unheard")
    await org.refused(400, "POST", f"{HOOKS}/{webhook}/test")
    await org.do("PUT", f"{HOOKS}/{webhook}/active", active="true")
    heard = await org.product("heard")
    await until(lambda: _stand(org, webhook, {"DELIVERED": 4}))
    assert receiver.got[-1].said["data"]["m3terEvent"]["eventData"]["newDto"]["id"] == heard
    await org.do("DELETE", f"{HOOKS}/{webhook}")
    await org.refused(404, "GET", f"{HOOKS}/{webhook}/deliveries")


async def _stand(org: Organization, webhook: object, wanted: dict[str, int]) -> bool:
    found: dict[str, int] = defaultdict(int)
    for delivery in await org.deliveries(webhook):
        found[str(delivery["status"])] += 1
    return found == wanted


async def _is_tried(org: Organization, webhook: object) -> bool:
    return any("lastError" in delivery for delivery in await org.deliveries(webhook))
