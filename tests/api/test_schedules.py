"""Schedules of a balance on m3ter's wire: their life, what they give from its day on, previews, and what is refused."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio

from services.readside.waiter import Waiter
from tests.api.schemas import check_exchange
from tests.api_client import http_client
from tests.catalog import YEAR
from tests.official import official_client
from tests.store.kit import Store

pytestmark = pytest.mark.stack

TOP_UPS = {
    "code": "refill", "name": "Refill", "amount": 10.5, "startDate": "2026-01-31T00:00:00Z",
    "endDate": "2026-12-31T00:00:00Z", "frequency": "MONTHLY", "frequencyInterval": 1,
    "transactionDescription": "Every month", "transactionTypeId": "bank", "paid": 9, "currencyPaid": "EUR",
}  # fmt: skip
FEES = {
    "code": "keeping", "name": "Keeping", "currency": "USD", "units": 3, "unitPrice": 0.335, "billFrequency": "MONTHLY",
    "billFrequencyInterval": 1, "billInAdvance": False, "chargeDescription": "Keeping the wallet",
    "servicePeriodStartDate": "2026-01-15T00:00:00Z", "servicePeriodEndDate": "2026-04-01T00:00:00Z",
}  # fmt: skip


class Clocked:
    """An organization with a clock of its own, and a balance in it."""

    def __init__(self, http: httpx.AsyncClient, organization: str) -> None:
        self.http, self.organization, self.balance, self.account = http, organization, "", ""

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def below(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        return await self.ask(method, f"/balances/{self.balance}/{path}", body, status)

    async def reach(self, day: str) -> None:
        await self.ask("POST", "/clock", {"now": f"{day}T12:00:00Z"})


@pytest_asyncio.fixture(loop_scope="session")
async def clocked(url: str, store: Store, waited: list[Waiter]) -> AsyncIterator[Clocked]:
    organization = f"{store.organization}-clocked"
    await store.configure(organization, testClock=True)
    async with http_client(f"{url}/organizations/{organization}") as http:
        http.event_hooks = {"response": [check_exchange]}
        held = Clocked(http, organization)
        await held.reach("2026-01-01")
        acme = {"code": "acme", "name": "Acme", "emailAddress": "a@example.com"}
        held.account = (await held.ask("POST", "/accounts", acme))["id"]
        balance = {"accountId": held.account, "code": "wallet", "name": "Wallet", "currency": "USD", **YEAR}
        held.balance = (await held.ask("POST", "/balances", balance))["id"]
        yield held


class Moved(NamedTuple):
    day: str
    amount: Any
    by: str


async def listed(clocked: Clocked, query: str = "") -> list[Moved]:
    """Every transaction, newest first."""
    moved, token = list[Moved](), ""
    while True:
        page = await clocked.below("GET", f"transactions?pageSize=2{token}{query}")
        moved += [Moved(row["transactionDate"][:10], row["amount"], row["entityType"]) for row in page["data"]]
        if "nextToken" not in page:
            return moved
        token = f"&nextToken={page['nextToken']}"


async def left(clocked: Clocked, day: str) -> Any:
    """What is in the balance as of a day: no projection tells this server what day it is."""
    return (await clocked.ask("GET", f"/balances/{clocked.balance}?asOf={day}"))["amount"]


async def test_a_schedule_lives_below_its_balance(clocked: Clocked) -> None:
    for path, sent in (("balancetransactionschedules", TOP_UPS), ("balancechargeschedules", FEES)):
        made = await clocked.below("POST", path, sent | {"version": 0})
        assert sent.items() <= made.items() and (made["version"], made["balanceId"]) == (1, clocked.balance)
        assert await clocked.below("GET", f"{path}/{made['id']}") == made
        assert (await clocked.below("GET", f"{path}?ids={made['id']}"))["data"] == [made]
        changed = await clocked.below("PUT", f"{path}/{made['id']}", made | {"name": "Other"})
        assert (changed["name"], changed["version"]) == ("Other", 2)
        await clocked.below("PUT", f"{path}/{made['id']}", made, 409)
        await clocked.below("PUT", f"{path}/{made['id']}", sent, 400)
        other = await clocked.below("POST", path, sent | {"code": "other"})
        assert [document["id"] for document in (await clocked.below("GET", path))["data"]] == [other["id"], made["id"]]
        page = await clocked.below("GET", f"{path}?pageSize=1")
        assert [document["id"] for document in page["data"]] == [other["id"]]
        page = await clocked.below("GET", f"{path}?pageSize=1&nextToken={page['nextToken']}")
        assert [document["id"] for document in page["data"]] == [made["id"]] and "nextToken" not in page
        kept = await clocked.ask("DELETE", f"/balances/{clocked.balance}?force=true", None, 409)
        assert "is not deleted: balance" in kept["message"]
        for schedule in (made, other):
            assert (await clocked.below("DELETE", f"{path}/{schedule['id']}"))["id"] == schedule["id"]
        await clocked.below("GET", f"{path}/{made['id']}", None, 404)
        await clocked.below("DELETE", f"{path}/{made['id']}", None, 404)
    await clocked.ask("DELETE", f"/balances/{clocked.balance}")


async def test_its_last_and_next_run_follow_the_organizations_clock(clocked: Clocked) -> None:
    top_ups = await clocked.below("POST", "balancetransactionschedules", TOP_UPS)
    fees = await clocked.below("POST", "balancechargeschedules", FEES)
    told = []
    for day in ("2026-01-30", "2026-01-31", "2026-02-01", "2026-04-01", "2026-12-30", "2027-06-01"):
        await clocked.reach(day)
        for path, id in (("balancetransactionschedules", top_ups["id"]), ("balancechargeschedules", fees["id"])):
            shown = await clocked.below("GET", f"{path}/{id}")
            told.append(tuple(shown.get(name, "")[5:10] for name in ("previousRun", "nextRun")))
    assert told == [
        ("", "01-31"), ("", "02-01"), ("01-31", "02-28"), ("", "02-01"), ("01-31", "02-28"), ("02-01", "03-01"),
        ("03-31", "04-30"), ("04-01", ""), ("11-30", ""), ("04-01", ""), ("11-30", ""), ("04-01", ""),
    ]  # fmt: skip


async def test_top_ups_are_transactions_from_their_day_on(clocked: Clocked) -> None:
    made = await clocked.below("POST", "balancetransactionschedules", TOP_UPS)
    await clocked.below("POST", "transactions", {"amount": 5, "transactionDate": "2026-06-01"})
    assert await listed(clocked) == [("2026-06-01", 5, "USER")]
    await clocked.reach("2026-03-31")
    await clocked.below("POST", "transactions", {"amount": 7, "transactionDate": "2026-01-05"})
    everything = [
        ("2026-01-05", 7, "USER"), ("2026-03-31", 10.5, "SCHEDULER"), ("2026-02-28", 10.5, "SCHEDULER"),
        ("2026-01-31", 10.5, "SCHEDULER"), ("2026-06-01", 5, "USER"),
    ]  # fmt: skip
    assert await listed(clocked) == everything
    assert await listed(clocked, "&entityType=SCHEDULER") == everything[1:4]
    assert await listed(clocked, f"&entityId={made['id']}&transactionTypeId=bank") == everything[1:4]
    assert await listed(clocked, "&entityType=USER") == [everything[0], everything[4]]
    first = (await clocked.below("GET", "transactions"))["data"][3]
    assert first == (await clocked.below("GET", "transactions?entityType=SCHEDULER"))["data"][2]
    wanted = {
        "description": "Every month", "transactionTypeId": "bank", "paid": 9, "currencyPaid": "EUR",
        "appliedDate": "2026-01-31T00:00:00Z", "entityId": made["id"], "dtCreated": "2026-01-31T00:00:00Z",
    }  # fmt: skip
    assert wanted.items() <= first.items()
    assert await left(clocked, "2026-03-31") == 43.5
    assert await left(clocked, "2026-02-28") == 33
    assert (await clocked.ask("GET", f"/balances/{clocked.balance}"))["version"] == 3


async def test_a_change_and_an_end_keep_what_came_before_their_day(clocked: Clocked) -> None:
    made = await clocked.below("POST", "balancetransactionschedules", TOP_UPS)
    path = f"balancetransactionschedules/{made['id']}"
    await clocked.reach("2026-02-28")
    # The day of the change itself keeps the old terms.
    changed = await clocked.below("PUT", path, made | {"amount": 20})
    await clocked.reach("2026-05-01")
    paid = [("2026-04-30", 20), ("2026-03-31", 20), ("2026-02-28", 10.5), ("2026-01-31", 10.5)]
    assert [(moved.day, moved.amount) for moved in await listed(clocked)] == paid
    await clocked.below("PUT", path, changed | {"amount": 30, "effectiveDate": "2026-04-01"})
    assert [(moved.day, moved.amount) for moved in await listed(clocked)] == [("2026-04-30", 30), *paid[1:]]
    gone = await clocked.below("DELETE", f"{path}?effectiveDate=2026-03-31")
    assert (gone["amount"], gone["version"], gone["id"]) == (30, 3, made["id"])
    assert [(moved.day, moved.amount) for moved in await listed(clocked)] == paid[2:]
    assert await left(clocked, "2026-05-01") == 21
    wrong = await clocked.below("POST", "balancetransactionschedules", TOP_UPS | {"code": "wrong"})
    assert len(await listed(clocked)) == 6
    await clocked.below("DELETE", f"balancetransactionschedules/{wrong['id']}?force=true")
    assert [(moved.day, moved.amount) for moved in await listed(clocked)] == paid[2:]


async def test_a_preview_tells_what_would_come_and_keeps_nothing(clocked: Clocked) -> None:
    path = "balancetransactionschedules/preview?pageSize=6"
    shown = await clocked.below("POST", path, TOP_UPS)
    assert TOP_UPS.items() <= shown.items() and shown["nextRun"] == "2026-01-31T00:00:00Z"
    days = [document["transactionDate"][5:10] for document in shown["data"]]
    rest = await clocked.below("POST", f"{path}&nextToken={shown['nextToken']}", TOP_UPS)
    days += [document["transactionDate"][5:10] for document in rest["data"]]
    assert days == ["01-31", "02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31", "09-30", "10-31", "11-30"]
    assert "nextToken" not in rest and {document["amount"] for document in rest["data"]} == {10.5}
    shown = await clocked.below("POST", "balancechargeschedules/preview?pageSize=2", FEES)
    rest = await clocked.below("POST", f"balancechargeschedules/preview?nextToken={shown['nextToken']}", FEES)
    fees = [*shown["data"], *rest["data"]]
    assert [(fee["servicePeriodStartDate"][5:10], fee["billDate"][5:], fee["amount"]) for fee in fees] == [
        ("01-15", "02-01", 1), ("02-01", "03-01", 1), ("03-01", "04-01", 1),
    ]  # fmt: skip
    wanted = {"accountId": clocked.account, "entityId": clocked.balance, "units": 3, "unitPrice": 0.335}
    assert wanted.items() <= fees[0].items()
    assert (await clocked.below("GET", "balancechargeschedules"))["data"] == []
    assert await listed(clocked) == []


@pytest.mark.parametrize("path", ["balancetransactionschedules", "balancechargeschedules"])
async def test_what_is_refused_says_why(clocked: Clocked, path: str) -> None:
    sent = TOP_UPS if path == "balancetransactionschedules" else FEES
    start = "startDate" if "startDate" in sent else "servicePeriodStartDate"
    other = await clocked.ask("POST", "/balances", {
        "accountId": clocked.account, "code": "other", "name": "Other", "currency": "EUR", **YEAR,
    })  # fmt: skip
    made = await clocked.below("POST", path, sent)
    sent = sent | {"code": "new"}
    for body, status, message in (
        (sent | {"balanceId": other["id"]}, 400, "balanceId: must be the one of the path"),
        (sent | {start: "2025-01-01"}, 400, f"{start}: must not be before the balance's startDate, 2026-01-01"),
        (sent | {"amount": -1}, 400, "amount: must be greater than"),
        (sent | {"colour": "red"}, 400, "colour: is not a field of this resource"),
    ):
        for tail in ("", "/preview"):
            assert message in (await clocked.below("POST", f"{path}{tail}", body, status))["message"]
    taken = await clocked.below("POST", path, sent | {"code": made["code"]}, 409)
    assert f"code: {made['code']} is taken" in taken["message"]
    asked: list[tuple[str, str, Any]] = [("GET", path, None), ("POST", path, sent), ("POST", f"{path}/preview", sent)]
    for method, below, body in asked:
        answer = await clocked.ask(method, f"/balances/{made['id']}/{below}", body, 404)
        assert answer["message"] == f"there is no balance with id {made['id']}"
    for method in ("GET", "PUT", "DELETE"):
        where = f"/balances/{other['id']}/{path}/{made['id']}"
        answer = await clocked.ask(method, where, made if method == "PUT" else None, 404)
        assert f"with id {made['id']}" in answer["message"]
    await clocked.below("PUT", f"{path}/{made['id']}", made | {"effectiveDate": "soon"}, 400)
    moved = await clocked.below("PUT", f"{path}/{made['id']}", made | {"balanceId": other["id"]}, 400)
    assert moved["message"] == "balanceId: is set at creation and never changes"
    await clocked.below("DELETE", f"{path}/{made['id']}?effectiveDate=soon", None, 400)
    await clocked.ask("GET", f"/{path}", None, 404)


async def test_another_currency_and_an_uncovered_debit_are_refused(clocked: Clocked) -> None:
    answer = await clocked.below("POST", "balancechargeschedules", FEES | {"currency": "EUR"}, 400)
    assert answer["message"] == "currency: must be the balance's, USD"
    made = await clocked.below("POST", "balancetransactionschedules", TOP_UPS)
    await clocked.below("POST", "transactions", {"amount": -10, "transactionDate": "2026-02-01"})
    answer = await clocked.below("DELETE", f"balancetransactionschedules/{made['id']}?force=true", None, 409)
    assert "taken out of it by 2026-02-01 would be 10 more than what is paid in" in answer["message"]
    answer = await clocked.below("POST", "transactions", {"amount": -1, "transactionDate": "2026-02-01"}, 400)
    assert answer["message"] == "amount: must not take out more than the 0.5 paid in"
    await clocked.below("POST", "transactions", {"amount": -10, "transactionDate": "2026-02-28"})
    await clocked.below("DELETE", f"balancetransactionschedules/{made['id']}?effectiveDate=2026-03-01")
    assert await left(clocked, "2026-12-01") == 1


async def test_events_tell_of_schedules(clocked: Clocked, url: str) -> None:
    made = await clocked.below("POST", "balancechargeschedules", FEES)
    await clocked.below("DELETE", f"balancechargeschedules/{made['id']}")
    async with official_client(url, clocked.organization) as sdk:
        events = [event async for event in sdk.events.list(resource_id=made["id"])]
    assert [event.event_name for event in events] == [
        "billing.balancechargeschedule.deleted", "billing.balancechargeschedule.created",
    ]  # fmt: skip
