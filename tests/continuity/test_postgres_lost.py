"""Postgres lost whole or restored from a backup: nothing is accepted over it, and the log gives back what it holds."""

from typing import Any

import pytest

from events.bill_parts import divided
from services.breaks import StoreWentBackError
from services.personal.sealed import MARK, TOMBSTONE
from services.postgres import connected, open_postgres
from services.store.generations import load_generations
from tests.api_client import CONFIG, http_client
from tests.continuity.home import Home
from tests.relay.test_divided_bills import MOST, account_of, bill_of, issued
from tests.store.kit import Store
from tests.system.story import ERASABLE, PARTS, Left, Wire, play, set_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def nothing(_: int) -> None:
    """The undisturbed run."""


async def undisturbed(home: Home, organization: str) -> Left:
    wire = home.wire(organization)
    await play(wire, home.cluster, home.settings.partitions, nothing)
    return await home.left(wire)


async def test_postgres_lost_whole_in_mid_load_is_refilled_from_the_log(home: Home) -> None:
    await home.start()
    expected = await undisturbed(home, "undisturbed")
    wire = home.wire("lost")

    async def lose(part: int) -> None:
        if part != PARTS // 2:
            return
        await home.settled()  # what was accepted and is not relayed is lost with Postgres, and no test of the log
        await home.lose_postgres()
        await home.stop()
        assert "rebuild-store" in (await home.trueup("migrate"))[1]
        status, said = await home.trueup("rebuild-store")
        assert status == 0 and "events added to the store" in said, said
        await home.start()

    await play(wire, home.cluster, home.settings.partitions, lose)
    assert await home.left(wire) == expected
    status, said = await home.trueup("audit")
    assert status == 0 and "live == replay, unexplained 0.00" in said, said
    await home.stop()


@pytest.mark.long
async def test_commands_that_were_accepted_over_a_backup_are_named_and_given_back(home: Home) -> None:
    await home.start()
    wire = home.wire("strayed")
    await wire.do("PUT", "organizationconfig", CONFIG)
    await home.settled()
    await home.stop()
    await home.save_postgres()
    await home.start()
    kept = await wire.make("products", "kept", code="kept", name="Kept")
    await home.settled()
    await home.stop()
    await home.restore_postgres()
    async with open_postgres(home.database_url) as postgres:  # what a version did that did not compare
        async with postgres.connection() as connection:
            store = Store(home.endpoints, postgres, await load_generations(connection), "strayed")
        await store.create("product", code="stray", name="Stray")
        # What came behind it, where the log has nothing yet, was decided upon what is to go.
        bill = bill_of(await account_of(store))
        facts = await issued(store, divided(bill, MOST))
    assert len(facts) > 3

    status, said = await home.trueup("rebuild-store")
    assert status == 1 and "rebuild-store --discard" in said, said
    status, said = await home.trueup("rebuild-store", "--discard")
    assert status == 0 and '"code":"stray"' in said, said
    assert '"type":"AccountCreated"' in said and said.count(f'"billId":"{bill.bill_id}"') == len(facts), said
    await home.start()
    products = (await wire.do("GET", "products"))["data"]
    assert [(product["id"], product["code"]) for product in products] == [(kept, "kept")]
    await wire.make("products", "stray", code="stray", name="Stray")
    await home.settled()
    assert (await home.trueup("audit"))[0] == 0
    await home.stop()


async def test_a_backup_that_is_behind_the_log_is_refused_by_everybody_and_caught_up(home: Home) -> None:
    await home.start()
    wire = home.wire("backed-up")
    await wire.do("PUT", "organizationconfig", CONFIG)
    before = await wire.make("products", "before", code="before", name="Before")
    await home.settled()
    await home.stop()
    await home.save_postgres()
    await home.start()
    after = await wire.make("products", "after", code="after", name="After")
    await home.settled()
    await home.stop()
    await home.restore_postgres()

    await home.start("api")  # first, and alone: it is the one that would accept commands
    async with http_client(home.url) as client:
        health = await client.get("/health")
        assert health.status_code == 503 and "rebuild-store" in health.json()["message"]
        for method, path in (("POST", "products"), ("GET", f"products/{before}"), ("GET", "accounts")):
            answer = await client.request(method, f"/organizations/backed-up/{path}", json={"code": "x", "name": "X"})
            assert answer.status_code == 503 and "Postgres was restored" in answer.json()["message"]
    for worker in ("relay", "ingest", "projector"):
        await home.start(worker)
        assert isinstance(await home.ended(worker), StoreWentBackError)

    status, said = await home.trueup("rebuild-store")
    assert status == 0 and "1 events added to the store" in said, said
    assert (await wire.do("GET", f"products/{after}"))["code"] == "after"  # the same API goes on by itself
    await home.start("relay", "ingest", "projector")
    await wire.make("products", "later", code="later", name="Later")
    await home.settled()
    status, said = await home.trueup("audit")
    assert status == 0, said
    await home.stop()


async def good_keys(home: Home) -> set[str]:
    """Accounts of the organization `forgetful` whose keys are there."""
    async with connected(home.database_url) as connection:
        query = "SELECT account FROM store.personal_keys WHERE organization = 'forgetful' AND key IS NOT NULL"
        return {row["account"] for row in await connection.fetch(query)}


async def people(home: Home, wire: Wire) -> dict[str, int]:
    """How many each account has had on a day, by its code."""
    left = await home.left(wire)
    totals = [row for row in left["usage_totals"] if row["aggregation_id"] == "people"]
    return {row["account_id"]: row["state"].count("of ") for row in totals}


def named(code: str, *users: str) -> dict[str, Any]:
    """Usage of one day, of each of these."""
    said = {"account": code, "meter": "api", "ts": "2026-01-10T00:00:00Z", "measure": {"calls": 1}}
    return {"measurements": [said | {"uid": f"{code}-{user}", "who": {"user": user}} for user in users]}


async def test_keys_that_a_backup_brings_back_are_destroyed_again_and_lost_ones_are_lost_for_what_they_sealed_alone(
    home: Home,
) -> None:
    await home.start()
    wire = home.wire("forgetful")
    accounts = await set_up(wire, **ERASABLE)
    forgotten, kept = accounts["account-0"], accounts["account-1"]
    await wire.do("POST", "measurements", named("account-0", "ann", "bob"))
    await home.settled()
    await home.stop()
    await home.save_postgres()

    await home.start()
    assert (await wire.do("POST", f"accounts/{forgotten}/forget"))["emailAddress"] == TOMBSTONE
    later = await wire.make("accounts", "later", code="later", name="Later Last", emailAddress="late@quiet.example")
    await wire.do("POST", "measurements", named("account-1", "ann"))
    await home.settled()
    await home.stop()
    await home.restore_postgres()
    assert forgotten in await good_keys(home)
    status, said = await home.trueup("rebuild-store")
    assert status == 0 and "for their keys had come back: 1" in said and "for their keys are lost: 1;" in said, said
    assert await good_keys(home) == {*accounts.values()} - {forgotten}
    await home.start()
    shown = await wire.do("GET", f"accounts/{forgotten}")
    assert shown["emailAddress"] == TOMBSTONE and shown["forgottenAt"]
    assert (await wire.do("GET", f"accounts/{kept}"))["emailAddress"] == "a@example.com"
    # Its key came after the backup: nobody has forgotten it, and nobody can read it.
    lost = await wire.do("GET", f"accounts/{later}")
    assert lost["emailAddress"].startswith(MARK) and "forgottenAt" not in lost
    # Whom usage named before is counted as ever; who is sealed with a key that was not there before is somebody new.
    assert await people(home, wire) == {"account-0": 2, "account-1": 1}
    await home.settled()
    await home.lose_postgres()
    await home.stop()
    status, said = await home.trueup("rebuild-store")
    assert status == 0 and await good_keys(home) == set(), said
    assert "for their keys are lost: 6" in said and "had come back" not in said, said
    await home.start()
    assert (await wire.do("GET", f"accounts/{forgotten}"))["emailAddress"] == TOMBSTONE
    for id in (kept, later):
        assert (await wire.do("GET", f"accounts/{id}"))["emailAddress"].startswith(MARK)
    await wire.do("POST", "measurements", named("account-1", "bob", "cy"))
    assert await people(home, wire) == {"account-0": 2, "account-1": 3}
    again = await wire.do("PUT", f"accounts/{later}", lost | {"name": "Later", "emailAddress": "new@quiet.example"})
    assert (again["name"], again["emailAddress"]) == ("Later", "new@quiet.example")
    assert await good_keys(home) == {kept, later}
    status, said = await home.trueup("audit")
    assert status == 0 and "live == replay, unexplained 0.00" in said, said
    await home.stop()
