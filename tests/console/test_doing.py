"""What is asked and done on pages: what if, approval, credits, refused usage; and that what moved is told."""

import asyncio
import json
from decimal import Decimal

import httpx
import pytest

from tests.console.story import Office
from tests.console.visiting import Element, Visitor, parsed, rows

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def test_what_if_shows_the_bills_side_by_side(office: Office, visitor: Visitor) -> None:
    id, commitment = office.ids["acme"], office.ids["prepaid"]
    path = f"/accounts/{id}/what-if"
    fields = {"commitment": commitment, "commitment.amount": "1000", "commitment.overageSurchargePercent": "20",
             "to": "2026-02-28"}  # fmt: skip
    page = await visitor.see(path, 200, **fields)
    commitment_document = await office.api.do("GET", f"commitments/{commitment}")
    body = {"accountId": id, "lastDateInBillingPeriod": "2026-02-28",
            "commitments": [commitment_document | {"amount": 1000, "overageSurchargePercent": 20}]}  # fmt: skip
    told = json.loads((await office.api.ask("POST", "bills/whatif", body)).text, parse_float=Decimal)
    [bill], section = told["bills"], page.one("section", id="answer")
    names = ("today", "supposed", "difference")
    assert rows(section) == [[line[name] for name in names] for line in bill["lines"]]
    assert section.one("tfoot").numbers == [bill[name] for name in names] and bill["difference"]
    preview = await office.api.do("POST", "bills/preview", {name: body[name] for name in body if name != "commitments"})
    assert Decimal(str(preview["billTotal"])) == bill["today"]
    supposed = await office.api.do("POST", "bills/preview", body)
    assert Decimal(str(supposed["billTotal"])) == bill["supposed"]
    assert await office.api.do("GET", f"commitments/{commitment}") == commitment_document, "nothing is written"
    [form] = [form for form in page.every("form") if form.every("input", name="commitment.amount")]
    assert form.one("input", name="commitment.amount").attributes["value"] == "1000", "the address keeps the question"
    answer = await visitor.http.get(form.attributes["action"], params=filled(form) | {"to": ""})
    assert answer.status_code == 303
    kept = dict(httpx.URL(answer.headers["location"]).params)
    del fields["to"]
    assert kept == fields, "of what the form sends the address keeps what is changed"


async def test_what_if_takes_prices_and_refuses_what_the_api_would(office: Office, visitor: Visitor) -> None:
    path, prepaid = f"/accounts/{office.ids['acme']}/what-if", office.ids["prepaid"]
    price = {"pricing": office.ids["USD"], "pricing.band-0-unitPrice": "0.75", "to": "2026-02-28"}
    dearer = (await visitor.see(path, 200, **price)).one("section", id="answer").one("tfoot").numbers[-1]
    assert dearer > 0
    both = await visitor.see(path, 200, commitment=prepaid, **{"commitment.amount": "1000"}, **price)
    assert both.one("section", id="answer").one("tfoot").numbers[-1] != dearer
    unchanged = await visitor.see(path, commitment=prepaid, **{"commitment.amount": "1500.00"})
    assert "Change something" in unchanged.text
    for name, typed, said in (
        ("amount", "abc", "must be a number"),
        ("amount", "NaN", "must be a number"),
        ("amount", "-1", "must be greater than 0"),
        ("amount", "", "is required"),
        ("amount", "1.001", "is finer than the minor unit"),
        ("endDate", "2025-01-01", "must not be before startDate"),
        ("endDate", "soon", "must be a date"),
    ):
        key = f"commitment.{name}"
        refused = await visitor.see(path, 400, commitment=prepaid, **{key: typed})
        field = refused.one("input", name=key)
        assert field.attributes["aria-invalid"] == "true" and field.attributes.get("value", "") == typed
        assert said in refused.one("span", id=f"wrong-{key}").text and not refused.every("tfoot")
    await visitor.see(path, 404, commitment="nothing")
    assert (await visitor.see(path)).every("a", href=f"{office.base}{path}?pricing={office.ids['USD']}")


async def test_what_if_takes_what_a_plan_charges_and_a_term_that_is_no_more(office: Office, visitor: Visitor) -> None:
    """As the same terms in the question to the API; a surcharge of 10 % is taken away, and a plan ended."""
    id, prepaid, plan = office.ids["acme"], office.ids["prepaid"], office.ids["plan-USD"]
    path = f"/accounts/{id}/what-if"
    commitment_document = await office.api.do("GET", f"commitments/{prepaid}")
    [attached] = (await office.api.do("GET", "accountplans", account=id))["data"]
    fees = {"standingCharge": 35, "minimumSpend": 900, "effectiveDate": "2026-02-01"}
    for fields, supposed in (
        (
            {"plan": plan} | {f"plan.{name}": f"{value}" for name, value in fees.items()},
            {"plans": [await office.api.do("GET", f"plans/{plan}") | fees]},
        ),
        (
            {"accountPlan": attached["id"], "accountPlan.endDate": "2026-02-01"},
            {"accountPlans": [attached | {"endDate": "2026-02-01"}]},
        ),
        (
            {"commitment": prepaid, "commitment.amount": "100", "commitment.overageSurchargePercent": ""},
            {
                "commitments": [
                    {
                        name: commitment_document[name]
                        for name in commitment_document
                        if name != "overageSurchargePercent"
                    }
                    | {"amount": 100}
                ]
            },
        ),
    ):
        page = await visitor.see(path, 200, **fields, to="2026-03-31")
        body = {"accountId": id, "lastDateInBillingPeriod": "2026-03-31", **supposed}
        told = json.loads((await office.api.ask("POST", "bills/whatif", body)).text, parse_float=Decimal)
        numbers = page.one("section", id="answer").one("tfoot").numbers
        assert numbers == [told["bills"][0][name] for name in ("today", "supposed", "difference")]
        assert any(line["difference"] for line in told["bills"][0]["lines"])


def filled(form: Element) -> dict[str, str]:
    """What a form sends as it stands."""
    chosen = {
        select.attributes["name"]: option.attributes["value"]
        for select in form.every("select")
        for option in select.every("option")
        if "selected" in option.attributes
    }
    return {field.attributes["name"]: field.attributes.get("value", "") for field in form.every("input")} | chosen


async def test_a_bill_is_approved_after_its_amount_was_named(office: Office, visitor: Visitor) -> None:
    """On a bill of its own: a credit is put on it first, which changes what was seen."""
    id = await office.opened_bill()
    before = (await office.api.exact(f"bills/{id}"))["billTotal"]
    confirm = await visitor.see(f"/bills/{id}/approve")
    [form] = confirm.every("form", method="post")
    assert "Approve $10.00" in form.text and confirm.numbers[0] == before == 10
    [ask] = [
        form for form in (await visitor.see(f"/bills/{id}/memo", kind="credit")).every("form") if form.every("select")
    ]
    line = ask.one("select").every("option")[0].attributes["value"]
    for wrong in ({"amount": "no"}, {"amount": "0"}, {"amount": "1", "description": " "}):
        again = await visitor.send(ask, 200, **({"description": "Sorry", "lineId": line} | wrong))
        assert again.every("p", role="alert") or "for" in wrong.get("description", "")
    meant = await visitor.send(ask, amount="2.50", description="Sorry", lineId=line)
    assert "Credit $2.50?" in meant.one("h1").text and "comes to $10.00 now" in meant.text
    [sure] = meant.every("form", method="post")
    for _ in range(2):  # sent twice it is done once
        bill = await visitor.send(sure)
    assert bill.one("div", id="total").numbers == [Decimal("7.5")] and "Sorry" in bill.text
    changed = await visitor.send(form, 409)
    assert changed.one("p", role="alert").numbers == [10, Decimal("7.5")]
    [form] = changed.every("form", method="post")
    for _ in range(2):  # sent twice it is done once
        approved = await visitor.send(form)
        assert "Approved" in approved.text and not approved.every("form", method="post")
    assert (await office.api.do("GET", f"bills/{id}"))["status"] == "APPROVED"
    late = await visitor.send(sure, 409, once="another time")
    assert "approved since you looked" in late.text and Decimal("7.5") in late.one("p", role="alert").numbers


async def test_what_was_seen_of_a_bill_has_to_be_what_it_is(office: Office, visitor: Visitor) -> None:
    """Two look at it, and one of them acts: the other one is told so, and nothing is done for him."""
    id = await office.opened_bill()
    [line] = (await office.api.exact(f"bills/{id}"))["lineItems"]
    fields = {"kind": "credit", "amount": "4", "description": "Sorry", "lineId": line["id"]}
    first, other, again = [
        (await visitor.see(f"/bills/{id}/{page}", **(fields if page == "memo" else {}))).one("form", method="post")
        for page in ("memo", "memo", "recalculate")
    ]
    assert "Calculate $10.00 again" in again.text
    await visitor.send(first)
    for form in (other, again):
        refused = await visitor.send(form, 409)
        [told] = refused.every("p", role="alert")
        assert told.numbers == [10, 6] and "Nothing was done." in told.text
    bill = await office.api.exact(f"bills/{id}")
    assert bill["billTotal"] == 6 and len(bill["lineItems"]) == 2
    for seen, said in ((10, "comes to 6.00 now, not to 10"), (6, "")):
        answer = await office.api.ask("PUT", f"bills/{id}/status", {"status": "APPROVED", "billTotal": seen})
        assert (answer.status_code, said in answer.text) == (409 if said else 200, True), answer.text


async def test_a_bill_is_calculated_again_after_its_amount_was_named(office: Office, visitor: Visitor) -> None:
    id = await office.opened_bill()
    [form] = (await visitor.see(f"/bills/{id}/recalculate")).every("form", method="post")
    for _ in range(2):  # sent twice it is done once
        assert "Calculate again" in (await visitor.send(form)).one("section", id="jobs").text
    jobs = (await office.api.do("GET", "billjobs"))["data"]
    assert len([job for job in jobs if job["type"] == "RECALCULATE" and id in job.get("billIds", [])]) == 1


async def test_refused_usage_is_shown_byte_for_byte_and_sent_again(office: Office, visitor: Visitor) -> None:
    page = await visitor.see("/operations")
    refused = await office.api.do("GET", "usage/rejected")
    section = page.one("section", id="refused")
    assert section.every("table")[0].numbers == [Decimal(count) for count in refused["counts"].values()]
    [conflict] = [document for document in refused["data"] if document["reason"] == "id-conflict"]
    record = await visitor.see(f"/operations/refused/{conflict['id']}")
    assert '"calls": 901' in record.one("pre").text
    answer = await visitor.get(f"/operations/refused/{conflict['id']}/bytes")
    assert answer.headers["content-type"] == "application/octet-stream" and b'"calls": 901' in answer.content
    [form] = record.every("form", method="post")
    assert "1 refused record sent again" in (await visitor.send(form)).text
    jobs = (await office.api.do("GET", "billjobs"))["data"]
    page = await visitor.see("/operations")
    begun = [job for job in jobs if job.get("total")]  # one that was cancelled before has nothing to go
    assert len(page.one("section", id="jobs").every("progress")) == len(begun) > 0
    laws = await visitor.see("/operations/conservation")
    assert "Every law of conservation holds" in laws.text and laws.numbers[0] == 0


async def test_what_moved_is_told_as_it_moves(office: Office, visitor: Visitor) -> None:
    account = office.ids["idle"]
    async with visitor.http.stream("GET", f"{office.base}/live", params={"account": account}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        assert (await anext(lines)).startswith("retry:")
        year = {"startDate": "2026-01-01", "endDate": "2027-01-01"}
        await office.api.create("commitments", accountId=account, amount=5, currency="USD", code="new", **year)
        async with asyncio.timeout(60):
            while await anext(lines) != "event: changed":
                pass
    page = parsed((await visitor.get(f"/accounts/{account}")).text).one("main")
    assert page.attributes["data-stream"] == f"{office.base}/live?account={account}"


async def test_what_moved_before_its_stream_was_opened_is_told_at_once(office: Office, visitor: Visitor) -> None:
    """The page says what it was rendered at, and its stream begins from there."""
    account = office.ids["idle"]
    main = parsed((await visitor.get(f"/accounts/{account}")).text).one("main")
    mark = main.attributes["data-mark"]
    assert mark == (await office.api.do("GET", f"moved/{account}"))["mark"]
    year = {"startDate": "2026-01-01", "endDate": "2027-01-01"}
    id = await office.api.create("commitments", accountId=account, amount=6, currency="USD", code="between", **year)
    await office.projected()
    address, query = main.attributes["data-stream"].split("?")[0], {"account": account, "at": mark}
    async with visitor.http.stream("GET", address, params=query) as stream, asyncio.timeout(60):
        lines = stream.aiter_lines()
        while await anext(lines) != "event: changed":
            pass
    moved = await office.api.do("GET", f"moved/{id}")
    assert moved["rootAccountId"] == account and moved["mark"] != mark
    assert moved == await office.api.do("GET", f"moved/{account}")
    assert (await visitor.get("/live", 404, commitment="nothing")).text
