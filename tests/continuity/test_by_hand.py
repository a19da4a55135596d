"""Rows of the event store that somebody deleted or changed by hand: what is said, and that the log gives them back."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.postgres import connected, open_postgres
from services.readside.loading import LostPositionsError
from services.rebuild import rebuild
from services.store.generations import NotMigratedError
from services.store.lost_rows import LostRowsError
from tests.continuity.home import Home
from tests.system.story import ACCOUNTS, Wire, publish, set_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
#: All rows of a table, as texts.
_ROWS = "SELECT array_agg(held::text ORDER BY held::text) FROM store.{} AS held"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wire(home: Home) -> Wire:
    """An organization with accounts, usage and bills; nothing runs."""
    await home.start()
    wire = home.wire("by-hand")
    await set_up(wire, billPrefix="N-")
    await publish(home.cluster, "by-hand", 0, home.settings.partitions)
    await home.settled()
    await home.stop()
    await home.start()
    job = await wire.do("POST", "billjobs", {"lastDateInBillingPeriod": "2026-01-31"})
    while job["status"] != "COMPLETE":
        job = await wire.do("GET", f"billjobs/{job['id']}")
    await home.settled()
    await home.stop()
    return wire


@pytest_asyncio.fixture(loop_scope="session")
async def before(home: Home, wire: Wire) -> AsyncIterator[dict[str, Any]]:
    """What the store's tables held; they hold the same in the end, all goes on from there, and the audit passes."""
    held = await rows(home)
    yield held
    assert await rows(home) == held
    await home.start()
    for code in ACCOUNTS:
        assert (await wire.do("GET", f"accounts?codes={code}"))["data"][0]["code"] == code
    code = f"product-{len(held['events'])}"
    await wire.make("products", code, code=code, name=code)
    await home.settled()
    assert await home.stop() == []
    status, said = await home.trueup("audit")
    assert status == 0 and "live == replay, unexplained 0.00" in said, said


async def rows(home: Home) -> dict[str, Any]:
    async with connected(home.database_url) as connection:
        tables = ("events", "entities", "invoice_numbers")
        held = {table: await connection.fetchval(_ROWS.format(table)) for table in tables}
        held["generations"] = await connection.fetchval(
            "SELECT array_agg(generation ORDER BY part) FROM store.generations"
        )
        return held


async def by_hand(home: Home, *statements: str) -> None:
    async with connected(home.database_url) as connection:
        for statement in statements:
            assert await connection.execute(statement) not in ("DELETE 0", "UPDATE 0"), statement


@pytest.mark.parametrize("part", ["commands", "usage"])
async def test_a_name_that_is_gone_is_not_made_anew_and_is_found_in_the_log(
    home: Home, before: dict[str, Any], part: str
) -> None:
    await by_hand(home, f"DELETE FROM store.generations WHERE part = '{part}'")
    status, said = await home.trueup("migrate")
    assert status == 1 and "store.generations has lost rows" in said and "rebuild-store" in said, said
    status, said = await home.trueup("rebuild-store")
    assert status == 0 and "0 events added" in said, said


async def test_the_relays_row_is_missed_by_name_and_found_in_the_log(home: Home, before: dict[str, Any]) -> None:
    await by_hand(home, "DELETE FROM store.relay")
    await home.start("relay")
    assert isinstance(await home.ended("relay"), LostRowsError)
    status, said = await home.trueup("status")
    assert status == 1 and str(NotMigratedError()) in said, said
    status, said = await home.trueup("migrate")
    assert status == 1 and "store.relay has lost rows" in said, said
    status, said = await home.trueup("rebuild-store")
    assert status == 0 and "events are written to the log again" not in said, said


async def test_read_models_whose_name_is_gone_are_filled_again(home: Home, before: dict[str, Any]) -> None:
    await by_hand(home, "DELETE FROM store.live_schema")
    status, said = await home.trueup("migrate")
    assert status == 0, said


async def read_models_by_hand(home: Home, statement: str) -> None:
    async with connected(home.database_url) as connection:
        schema = await connection.fetchval("SELECT name FROM store.live_schema")
    await by_hand(home, statement.format(schema))


async def test_read_models_that_have_lost_how_far_they_are_are_not_folded_on_top(
    home: Home, before: dict[str, Any]
) -> None:
    await read_models_by_hand(home, "DELETE FROM {}.positions")
    await home.start("projector")
    assert isinstance(await home.ended("projector"), LostPositionsError)
    status, said = await home.trueup("replay")
    assert status == 0, said


async def test_ids_that_are_gone_fail_the_audit(home: Home, before: dict[str, Any]) -> None:
    await read_models_by_hand(home, "DELETE FROM {}.seen_ids")
    status, said = await home.trueup("audit")
    assert status == 1 and "first difference: seen_ids of partition" in said, said
    status, said = await home.trueup("replay")
    assert status == 0, said


async def test_events_and_resources_that_a_hand_has_changed_are_what_the_log_holds_again(
    home: Home, before: dict[str, Any]
) -> None:
    await by_hand(
        home,
        "DELETE FROM store.events WHERE position = (SELECT position FROM store.events WHERE type = 'AccountCreated'"
        " ORDER BY position LIMIT 1)",
        "DELETE FROM store.events WHERE position = (SELECT position FROM store.events WHERE type = 'BillIssued'"
        " ORDER BY position LIMIT 1)",
        "UPDATE store.events SET data = replace(data::text, '0.02', '0.03')::json WHERE type = 'PricingCreated'",
        "UPDATE store.events SET type = 'Nonsense' WHERE type = 'MeterCreated'",
        "DELETE FROM store.entities WHERE kind = 'account' AND body->>'code' = 'account-0'",
        "UPDATE store.entities SET body = jsonb_set(body, '{name}', '\"another\"') WHERE body->>'code' = 'account-1'",
        "DELETE FROM store.invoice_numbers",
    )
    status, said = await home.trueup("rebuild-store", "--whole")
    assert status == 0 and "2 events added to the store" in said, said
    assert "2 events of the store were not what the log holds, and are so again: " in said, said
    assert "2 resources were not what follows from their events, and are so again" in said, said
    status, said = await home.trueup("rebuild-store", "--whole")
    assert status == 0 and "0 events added" in said and "so again" not in said, said


async def test_the_newest_events_that_are_gone_are_found_without_being_asked_for(
    home: Home, before: dict[str, Any]
) -> None:
    newest = "SELECT position FROM store.events ORDER BY position DESC LIMIT 3"
    await by_hand(home, f"DELETE FROM store.events WHERE position IN ({newest})")
    await home.start("relay")
    assert "rebuild-store" in str(await home.ended("relay"))
    status, said = await home.trueup("rebuild-store")
    assert status == 0 and "3 events added to the store" in said and "no log holds them" not in said, said


async def test_a_rebuild_of_an_empty_database_may_be_killed_while_it_reads_the_log(
    home: Home, before: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.lose_postgres()

    async def killed(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(rebuild, "scan", killed)
    async with open_postgres(home.database_url) as postgres:
        with pytest.raises(InterruptedError):
            await rebuild.rebuild_store(postgres, home.cluster, record_bytes=home.settings.max_record_bytes)
    status, said = await home.trueup("rebuild-store")
    assert status == 0 and "events added to the store" in said, said


async def test_usage_is_not_begun_anew_over_another_log(home: Home, before: dict[str, Any]) -> None:
    digest = "set record_digest = decode(reverse(encode(record_digest, 'hex')), 'hex')"
    await by_hand(home, f"UPDATE store.marks {digest} WHERE topic = 'billing.events'")
    status, said = await home.trueup("migrate", "--new-usage")
    assert status == 1 and "has another record at offset" in said and "rebuild-store" in said, said
    await by_hand(home, f"UPDATE store.marks {digest} WHERE topic = 'billing.events'")
