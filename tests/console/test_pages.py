"""Pages over HTTP: every number on them is the API's, whatever names hold stays text, and who may not is told so."""

from decimal import Decimal
from typing import Any

import pytest

from services.console.looks import HEADERS
from tests.console.story import FORMULA, HOSTILE, LONG, Office
from tests.console.visiting import Element, Visitor, parsed, rows

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def amounts(lines: list[dict[str, Any]]) -> list[Decimal]:
    return sorted(line["subtotal"] for line in lines)


async def test_the_list_names_accounts_and_who_they_are_billed_with(office: Office, visitor: Visitor) -> None:
    page = await visitor.see("/accounts")
    names = {row.one("th").text: row.every("td")[0].text for row in page.every("tr")[1:]}
    named = {"long": LONG, "hostile": HOSTILE, "kaisha": "株式会社 推論", "acme": "Acme", "long-child": "A child"}
    assert {code: names[code] for code in named} == named
    [child] = [row for row in page.every("tr")[1:] if row.one("th").text == "long-child"]
    assert child.every("td")[1].text == "long"
    assert [link.attributes["href"] for link in page.every("a") if link.text == "acme"] == [
        f"{office.base}/accounts/{office.ids['acme']}"
    ]


async def test_an_account_shows_what_the_api_says(office: Office, visitor: Visitor) -> None:
    id = office.ids["acme"]
    page = await visitor.see(f"/accounts/{id}")
    [commitment] = (await office.api.exact("commitments", accountId=id))["data"]
    [row] = rows(page.one("section", id="commitments"))
    [top_up] = commitment["topUps"]
    assert row == [commitment["amount"], top_up["amount"], commitment["amountSpent"], commitment["amountRemaining"]]
    unbilled = await office.api.exact(f"accounts/{id}/unbilled")
    section = page.one("section", id="unbilled")
    assert sorted(row[-1] for row in rows(section)) == amounts(unbilled["lineItems"])
    assert section.one("tfoot").numbers == [unbilled["billTotal"]]
    assert rows(page.one("section", id="bills")) == [[Decimal(125)]]
    assert rows(page.one("section", id="plans")) == [[0, 0, Decimal("0.5")], [1000, 0, Decimal("0.25")]]


async def test_a_yen_has_no_decimals_and_days_are_days_of_the_account(office: Office, visitor: Visitor) -> None:
    page = await visitor.see(f"/accounts/{office.ids['kaisha']}")
    assert "Asia/Tokyo" in page.text and "¥30,000" in page.text and "¥30,000.00" not in page.text
    bill = await visitor.see(f"/bills/{office.ids['bill-kaisha']}")
    shown = await office.api.exact(f"bills/{office.ids['bill-kaisha']}")
    assert bill.one("div", id="total").numbers == [shown["billTotal"]]
    assert "1 Jan 2026 – 31 Jan 2026" in bill.text, "a service period's instants are midnights in Tokyo"


async def test_an_account_has_a_form_of_its_own_and_files_have_none(office: Office, visitor: Visitor) -> None:
    id = office.ids["bill-long"]
    for path in (f"/accounts/{office.ids['long']}", f"/commitments/{office.ids[FORMULA]}", f"/bills/{id}"):
        text = (await visitor.see(path)).text.replace("\xa0", " ")
        assert " $" in text and "$2" not in text and ("01.02.2026" in text or "01.01.2026" in text), path
        assert ("25,00 $" in text) == ("/bills/" not in path), path
    assert "01.02.2026" not in (await visitor.get(f"/bills/{id}/statement/csv")).text
    assert "1 Feb 2026" in (await visitor.see("/bills")).text, "a list of many accounts has no one's form"
    assert "1 févr. 2026" in (await visitor.http.get(f"{office.base}/bills", headers={"accept-language": "fr"})).text


@pytest.mark.parametrize("name", ["bill-acme", "pending", "bill-long"])
async def test_a_bill_shows_each_line_and_its_total(office: Office, visitor: Visitor, name: str) -> None:
    id = office.ids[name]
    page, bill = await visitor.see(f"/bills/{id}"), await office.api.exact(f"bills/{id}")
    assert page.one("div", id="total").numbers == page.one("tfoot").numbers == [bill["billTotal"]]
    assert sorted(row[-1] for row in rows(page.one("section", id="lines"))) == amounts(bill["lineItems"])
    for line in bill["lineItems"]:
        shown = page.one("tr", id=f"line-{line['sequenceNumber']}")
        assert shown.numbers[-1] == line["subtotal"] and line["description"] in shown.text
        if line["unit"]:
            assert shown.numbers[0] == line["units"]


async def test_each_line_says_why(office: Office, visitor: Visitor) -> None:
    bill = await office.api.exact(f"bills/{office.ids['bill-acme']}")
    for line in bill["lineItems"]:
        path = f"bills/{bill['id']}/lineitems/{line['id']}/explain"
        page, told = await visitor.see(f"/bills/{bill['id']}/lines/{line['id']}"), await office.api.exact(path)
        assert page.one("h1").numbers == [line["subtotal"]] == [told["amount"]]
        sums = [number for group in page.every("dl") for number in group.numbers]
        parts = [
            number for part in told["parts"] for number in [*(add["amount"] for add in part["adds"]), part["amount"]]
        ]
        assert sums == [told["due"], told["billedBefore"], told["amount"], *parts]
        slices = [piece for part in told["parts"] for piece in part["slices"]]
        shown = [row.numbers[:4] for row in page.every("tr") if len(row.numbers) >= 4]
        assert shown == [[piece[name] for name in ("amount", "credited", "drawn", "uncovered")] for piece in slices]
        assert all(event["usageId"] in page.text for event in told["events"])
    assert told["eventCount"] or line["lineItemType"] != "USAGE"


async def test_events_come_a_page_at_a_time(office: Office, visitor: Visitor) -> None:
    bill = await office.api.exact(f"bills/{office.ids['bill-acme']}")
    [usage] = [line for line in bill["lineItems"] if line["lineItemType"] == "USAGE"]
    path = f"bills/{bill['id']}/lineitems/{usage['id']}/explain"
    every = [event["usageId"] for event in (await office.api.exact(path))["events"]]
    page = await visitor.see(f"/bills/{bill['id']}/lines/{usage['id']}", size="1")
    seen = []
    for number, usage_id in enumerate(every, 1):
        events = page.one("section", id="events")
        assert f"Usage events {number} to {number} of {len(every)}" in events.text
        seen += [row.every("code")[0].text for row in events.every("th", scope="row")]
        assert (number < len(every)) == bool(page.every("a", rel="next")), usage_id
        if number < len(every):
            page = await step(visitor, page, "next")
    assert seen == every and len(every) == 3
    for number in (2, 1):
        page = await step(visitor, page, "prev")
        assert f"Usage events {number} to {number} of 3" in page.text and every[number - 1] in page.text
    assert not page.every("a", rel="prev")
    await visitor.see(f"/bills/{bill['id']}/lines/{usage['id']}", 400, events="nonsense")


async def step(visitor: Visitor, page: Element, relation: str) -> Element:
    """The page that a link of this relation leads to."""
    answer = await visitor.http.get(page.one("a", rel=relation).attributes["href"])
    assert answer.status_code == 200, answer.text[:500]
    return parsed(answer.text).one("main")


@pytest.mark.parametrize("code", ["prepaid", "minimum", "yen"])
async def test_a_commitment_adds_up_by_eye(office: Office, visitor: Visitor, code: str) -> None:
    id = office.ids[code]
    page = await visitor.see(f"/commitments/{id}")
    balance = await office.api.exact(f"commitments/{id}/balance")
    standing = page.one("section", id="standing").numbers
    if code == "minimum":
        names = ("amount", "counted", "shortfall", "trueUp")
        periods = [[period[name] for name in names] for period in balance["periods"]]
        assert standing == [balance["amount"]] and rows(page.one("section", id="periods")) == periods
        return
    paid, became = [balance["amount"], balance["topUps"]], ("spent", "rolledOver", "lapsed", "remaining")
    assert standing == [*paid, *(balance[name] for name in became)]
    assert sum(standing[:2]) == sum(standing[2:])
    days = [[day[name] for name in ("spent", "remaining", "rolledOver", "lapsed")] for day in balance["days"]]
    assert rows(page.one("section", id="days")) == days
    draws = [[draw["charge"]["amount"], draw["amount"]] for draw in balance["draws"]]
    assert rows(page.one("section", id="draws")) == draws


async def test_fees_to_come_are_those_that_the_api_would_bill(office: Office, visitor: Visitor) -> None:
    page = await visitor.see(f"/commitments/{office.ids['prepaid']}")
    [section] = [section for section in page.every("section") if "Fees to come" in section.text]
    unbilled = await office.api.exact(f"accounts/{office.ids['acme']}/unbilled", asOf="2027-01-01")
    fees = [line["subtotal"] for line in unbilled["lineItems"] if line["lineItemType"] == "COMMITMENT_FEE"]
    assert section.numbers == fees and len(fees) == 11


async def test_an_account_is_shown_as_of_a_day_and_says_so(office: Office, visitor: Visitor) -> None:
    page = await visitor.see(f"/accounts/{office.ids['acme']}", asOf="2026-01-15")
    assert "Not now:" in page.text and "as of 15 Jan 2026" in page.text
    then = await office.api.exact(f"commitments/{office.ids['prepaid']}/balance", asOf="2026-01-15")
    [row] = rows(page.one("section", id="commitments"))
    assert row[-2:] == [then["spent"], then["remaining"]] != [Decimal(1620), Decimal(80)]
    [link, *_] = [link for link in page.every("a") if link.text == "prepaid"]
    assert link.attributes["href"].endswith("?asOf=2026-01-15"), "the day goes along"
    assert "Not now:" not in (await visitor.see(f"/accounts/{office.ids['acme']}")).text


async def test_what_is_not_there_or_not_understood_is_said_on_a_page(visitor: Visitor) -> None:
    for path in ("/accounts/none", "/bills/none", "/commitments/none", "/bills/none/lines/1", "/operations/refused/no"):
        page = await visitor.see(path, 404)
        assert page.one("h1").text == "Not found"
    assert "no such page" in (await visitor.see("/nothing", 404)).text


async def test_no_name_becomes_markup(office: Office, visitor: Visitor) -> None:
    for path in ("/accounts", f"/accounts/{office.ids['hostile']}", f"/bills/{office.ids['pending']}", "/search?q=hos"):
        text = (await visitor.get(path)).text
        assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text, path
        assert HOSTILE in parsed(text).text and "62710561" not in parsed(text).one("h1").text
    quoted = await visitor.see("/accounts/" + "%22%3E%3Cscript%3E", 404)
    assert '"><script>' in quoted.text


async def test_a_bill_is_had_as_a_file_that_the_api_writes(office: Office, visitor: Visitor) -> None:
    id = office.ids["bill-long"]
    leads = [link.attributes["href"] for link in (await visitor.see(f"/bills/{id}")).every("a")]
    files = [path.rpartition("/")[2] for path in leads if "/statement/" in path]
    assert files == ["html", "pdf", "csv", "ubl"]
    for format in ("html", "pdf", "csv"):
        file = await visitor.get(f"/bills/{id}/statement/{format}")
        told = await office.api.ask("GET", f"bills/{id}/statement", format=format)
        assert file.content == told.content, format
        for name in ("content-type", "content-disposition", "content-security-policy"):
            assert file.headers[name] == told.headers[name], format
    assert "'=HYPERLINK" in (await visitor.get(f"/bills/{id}/statement/csv")).text
    lacking = await visitor.see(f"/bills/{id}/statement/ubl", 409)
    assert "the organization has no statementconfig" in lacking.text and "Not as things stand" in lacking.text
    assert "format: must be one of" in (await visitor.see(f"/bills/{id}/statement/doc", 400)).text


async def test_every_page_has_the_headers_that_keep_it_to_itself(office: Office, visitor: Visitor) -> None:
    for path in ("/accounts", "/accounts/none", f"/bills/{office.ids['pending']}", "/operations"):
        answer = await visitor.http.get(office.base + path)
        assert HEADERS.items() <= dict(answer.headers).items(), path
        assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == ("no-store", "nosniff")
        assert "style=" not in answer.text and " onclick" not in answer.text


@pytest.mark.parametrize(
    ("text", "leads_to"),
    [
        ("acm", "accounts/acme"),
        ("Acme", "accounts/acme"),
        ("prepaid-id", "commitments/prepaid"),
        ("pending-id", "bills/pending"),
    ],
)
async def test_who_is_found_alone_is_shown(office: Office, visitor: Visitor, text: str, leads_to: str) -> None:
    query = office.ids[text.removesuffix("-id")] if text.endswith("-id") else text
    answer = await visitor.get("/search", q=query)
    kind, _, code = leads_to.partition("/")
    assert answer.url.path == f"{office.base}/{kind}/{office.ids[code]}"


async def test_a_search_without_an_answer_says_so(visitor: Visitor) -> None:
    assert "Nothing is called “zebra”" in (await visitor.see("/search", q="zebra")).text
    assert "Type the code or name" in (await visitor.see("/search")).text
    assert "A child" in (await visitor.see("/search", q="lon")).text


async def test_charts_show_what_the_api_says_and_have_its_numbers_as_tables(office: Office, visitor: Visitor) -> None:
    id = office.ids["prepaid"]
    page, told = await visitor.see(f"/commitments/{id}"), await office.api.exact(f"commitments/{id}/burndown")
    [burn_down, drawn] = page.one("section", id="charts").every("figure")
    [left, *_] = burn_down.every("table")
    assert rows(left) == [[day[name] for name in ("added", "drawn", "left", "lapsed")] for day in told["days"]]
    assert {svg.attributes["class"] for svg in burn_down.every("svg")} == {"chart"} and "Inference API" in drawn.text
    minimum = await visitor.see(f"/commitments/{office.ids['minimum']}")
    told = await office.api.exact(f"commitments/{office.ids['minimum']}/progress")
    [days, *_] = minimum.one("section", id="charts").every("table")
    assert rows(days) == [[day["counted"]] for day in told["days"]]
    account = await visitor.see(f"/accounts/{office.ids['acme']}")
    assert [figure.one("figcaption").text for figure in account.every("figure")] == [
        "What is left, and the forecast to the end",
        "What was drawn, by product",
    ]
    expected = account.every("ul", **{"class": "told"})[0].every("li")
    told = await office.api.exact(f"commitments/{office.ids['prepaid']}/burndown")
    windows = [f"last {forecast['window']} days" for forecast in told["forecasts"]]
    assert [window in paragraph.text for window, paragraph in zip(windows, expected, strict=True)] == [True] * 3
    runs_out = [forecast.get("runsOut") is not None for forecast in told["forecasts"]]
    assert ["it runs out on" in paragraph.text for paragraph in expected] == runs_out and True in runs_out
    assert account.every("g", **{"class": "chart-mark chart-mark-runs-out"})
