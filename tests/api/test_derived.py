"""Fields that settlement derives: from the projected row when it is new enough, else settled on read; and what they
forbid.
"""

import asyncio
import re
from datetime import date
from typing import Any

import httpx
import pytest
from m3ter import AsyncM3ter

from events.bill_parts import divided
from events.facts.bills import BillIssued, BillVoided
from services.postgres import Postgres
from services.readside.family_now import settle_now
from services.readside.live import create_read_models, live_schema, move_live
from services.readside.waiter import Waiter
from services.run.stack import Stack
from services.store.events import NewEvent, append
from tests.store.kit import NOW, Store

pytestmark = pytest.mark.stack

PROJECTED = """
INSERT INTO {schema}.commitment_balances (organization, commitment_id, root_id, account_id, kind, currency, amount,
    spent, remaining, rolled_over, lapsed, status, periods, folded, as_of)
VALUES ($1, $2, $3, $3, 'MINIMUM', 'USD', 100, 33.5, 66.5, 0, 0, 'ACTIVE', $5, $4, '2026-01-01')
"""
PERIODS = """[{"startDate": "2026-01-01", "endDate": "2027-01-01", "amount": "100", "counted": "33.5",
               "shortfall": "66.5", "trueUp": "0", "state": "OPEN"}]"""


async def project(store: Store, account: str, commitment: str, folded: int) -> None:
    async with store.postgres.transaction() as connection:
        schema = await connection.fetchval("SELECT name FROM store.live_schema")
        statement = PROJECTED.format(schema=schema)
        await connection.execute(statement, store.organization, commitment, account, folded, PERIODS)


async def test_a_projected_row_is_shown_once_it_has_passed_the_last_command(
    store: Store, http: httpx.AsyncClient
) -> None:
    account = await store.account()
    commitment = await store.commitment(account, commitmentType="MINIMUM")
    await project(store, account, commitment, 2**40)
    shown = (await http.get(f"/commitments/{commitment}")).json()
    assert (shown["amountSpent"], shown["amountRemaining"], shown["status"]) == (33.5, 66.5, "ACTIVE")
    assert shown["periods"][0] == {
        "startDate": "2026-01-01",
        "endDate": "2027-01-01",
        "amount": 100,
        "counted": 33.5,
        "shortfall": 66.5,
        "trueUp": 0,
        "state": "OPEN",
    }


async def test_a_row_that_is_behind_is_not_mixed_in(store: Store, http: httpx.AsyncClient) -> None:
    account = await store.account()
    commitment = await store.commitment(account)
    await project(store, account, commitment, 0)
    shown = (await http.get(f"/commitments/{commitment}")).json()
    assert (shown["amountSpent"], shown["amountRemaining"]) == (0, 100)


async def test_a_row_is_read_where_read_models_were_moved_to(store: Store, http: httpx.AsyncClient) -> None:
    account = await store.account()
    commitment = await store.commitment(account, commitmentType="MINIMUM")
    await project(store, account, commitment, 2**40)

    async def spent() -> float:
        return float((await http.get(f"/commitments/{commitment}")).json()["amountSpent"])

    assert await spent() == 33.5
    async with store.postgres.transaction() as connection:
        before = await live_schema(connection)
        await create_read_models(connection, "rm_9000")
        await move_live(connection, "rm_9000")
    try:
        assert await spent() == 0  # nothing is projected there yet, so it is settled
        await project(store, account, commitment, 2**40)
        assert await spent() == 33.5
    finally:
        async with store.postgres.transaction() as connection:
            await move_live(connection, before)
            await connection.execute("DROP SCHEMA rm_9000 CASCADE")
    assert await spent() == 33.5


async def test_a_create_shows_what_was_made_and_settles_nothing_beside_it(
    store: Store, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def settle(*_: Any) -> Any:
        raise AssertionError("the family is settled")

    account = await store.account()
    await store.commitment(account)
    monkeypatch.setattr("services.api.derived.settle_now", settle)
    terms = {"accountId": account, "amount": 100, "currency": "USD", "startDate": "2026-01-01", "endDate": "2190-01-01"}
    prepaid = (await http.post("/commitments", json=terms)).json()
    assert (prepaid["amountSpent"], prepaid["amountRemaining"], prepaid["status"]) == (0, 100, "ACTIVE")
    minimum = (await http.post("/commitments", json=terms | {"commitmentType": "MINIMUM"})).json()
    assert (minimum["amountSpent"], minimum["amountRemaining"], len(minimum["periods"])) == (0, 100, 1)
    later = {"startDate": "2189-01-01T00:00:00Z", "endDate": "2190-01-01T00:00:00Z", "code": "wallet", "name": "Wallet"}
    balance = (await http.post("/balances", json=terms | later)).json()
    assert (balance["amountSpent"], balance["amount"], balance["status"]) == (0, 0, "UPCOMING")


async def test_what_has_drawn_is_deleted_by_force_only(store: Store, http: httpx.AsyncClient) -> None:
    account = await store.account()
    commitment = await store.commitment(account, code="prepaid")
    await project(store, account, commitment, 2**40)
    refused = await http.delete(f"/commitments/{commitment}")
    assert (refused.status_code, refused.headers["x-should-retry"]) == (409, "false")
    assert refused.json()["message"].startswith("commitment prepaid has drawn or billed")
    assert (await http.delete(f"/commitments/{commitment}?force=true")).status_code == 200


def bill_with(commitments: list[str], account: str) -> BillIssued:
    """A bill of a fee for each of the commitments."""
    line = {
        "type": "COMMITMENT_FEE", "accountId": account, "amount": "10", "quantity": "0", "units": "0",
        "periodStart": "2026-01-01", "periodEnd": "2026-02-01",
    }  # fmt: skip
    return BillIssued.model_validate(
        {
            "billId": f"bill-{account}", "accountId": account, "rootId": account, "billDate": "2026-02-01",
            "dueDate": "2026-02-15", "startDate": "2026-01-01", "endDate": "2026-02-01", "billingFrequency": "MONTHLY",
            "currency": "USD", "timezone": "UTC", "total": "10",
            "lines": [
                line | {"id": f"line-{number}", "number": number, "commitmentId": commitment}
                for number, commitment in enumerate(commitments, 1)
            ],
            "positions": {"partition": 0, "log": 1, "catalog": 1},
        }
    )  # fmt: skip


async def test_what_is_billed_is_deleted_by_force_only_until_the_bill_is_void(
    store: Store, http: httpx.AsyncClient
) -> None:
    account = await store.account()
    commitment = await store.commitment(account)
    bill = bill_with([commitment], account)
    void = BillVoided(bill_id=bill.bill_id, account_id=account, root_id=account)
    for version, fact, status in ((1, bill, 409), (2, void, 200)):
        async with store.postgres.transaction() as connection:
            event = NewEvent(store.organization, f"bills-{account}", version, fact, NOW, account, 0)
            await append(connection, [event], store.generations)
        response = await http.delete(f"/commitments/{commitment}")
        assert response.status_code == status
        assert commitment in response.text


async def test_what_a_bill_in_parts_has_billed_is_deleted_by_force_only(store: Store, http: httpx.AsyncClient) -> None:
    account = await store.account()
    first, last, other = [await store.commitment(account) for _ in range(3)]
    bill = bill_with([first, account, last], account)
    parts = divided(bill, 500)
    assert len(parts) == 3
    async with store.postgres.transaction() as connection:
        events = [
            NewEvent(store.organization, f"bills-{account}", version, fact, NOW, account, 0)
            for version, fact in enumerate(parts, 1)
        ]
        await append(connection, events, store.generations)
    statuses = [(await http.delete(f"/commitments/{commitment}")).status_code for commitment in (first, last, other)]
    assert statuses == [409, 409, 200]


async def test_before_a_delete_the_projection_passes_the_commands_and_bills_are_asked_for_again(
    store: Store, http: httpx.AsyncClient, waited: list[Waiter], monkeypatch: pytest.MonkeyPatch
) -> None:
    commitment, answers = await store.commitment(await store.account()), [False, True]

    async def has_billed(*_: Any) -> bool:
        return answers.pop(0)  # a bill is issued between the two questions

    monkeypatch.setattr("services.api.resources.has_billed", has_billed)
    assert (await http.delete(f"/commitments/{commitment}")).status_code == 409
    assert len(waited) == 1 and answers == []
    monkeypatch.undo()
    assert (await http.delete(f"/commitments/{commitment}?force=true")).status_code == 200


async def test_a_committed_command_answers_without_fields_that_cannot_be_derived(
    store: Store, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = await store.account(), await store.account()
    await store.commitment(good)
    commitment = await store.commitment(bad)

    async def settle(postgres: Postgres, organization: str, root_id: str, as_of: date | None = None) -> Any:
        if root_id == bad:
            raise AssertionError("cannot be settled")
        return await settle_now(postgres, organization, root_id, as_of)

    monkeypatch.setattr("services.api.derived.settle_now", settle)
    body = {"amount": 5, "date": "2026-02-01", "version": 1}
    sent = [
        await http.post(f"/commitments/{commitment}/topups", json=body, headers={"Idempotency-Key": "once"})
        for _ in range(2)
    ]
    assert sent[0].status_code == 200 and sent[1].text == sent[0].text
    assert "amountSpent" not in sent[0].json()
    assert (await http.get(f"/commitments/{commitment}")).status_code == 500
    for path in ("/commitments", "/commitments/search"):
        listed = {document["accountId"]: document for document in (await http.get(path)).json()["data"]}
        assert "amountSpent" not in listed[bad] and listed[good]["amountSpent"] == 0


async def test_while_postgres_is_away_every_answer_is_503_and_names_it(
    stack: Stack, store: Store, http: httpx.AsyncClient, sdk: AsyncM3ter
) -> None:
    product = await sdk.products.create(code="before", name="Before")
    seen = set()
    async with stack.without_postgres(crash=True):
        for _ in range(50):
            response = await http.get(f"/products/{product.id}")
            seen.add((response.status_code, response.json()["message"].partition(" did not answer")[0]))
            await asyncio.sleep(0.02)
    assert {status for status, _ in seen} == {503}
    assert all(re.match(r"Postgres (at postgresql://|was restarted or restored)", message) for _, message in seen)
    async with asyncio.timeout(30):
        while (await http.get(f"/products/{product.id}")).status_code != 200:
            await asyncio.sleep(0.1)
