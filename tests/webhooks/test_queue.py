"""The queue in Postgres: what several processes do to it at once, and what is left of one that was killed."""

import asyncio
from datetime import timedelta

import pytest

from services.api.event_documents import documents_at
from services.api.wire import encode
from services.postgres import Role, open_postgres
from services.store.events import head
from services.webhooks.announcing import Announcer
from services.webhooks.claims import AttemptOutcome, Claims
from services.webhooks.deliveries import New, add, dead_deliveries, get_delivery, page_of_deliveries, send_again
from services.webhooks.pauses import OPEN_MOST
from tests.store.kit import Store
from tests.webhooks.conftest import Organization

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
NO_ANSWER, DELIVERED, GONE = (
    AttemptOutcome(None, "no"),
    AttemptOutcome(204, None),
    AttemptOutcome(410, "gone", is_final=True),
)


async def queued(org: Organization, store: Store, *subjects: str) -> tuple[str, str]:
    """A destination with a delivery for each of these subjects, called after their places."""
    webhook = str((await org.destination("http://127.0.0.1:9/x", "configuration.plan.*"))["id"])
    deliveries = [New(str(number), None, "t", subject, "{}") for number, subject in enumerate(subjects)]
    async with store.postgres.transaction() as connection:
        await add(connection, store.organization, webhook, deliveries)
    return store.organization, webhook


async def rests(store: Store, key: tuple[str, str]) -> bool:
    """Whether nothing is sent to the destination for a while."""
    query = "SELECT rests_until > now() FROM store.webhook_destinations WHERE organization = $1 AND webhook_id = $2"
    async with store.postgres.connection() as connection:
        return bool(await connection.fetchval(query, *key))


async def test_a_claim_is_one_processs_until_it_ends_and_what_ends_late_says_nothing(
    org: Organization, store: Store
) -> None:
    key = await queued(org, store, "a")
    async with open_postgres(store.endpoints.database_url, role=Role.WEBHOOKS) as postgres:
        short, long = Claims(postgres, timedelta(0)), Claims(postgres, timedelta(minutes=1))
        [lost] = await short.take(key, 5)
        [again] = await long.take(key, 5)
        assert (lost.id, lost.attempt, again.id, again.attempt) == ("0", 1, "0", 1), "who was killed has used up none"
        assert await long.take(key, 5) == []
        assert await short.end(lost, AttemptOutcome(503, "busy", retry_after=timedelta(minutes=1))) is None
        assert await long.end(again, DELIVERED) == "DELIVERED"
        assert not await rests(store, key), "who has lost his claim says nothing of the destination either"
    async with store.postgres.connection() as connection:
        delivery = await get_delivery(connection, *key, "0")
    assert delivery is not None and (delivery.status, delivery.last_status, delivery.attempts) == ("DELIVERED", 204, 1)


async def test_of_one_subject_the_next_waits_until_the_one_before_has_ended(org: Organization, store: Store) -> None:
    key = await queued(org, store, "a", "b", "a", "a")
    async with open_postgres(store.endpoints.database_url, role=Role.WEBHOOKS) as postgres:
        claims = Claims(postgres, timedelta(minutes=1))
        first, other = sorted(await claims.take(key, 9), key=lambda claim: claim.id)
        assert (first.id, other.id) == ("0", "1")
        assert await claims.end(first, NO_ANSWER) == "PENDING"
        assert await claims.take(key, 9) == [], "it is tried again later, and nothing passes it"
        async with store.postgres.connection() as connection:
            await connection.execute("UPDATE store.webhook_deliveries SET next_attempt = now() WHERE delivery_id = '0'")
        [first] = await claims.take(key, 9)
        assert await claims.end(first, GONE) == "DEAD"
        [second] = await claims.take(key, 9)
        assert second.id == "2"
        # What is sent once more goes before those that came later, and behind the one that is on its way.
        async with store.postgres.transaction() as connection:
            assert await send_again(connection, *key, ["0", "1"]) == 1
        assert await claims.end(second, DELIVERED) == "DELIVERED"
        assert [claim.id for claim in await claims.take(key, 9)] == ["0"]


async def test_several_who_share_the_work_take_each_delivery_once(org: Organization, store: Store) -> None:
    key = await queued(org, store, *map(str, range(40)))
    async with open_postgres(store.endpoints.database_url, role=Role.WEBHOOKS) as postgres:
        claims = [Claims(postgres, timedelta(minutes=1)) for _ in range(8)]
        taken = await asyncio.gather(*(claim.take(key, 7) for claim in claims))
        rest = await claims[0].take(key, 40)
    assert sorted(claim.id for some in (*taken, rest) for claim in some) == sorted(map(str, range(40)))


async def test_an_event_becomes_one_delivery_however_many_look(org: Organization, store: Store) -> None:
    webhook = str((await org.destination("http://127.0.0.1:9/x", "configuration.product.*", "Notification"))["id"])
    async with (
        open_postgres(store.endpoints.database_url, role=Role.API) as postgres,
        open_postgres(store.endpoints.database_url, role=Role.WATCH) as every,
    ):
        lookers = [Announcer(postgres, every, lambda: store.generations, documents_at, encode) for _ in range(4)]
        for number in range(3):
            await org.product(f"p{number}")
        async with every.connection() as connection:
            until = await head(connection)

        async def look(looker: Announcer) -> None:
            while await looker.announce(store.organization, until):
                pass

        await asyncio.gather(*map(look, lookers))
    deliveries = await org.deliveries(webhook)
    assert len(deliveries) == 3 == len({delivery["eventId"] for delivery in deliveries})
    assert await org.do("GET", f"events/{deliveries[0]['eventId']}")


async def age(store: Store, days: int, *ids: str) -> None:
    """They were made, or replayed, so long ago."""
    query = "UPDATE store.webhook_deliveries SET opened_at = now() - $1::interval WHERE delivery_id = ANY ($2)"
    async with store.postgres.connection() as connection:
        await connection.execute(query + " AND organization = $3", timedelta(days=days), list(ids), store.organization)


async def standing(store: Store, key: tuple[str, str]) -> dict[str, tuple[str, str | None]]:
    """Status and last error, by id."""
    async with store.postgres.connection() as connection:
        found = await page_of_deliveries(connection, *key, [], 100)
    return {one.id: (one.status, one.last_error) for one in found}


async def test_who_waits_behind_one_that_is_given_up_is_given_up_with_it_if_as_old_and_sent_again_in_order(
    org: Organization, store: Store
) -> None:
    key = await queued(org, store, "a", "b", "a", "a", "b")
    await age(store, 4, "0", "2", "4")
    async with open_postgres(store.endpoints.database_url, role=Role.WEBHOOKS) as postgres:
        claims = Claims(postgres, timedelta(minutes=1))
        first, other = sorted(await claims.take(key, 9), key=lambda claim: claim.id)
        assert await claims.end(first, GONE) == "DEAD"
        assert await claims.end(other, DELIVERED) == "DELIVERED"
        found = await standing(store, key)
        assert found["2"] == (
            "DEAD",
            "given up with the one before it: it had waited for 3 days",
        )
        assert [found[id][0] for id in ("3", "4")] == ["PENDING", "PENDING"], "younger, and of another subject"
        # Sent once more they have three days again, and their order.
        async with store.postgres.transaction() as connection:
            assert await send_again(connection, *key, await dead_deliveries(connection, *key, 9)) == 2
        [third] = [claim for claim in await claims.take(key, 9) if claim.subject == "a"]
        assert third.id == "3" and await claims.end(third, GONE) == "DEAD"
        assert [claim.id for claim in await claims.take(key, 9)] == ["0"]
        assert (await standing(store, key))["2"][0] == "WAITING"


async def test_what_is_open_for_too_long_is_given_up_also_where_nothing_is_sent(
    org: Organization, store: Store
) -> None:
    key = await queued(org, store, "a", "a", "a", "b", "c")
    await org.do("PUT", f"integrationdestinations/webhooks/{key[1]}/active", active="false")
    await age(store, 31, "0", "1", "3", "4")
    async with open_postgres(store.endpoints.database_url, role=Role.WEBHOOKS) as postgres:
        claims = Claims(postgres, timedelta(minutes=1))
        assert await claims.take(key, 9) == []
        assert not await claims.give_up(OPEN_MOST)
    found, why = await standing(store, key), "given up: it has been open for 30 days"
    assert {id: found[id] for id in "0134"} == dict.fromkeys("0134", ("DEAD", why))
    assert found["2"][0] == "PENDING", "what is behind them goes on"


async def test_who_asks_for_time_has_it_of_every_process(org: Organization, store: Store) -> None:
    key = await queued(org, store, "a", "b")
    async with open_postgres(store.endpoints.database_url, role=Role.WEBHOOKS) as postgres:
        one, other = (Claims(postgres, timedelta(minutes=1)) for _ in range(2))
        [claim] = await one.take(key, 1)
        await one.end(claim, AttemptOutcome(503, "busy", retry_after=timedelta(seconds=90)))
        assert key not in await other.due() and await other.take(key, 9) == []
        ahead = await other.next_in()
        assert ahead is not None and ahead < 90
        async with store.postgres.connection() as connection:
            await connection.execute(
                "UPDATE store.webhook_destinations SET rests_until = now() WHERE webhook_id = $1", key[1]
            )
        assert key in await other.due() and [claim.subject for claim in await other.take(key, 9)] == ["b"]
