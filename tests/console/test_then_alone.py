"""Pages as of a day and as known at a moment, without a server: the API answers what is written here, and what it was
asked is noted. Whether its numbers are right is the business of test_then.py."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from services.access.gate import Gate
from services.access.scopes import ALL, Scope
from services.access.tokens import Identity
from services.console.app import console_routes
from services.console.live import Reached, Streams
from services.console.sessions import COOKIE
from tests.api_client import in_process
from tests.console.alone import NO_LINKS
from tests.console.visiting import Element, parsed

BASE = "/console/organizations/org"
THEN = {"asOf": "2026-01-15", "knownAt": "2026-02-28T12:00:00Z"}
ACCOUNT = {"id": "a", "code": "acme", "name": "Acme", "timezone": "Asia/Tokyo", "customFields": {"locale": "fr"}}
COMMITMENT = {
    "id": "c", "code": "pre", "accountId": "a", "amount": 10, "currency": "JPY", "startDate": "2026-01-01",
    "endDate": "2027-01-01", "amountSpent": 1, "amountRemaining": 12345, "status": "UPCOMING",
}  # fmt: skip
BALANCE = COMMITMENT | {"id": "b", "name": "Goodwill"}
LINE = {
    "id": "l", "billId": "i", "sequenceNumber": 1, "lineItemType": "USAGE", "description": "Calls", "unit": "",
    "servicePeriodStartDate": "2026-01-01", "servicePeriodEndDate": "2026-02-01", "subtotal": 7, "currency": "JPY",
    "units": 0, "quantity": 0, "averageUnitPrice": 0, "commitmentId": "c",
}  # fmt: skip
BILL = {
    "id": "i", "accountId": "a", "accountCode": "acme", "status": "PENDING", "locked": False, "billTotal": 7,
    "billDate": "2026-02-01", "dueDate": "2026-02-01", "startDate": "2026-01-01", "endDate": "2026-02-01",
    "timezone": "Asia/Tokyo", "currency": "JPY", "createdBy": "x", "createdDate": "2026-02-01T00:00:00Z",
    "lastCalculatedDate": "2026-02-01T00:00:00Z", "lineItems": [LINE],
}  # fmt: skip
PRICE = {
    "id": "p", "planId": "plan", "aggregationId": "g", "startDate": "2026-01-01", "description": "Calls",
    "pricingBands": [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": 35.5}],
}  # fmt: skip
PLACE = {"log": 1, "catalog": 1, "partition": 0}
ANSWERS: dict[str, Any] = {
    "organizationconfig": {"timezone": "UTC", "currency": "USD"},
    "clock": {"now": "2026-03-01T00:00:00Z"},
    "accounts": {"data": [ACCOUNT | {"dtCreated": "2026-01-01T00:00:00Z"}]},
    "accounts/a": ACCOUNT,
    "accounts/a/children": {"data": []},
    "accounts/a/timespan": {
        "accountId": "a", "timezone": "Asia/Tokyo", "today": "2026-03-01", "firstDay": "2026-01-01",
        "lastDay": "2026-12-31", "firstKnownAt": "2026-02-27T00:00:00Z", "lastKnownAt": "2026-03-01T00:00:00Z",
    },
    "accounts/a/snapshot": {
        "asOf": "2026-01-15", "timezone": "Asia/Tokyo", "positions": PLACE, "account": ACCOUNT,
        "children": [ACCOUNT | {"id": "kid", "code": "kid"}], "commitments": [COMMITMENT], "balances": [BALANCE],
        "accountPlans": [{"id": "ap", "planId": "plan", "startDate": "2026-01-01"}],
        "plans": [{"id": "plan", "planTemplateId": "t", "name": "Monthly", "code": "m"}],
        "planTemplates": [{"id": "t", "currency": "JPY", "billFrequency": "MONTHLY"}], "pricings": [PRICE],
        "aggregations": [{"id": "g", "name": "Calls"}], "planGroups": [], "planGroupLinks": [],
        "compoundAggregations": [], "counters": [], "counterPricings": [], "unbilled": BILL | {"billTotal": 4},
    },
    "accounts/a/unbilled": BILL,
    "accountplans": {"data": []}, "commitments": {"data": [COMMITMENT]}, "balances": {"data": [BALANCE]},
    "commitments/c": COMMITMENT, "balances/b": BALANCE, "bills/i": BILL, "bills": {"data": [BILL]},
    "lineitems": {"data": [LINE]}, "balances/b/transactions": {"data": []}, "balances/b/transactions/summary": {},
    "events": {"data": []}, "find": {"data": [{"kind": "account", "id": "a"}]},
    "bills/i/lineitems/l/explain": {
        "currency": "JPY", "sequenceNumber": 1, "amount": 7, "lineItemType": "USAGE", "description": "Calls",
        "servicePeriod": ["2026-01-01", "2026-02-01"], "billDate": "2026-02-01", "due": 7, "billedBefore": 0,
        "addsUp": True, "earlier": [], "parts": [], "eventCount": 0, "events": [], "terms": [], "positions": PLACE,
        "status": "PENDING", "lineId": "l", "rule": "It follows.",
    },
}  # fmt: skip


class Alone:
    """A visitor of the console before such an API. `asked`: paths with their queries, since the last page."""

    def __init__(self) -> None:
        self.asked: dict[str, dict[str, str]] = {}
        api = Starlette(routes=[Route("/organizations/org/{path:path}", self._answer)])
        console = console_routes(
            api, cast(Gate, self), lambda method, path: frozenset({Scope.READ}), Streams(self._reached), NO_LINKS
        )
        app = Starlette(routes=[*console, Mount("/", api)])
        self.http = in_process(app, cookies={COOKIE: "token"})

    def bearer_of(self, header: str) -> Identity:
        """Whoever comes may do everything."""
        return Identity("key", "org", ALL, 0.0)

    async def _reached(self) -> Reached:
        return {}

    async def _answer(self, request: Request) -> Response:
        path = request.path_params["path"]
        self.asked[path] = dict(request.query_params)
        is_there = path in ANSWERS and request.query_params.get("knownAt", "9") > "2026-02"
        return JSONResponse(ANSWERS[path] if is_there else {"message": "nothing"}, 200 if is_there else 404)

    async def see(self, path: str, status: int = 200, /, **query: str) -> Element:
        self.asked.clear()
        answer = await self.http.get(BASE + path, params=query or None, follow_redirects=True)
        assert answer.status_code == status, answer.text[-2000:]
        return parsed(answer.text)


@pytest_asyncio.fixture
async def alone() -> AsyncIterator[Alone]:
    visitor = Alone()
    yield visitor
    await visitor.http.aclose()


KNOWN, DAY, BEFORE = {"knownAt": THEN["knownAt"]}, {"asOf": "2026-01-15"}, {"billDateEnd": "2026-01-16"}
PAGES = {
    "/accounts/a": {"accounts/a/snapshot": THEN, "bills": KNOWN | BEFORE},
    "/commitments/c": {
        "commitments/c": KNOWN, "commitments/c/balance": THEN, "commitments/c/burndown": THEN, "events": KNOWN,
        "lineitems": KNOWN | BEFORE, "accounts/a": KNOWN, "accounts/a/unbilled": KNOWN,
    },
    "/balances/b": {
        "balances/b": KNOWN, "accounts/a/snapshot": THEN, "balances/b/transactions": THEN,
        "balances/b/transactions/summary": THEN, "balances/b/burndown": THEN,
    },
    "/bills/i": {"bills/i": KNOWN, "accounts/a": KNOWN},
    "/bills/i/lines/l": {"bills/i": KNOWN, "bills/i/lineitems/l/explain": KNOWN},
    "/bills": {"bills": KNOWN | BEFORE},
    "/accounts": {"accounts": KNOWN},
}  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_asks_for_then_says_so_and_keeps_it_in_its_links(alone: Alone, path: str) -> None:
    page = (await alone.see(path, **THEN)).one("main")
    for path_asked, query in PAGES[path].items():
        assert query.items() <= alone.asked[path_asked].items(), path_asked
    said = page.one("p", id="time-says").text
    assert "Not now" in said and ("15 janv. 2026" if path not in ("/bills", "/accounts") else "15 Jan 2026") in said
    assert ("Asia/Tokyo" if path not in ("/bills", "/accounts") else "UTC") in said, "the zone is named"
    inside = [link.attributes["href"] for link in page.every("a") if "/organizations/" in link.attributes["href"]]
    back = [link.attributes["href"] for link in page.every("a") if link.text == "Back to now"]
    assert back == [BASE + path]
    kept = "asOf=2026-01-15&knownAt=2026-02-28T12%3A00%3A00Z"
    assert [href for href in inside if kept not in href and href not in back] == []
    assert not page.every("form", method="post"), "nothing is done to what is not seen as it is"


@pytest.mark.parametrize("path", PAGES)
async def test_now_is_now(alone: Alone, path: str) -> None:
    page = (await alone.see(path)).one("main")
    assert "Not now" not in page.text and "accounts/a/snapshot" not in alone.asked
    for path_asked, query in alone.asked.items():
        assert "knownAt" not in query and ("asOf" not in query or path_asked == "accounts/a/unbilled"), path_asked
    if path not in ("/bills", "/accounts"):
        assert len(page.one("form", id="time").every("input", type="range")) == 2
        assert "1 mars 2026 in Asia/Tokyo" in page.one("p", id="time-says").text


async def test_an_account_shows_what_the_snapshot_has(alone: Alone) -> None:
    page = (await alone.see("/accounts/a", **THEN)).one("main")
    assert page.one("section", id="plans").numbers[-1] * 2 == 71 and "Monthly" in page.text
    assert "kid" in page.one("section", id="children").text
    assert page.one("section", id="unbilled").one("tfoot").numbers == [4] and "accounts/a/unbilled" not in alone.asked
    assert "12 345 JPY" in page.one("section", id="commitments").text, "in the account's own form"


async def test_plans_in_a_group_are_shown_then_and_now(alone: Alone, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = ANSWERS["accounts/a/snapshot"]
    grouped = {"data": [{"id": "ap", "planGroupId": "group", "startDate": "2026-01-01"}]}
    links = {"data": [{"id": "link", "planGroupId": "group", "planId": "plan"}]}
    then = snapshot | {"accountPlans": grouped["data"], "planGroupLinks": links["data"]}
    now = {"accountplans": grouped, "plangrouplinks": links, "plans": {"data": snapshot["plans"]}}
    now |= {"plantemplates": {"data": snapshot["planTemplates"]}, "aggregations": {"data": snapshot["aggregations"]}}
    for path, document in (now | {"pricings": {"data": [PRICE]}, "accounts/a/snapshot": then}).items():
        monkeypatch.setitem(ANSWERS, path, document)
    for moment in (THEN, {}):
        plans = (await alone.see("/accounts/a", **moment)).one("main").one("section", id="plans")
        assert "Monthly" in plans.text and plans.numbers[-1] * 2 == 71


async def test_what_was_not_known_says_so_and_leads_back(alone: Alone) -> None:
    for path in ("/accounts/a", "/commitments/c", "/balances/b", "/bills/i", "/bills/i/lines/l"):
        page = (await alone.see(path, 404, knownAt="2020-01-01T00:00:00Z")).one("main")
        assert "Nothing was known of it then" in page.text
        assert BASE + path in [link.attributes["href"] for link in page.every("a")]


async def test_the_form_leads_to_an_address_that_says_the_day_alone(alone: Alone) -> None:
    form = (await alone.see("/accounts/a")).one("form", id="time")
    given = {field.attributes["name"]: field.attributes.get("value", "") for field in form.every("input")}
    answer = await alone.http.get(form.attributes["action"], params=given | {"asOfSlider": "20468"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BASE}/accounts/a?asOf=2026-01-15")
    assert form.every("button")[0].attributes.get("name") is None, "the enter key does not press a button for now"


async def test_a_search_leads_to_then(alone: Alone) -> None:
    form = (await alone.see("/accounts", **THEN)).one("form", role="search")
    given = {field.attributes["name"]: field.attributes["value"] for field in form.every("input")}
    answer = await alone.http.get(form.attributes["action"], params=given | {"q": "acme"})
    assert answer.headers["location"].startswith(f"{BASE}/accounts/a?asOf=2026-01-15&knownAt=2026-02-28")


async def test_a_pending_bill_of_then_was_pending(alone: Alone) -> None:
    assert "the bill was pending" in (await alone.see("/bills/i/lines/l", **THEN)).text
    assert "the bill is pending" in (await alone.see("/bills/i/lines/l")).text
