"""Pages as of a service day and as known at a moment: each number is the API's for both, and each page says so."""

from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.console.story import Office
from tests.console.visiting import Element, Visitor, parsed, rows

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def links(page: Element) -> list[tuple[str, dict[str, list[str]]]]:
    """Where its links lead: path and query."""
    parts = [urlsplit(link.attributes["href"]) for link in page.every("a")]
    return [(part.path, parse_qs(part.query)) for part in parts]


async def test_an_account_is_seen_as_it_was_known_before_its_bills(office: Office, visitor: Visitor) -> None:
    id, then = office.ids["acme"], {"asOf": "2026-01-20", "knownAt": office.moments["used"]}
    page, api = await visitor.see(f"/accounts/{id}", **then), office.api
    said = page.one("p", id="time-says").text
    assert said.startswith("Not now: this page shows how things stand as of 20 Jan 2026 , as known at ")
    assert " UTC" in said, "a moment names its zone"
    snapshot = await api.exact(f"accounts/{id}/snapshot", **then)
    [commitment] = snapshot["commitments"]
    [row] = rows(page.one("section", id="commitments"))
    assert row[-2:] == [commitment["amountSpent"], commitment["amountRemaining"]] and commitment["amountSpent"] > 0
    not_billed, arrived = snapshot["unbilled"], await api.exact(f"accounts/{id}/unbilled", **then)
    assert page.one("section", id="unbilled").one("tfoot").numbers == [not_billed["billTotal"]]
    lines = rows(page.one("section", id="unbilled"))
    assert [line[-1] for line in lines] == [line["subtotal"] for line in not_billed["lineItems"]]
    # What was used on the 25th is none of it, though it had arrived.
    assert lines[0] == [2400, 850] and max(line["subtotal"] for line in arrived["lineItems"]) == 1350
    assert "There was no bill yet." in page.one("section", id="bills").text
    assert rows(page.one("section", id="plans")) == [[0, 0, Decimal("0.5")], [1000, 0, Decimal("0.25")]]
    told = await api.exact(f"commitments/{office.ids['prepaid']}/burndown", **then)
    [left, *_] = page.one("section", id=f"chart-of-{commitment['id']}").every("table")
    assert rows(left) == [[day[name] for name in ("added", "drawn", "left", "lapsed")] for day in told["days"]]
    inside = [query for path, query in links(page) if "/commitments/" in path or "/accounts" in path]
    kept = {name: [text] for name, text in then.items()}
    assert inside and all(query == kept for query in inside if query), "links keep both"
    assert not page.every("form", method="post")


async def test_after_the_bills_they_are_there_as_they_stood(office: Office, visitor: Visitor) -> None:
    id, then = office.ids["acme"], {"knownAt": office.moments["billed"]}
    page = await visitor.see(f"/accounts/{id}", **then)
    [bill] = (await office.api.exact("bills", accountId=id, **then))["data"]
    assert rows(page.one("section", id="bills")) == [[bill["billTotal"]]]
    early = await visitor.see(f"/accounts/{id}", asOf="2026-01-31", **then)
    assert "There was no bill yet." in early.one("section", id="bills").text, "its date is the first of February"
    shown = await visitor.see(f"/bills/{bill['id']}", **then)
    assert shown.one("div", id="total").numbers == [bill["billTotal"]] and "Not now:" in shown.text
    [first, *_] = [path for path, _ in links(shown) if "/lines/" in path]
    why = parsed((await visitor.http.get(first, params=then)).text).one("main")
    lines = (await office.api.exact(f"bills/{bill['id']}", **then))["lineItems"]
    assert "Not now:" in why.text
    assert why.one("h1").numbers == [line["subtotal"] for line in lines if first.endswith(f"/lines/{line['id']}")]
    gone = await visitor.see(f"/bills/{bill['id']}", 404, knownAt=office.moments["used"])
    assert "Nothing was known of it then" in gone.text and (f"{office.base}/bills/{bill['id']}", {}) in links(gone)


async def test_a_pending_bill_is_what_it_would_have_been_and_nothing_is_done_to_it_then(
    office: Office, visitor: Visitor
) -> None:
    id, then = office.ids["pending"], {"knownAt": office.moments["billed"]}
    page, now = await visitor.see(f"/bills/{id}", **then), await visitor.see(f"/bills/{id}")
    was = await office.api.exact(f"bills/{id}", **then)
    assert was["status"] == "PENDING" and "It was pending then" in page.text
    assert page.one("div", id="total").numbers == [was["billTotal"]]
    assert "Approve…" in now.text and "…" not in page.text
    [usage] = [line for line in was["lineItems"] if line["lineItemType"] == "USAGE"]
    why = await visitor.see(f"/bills/{id}/lines/{usage['id']}", **then)
    told = await office.api.exact(f"bills/{id}/lineitems/{usage['id']}/explain", **then)
    assert why.one("h1").numbers == [usage["subtotal"]] == [told["amount"]] and told["addsUp"]
    assert told["eventCount"] == 1 and "the bill was pending" in why.text, "the late usage was not known"
    listed = (await visitor.see("/bills", **then)).one("section", id="list")
    bills = (await office.api.exact("bills", pageSize=50, **then))["data"]
    assert [row[-1] for row in rows(listed)] == [bill["billTotal"] for bill in bills]
    assert {bill["id"] for bill in bills} >= {id, office.ids["bill-acme"]}
    assert "There is no such bill" in (await visitor.see("/bills", knownAt=office.moments["used"])).text


async def test_a_commitment_has_its_terms_its_ledger_and_its_history_of_then(office: Office, visitor: Visitor) -> None:
    id, then = office.ids["minimum"], {"knownAt": office.moments["used"]}
    page = await visitor.see(f"/commitments/{id}", **then)
    balance = await office.api.exact(f"commitments/{id}/balance", **then)
    assert page.one("section", id="standing").numbers == [balance["amount"]]
    assert "No issued bill has a line of it yet." in page.text
    assert [term.text.split()[0] for term in page.every("ol", **{"class": "terms"})[0].every("strong")] == ["Created"]
    now = await visitor.see(f"/commitments/{office.ids['prepaid']}")
    ledger = await office.api.exact("lineitems", commitmentId=office.ids["prepaid"])
    [shown] = [section for section in now.every("section") if section.attributes.get("aria-labelledby") == "h-ledger"]
    assert len(rows(shown)) == len(ledger["data"]) > 0
    earlier = await visitor.see(f"/commitments/{office.ids['prepaid']}", asOf="2026-01-31")
    assert "No issued bill has a line of it yet." in earlier.text and "has no service day" in earlier.text


async def test_a_balance_has_what_had_been_put_on_it(office: Office, visitor: Visitor) -> None:
    id, then = office.ids["balance"], {"asOf": "2026-01-15", "knownAt": office.moments["used"]}
    page = await visitor.see(f"/balances/{id}", **then)
    snapshot = await office.api.exact(f"accounts/{office.ids['hostile']}/snapshot", **then)
    [shown_balance] = [balance for balance in snapshot["balances"] if balance["id"] == id]
    assert page.one("section", id="standing").numbers[0] == shown_balance["amount"] and "Not now:" in page.text
    for path in ("transactions", "transactions/summary"):
        assert await office.api.exact(f"balances/{id}/{path}", **then)


async def test_the_sliders_work_without_script(office: Office, visitor: Visitor) -> None:
    path = f"/accounts/{office.ids['acme']}"
    page = await visitor.see(path)
    span = await office.api.exact(f"accounts/{office.ids['acme']}/timespan")
    form = page.one("form", id="time")
    day, moments = form.every("input", type="range")
    assert span["firstDay"] == "2026-01-01" and span["lastDay"] == "2026-12-31", "the prepayment's term"
    assert (day.attributes["min"], day.attributes["max"]) == ("20454", "20818")
    assert int(moments.attributes["min"]) < int(moments.attributes["max"]) == int(moments.attributes["value"])
    assert "this page shows how things stand today" in page.text.lower() and "1 Mar 2026" in page.text
    moved = await visitor.send(form, asOfSlider="20468", now="")
    assert "as of 15 Jan 2026" in moved.text
    again = moved.one("form", id="time")
    assert again.one("input", id="asOf").attributes["value"] == "2026-01-15"
    assert "Not now" not in (await visitor.send(again, asOf="", now="")).text
    assert "Not now" not in (await visitor.send(again, now="asOf")).text
    typed = await visitor.send(again, knownAt=office.moments["billed"][:19], now="")
    assert "as of 15 Jan 2026" in typed.text and "as known at" in typed.text


async def test_before_an_account_was_known_its_page_says_so(office: Office, visitor: Visitor) -> None:
    page = await visitor.see(f"/accounts/{office.ids['acme']}", 404, knownAt="2020-01-01T00:00:00Z")
    assert "Nothing was known of it then" in page.text
    for path in ("/accounts", f"/accounts/{office.ids['acme']}", "/bills"):
        wrong = await visitor.see(path, 400, knownAt="<b>noon</b>")
        assert "knownAt" in wrong.text and not wrong.every("b")
