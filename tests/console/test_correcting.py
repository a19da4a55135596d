"""Usage that was wrong: what a correction does is named in money before it is done, and done as it was seen, once."""

from decimal import Decimal
from typing import Any

import pytest

from services.access.scopes import Scope
from tests.console.alone import EMPTY, HOSTILE, MadeUp, before, links
from tests.console.visiting import Element, parsed

EVENT = {
    **{"eventId": "e", "accountId": "a", "source": "/measurements", "id": "u-1", "meterId": "m", "partition": 0},
    **{"offset": 7, "ts": "2026-01-10T12:00:00Z", "was": {"measure": {"calls": Decimal("5.50")}, "who": {"user": "x"}}},
}
LINE = {
    **{"lineItemType": "USAGE", "description": HOSTILE, "accountId": "a", "servicePeriodStart": "2026-01-01"},
    **{
        "servicePeriodEnd": "2026-02-01",
        "today": Decimal(20),
        "supposed": Decimal("7.5"),
        "difference": Decimal("-12.5"),
    },
}


def tried(status: str, difference: str = "-12.5", **more: Any) -> dict[str, Any]:
    amounts = {"today": Decimal(20), "supposed": 20 + Decimal(difference), "difference": Decimal(difference)}
    bills = [{"accountId": "a", "accountCode": "acme", "currency": "USD", **amounts, "lines": [LINE]}]
    return {**EVENT, "status": status, "dryRun": True, "billDate": "2026-02-01", "bills": bills, **more}


CATEGORIES = {"calls": "MEASURE", "user": "WHO", "usd": "COST"}
METER = {"code": "api", "dataFields": [{"code": code, "category": name} for code, name in CATEGORIES.items()]}
AMENDED = {"now": {"measure": {"calls": Decimal(3)}}}
API = {
    **{"usage/void": tried("VOIDED"), "usage/amend": tried("AMENDED", "-3", **AMENDED), "meters/m": METER},
    "usage/void/matching": {
        **{"count": 3, "more": True, "dryRun": True},
        "accounts": [
            {**tried("VOIDED"), "count": 3, "days": [{"day": "2026-01-10", "count": 3}]},
            {**tried("VOIDED", "0"), "accountId": "b", "count": 0, "days": [], "bills": []},
        ],
    },
}
NAMED = {"account": "acme", "id": "u-1"}


def borne(page: Element) -> dict[str, str]:
    """The fields of the form that does something."""
    [form] = page.every("form", method="post")
    return {field.attributes["name"]: field.attributes.get("value", "") for field in form.every("input")}


async def test_what_was_corrected_is_listed_with_who_when_and_why() -> None:
    voided = EVENT | {"status": "VOIDED", "correctionId": "c", "dtCreated": "2026-02-01T00:00:00Z", "createdBy": "ada"}
    two = voided | {"status": "AMENDED", "reason": HOSTILE, **AMENDED}
    async with before(MadeUp({"usage/corrections": {"data": [voided, two], "nextToken": "on"}})) as visit:
        page = await visit.see("/corrections", of="acme")
        first, second = (row.text for row in page.one("table").every("tr")[1:])
        assert "calls 5.50, user x" in first and "Nothing" in first and "ada" in first and "Voided" in first
        assert "calls 3" in second and HOSTILE in second
        assert any("of=acme" in href and "older=on" in href for href in links(page))
    async with before(MadeUp({"usage/corrections": EMPTY}, scopes=frozenset({Scope.READ}))) as visit:
        page = await visit.see("/corrections")
        assert "Nothing was corrected yet." in page.text and not page.every("form")


async def test_an_event_is_voided_with_the_amount_named() -> None:
    api = MadeUp(dict(API))
    async with before(api) as visit:
        page = await visit.see("/corrections/event", **NAMED)
        [button] = page.one("form", method="post").every("button")
        assert button.text == "Void it: -$12.50" and "calls 5.50, user x" in page.text
        sent = borne(page)
        done = await visit.send("/corrections/event", **sent)
        assert (done.status_code, done.headers["location"].rpartition("/")[2]) == (303, "corrections?done=1")
        api.answers["usage/void"] = tried("VOIDED", "-13")
        again = await visit.send("/corrections/event", **sent)
        question = parsed(again.text).one("main").text
        assert again.status_code == 409 and "Nothing was done" in question and "Void it: -$13.00" in question
        api.answers["usage/void"] = tried("VOIDED", correctionId="c", bills=[])
        assert (await visit.send("/corrections/event", **sent)).status_code == 303, "sent twice it is done once"
        assert "it is voided" in (await visit.see("/corrections/event", **NAMED)).text


async def test_an_event_is_changed_with_the_amount_named() -> None:
    api = MadeUp(dict(API))
    async with before(api) as visit:
        page = await visit.see("/corrections/event", **NAMED)
        change = page.every("form")[-1]
        fields = {field.attributes["name"]: field.attributes.get("value", "") for field in change.every("input")}
        assert fields == NAMED | {
            **{"do": "amend", "field.measure.calls": "5.50", "field.who.user": "x", "field.cost.usd": ""}
        }
        page = await visit.see("/corrections/event", **fields | {"field.measure.calls": "3"})
        [button] = page.one("form", method="post").every("button")
        assert button.text == "Change it: -$3.00" and "It would say: calls 3" in page.text
        assert (await visit.send("/corrections/event", **borne(page))).status_code == 303
        assert [path for method, path, _ in api.asked if method == "POST"][-1] == "usage/amend"
        wrong = await visit.see("/corrections/event", 400, **fields | {"field.measure.calls": "many"})
        assert "calls must be a number" in wrong.one("p", role="alert").text


async def test_an_event_of_a_meter_that_was_deleted_is_voided_all_the_same() -> None:
    api = MadeUp(API | {"meters/m": (404, "there is no meter with id m")})
    async with before(api) as visit:
        page = await visit.see("/corrections/event", **NAMED)
        assert "deleted since" in page.text and "Change what it says" not in page.text
        assert (await visit.send("/corrections/event", **borne(page))).status_code == 303


async def test_many_are_voided_with_their_number_and_amount_named() -> None:
    api = MadeUp(dict(API))
    fields = {"accounts": "acme, other", "source": "/bulk"}
    async with before(api) as visit:
        page = await visit.see("/corrections/matching", **fields)
        [button] = page.one("form", method="post").every("button")
        assert button.text == "Void 3: -$12.50" and page.one("h1").text == "Take out 3 events?"
        assert "ask again" in page.text and len(page.every("section")) == 1
        done = await visit.send("/corrections/matching", **borne(page))
        assert done.headers["location"].endswith("corrections?done=3")
        changed = await visit.send("/corrections/matching", **borne(page) | {"seen": "another"})
        assert changed.status_code == 409 and "Nothing was done" in changed.text


@pytest.mark.parametrize("path", ["/corrections/event", "/corrections/matching"])
async def test_without_the_forms_token_nothing_is_done(path: str) -> None:
    api = MadeUp(dict(API))
    async with before(api) as visit:
        assert (await visit.http.post(f"/console/organizations/o{path}", data=NAMED)).status_code == 403
    assert not api.asked
