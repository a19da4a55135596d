"""Pages of what a real API seldom comes to: servers that are away, very many lines, jobs that run, hostile texts."""

import csv
import re
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

from services.access.scopes import Scope
from services.console import bills
from services.console.asking import path_of
from tests.console.alone import ACCOUNT, BASE, CONFIG, MadeUp, before, bill, line
from tests.console.visiting import Element, rows

EMPTY: dict[str, Any] = {"data": []}
AWAY = (503, "Postgres is away, try again later")
HOSTILE = """<b id='x'>"&amp;{{ 7 }}"""
ID = "a \"b'?<i>#%2F"


def links(page: Element) -> list[str]:
    return [one.attributes["href"] for one in page.every("a")]


def account(**more: Any) -> dict[str, Any]:
    """What the page of an account asks for, all of it there and empty."""
    lists = ("accounts/a/children", "commitments", "balances", "bills", "accountplans", "accounts/a/outlook")
    unbilled = {"accountId": "a", "billTotal": 0, "lineItems": []}
    alone = {"accounts/a": ACCOUNT, "organizationconfig": CONFIG, "clock": {"now": "2026-02-01T00:00:00Z"}}
    return dict.fromkeys(lists, EMPTY) | {"accounts/a/unbilled": unbilled} | alone | more


async def test_a_server_that_is_away_is_said_on_the_page() -> None:
    async with before(MadeUp(otherwise=AWAY)) as visit:
        for path in ("", "/accounts", "/accounts/a", "/bills/b", "/commitments/c", "/balances/x", "/search?q=acme"):
            page = await visit.see(path, 503)
            assert page.one("h1").text == "Not now" and page.one("p", role="alert").text == AWAY[1]


async def test_a_part_that_is_missing_is_said_where_it_would_stand() -> None:
    answers = account()
    for path in answers.keys() - {"accounts/a", "organizationconfig"}:
        async with before(MadeUp(answers | {path: AWAY})) as visit:
            page = await visit.see("/accounts/a")
            told = [one.text for one in page.every("p") if "could not be had now" in one.text]
            assert told == ([] if path.endswith("outlook") else [f"This could not be had now: {AWAY[1]}"]), path


async def test_who_was_signed_in_too_long_ago_signs_in_and_comes_back() -> None:
    async with before(MadeUp(account(**{"accounts/a/unbilled": (401, "the token has ended")}))) as visit:
        answer = await visit.http.get(f"{BASE}/accounts/a", params={"asOf": "2026-01-15"})
        wanted = "/console/sign-in?next=%2Fconsole%2Forganizations%2Fo%2Faccounts%2Fa%3FasOf%3D2026-01-15"
        assert (answer.status_code, answer.headers["location"]) == (303, wanted)
        assert answer.headers["set-cookie"].startswith('trueup_console="";'), "the cookie is of no use any more"


async def test_what_is_empty_says_so_in_each_of_its_parts() -> None:
    async with before(MadeUp(account())) as visit:
        page = await visit.see("/accounts/a")
        assert len([one for one in page.every("p") if one.attributes.get("class") == "empty"]) == 6
    quiet = {"usage/rejected": EMPTY, "billjobs": EMPTY, "audit/checkpoints": EMPTY, "health": {"status": "ok"}}
    quiet |= {"bills": EMPTY, "accounts": EMPTY, "system": {"passes": [], "usage": [], "log": []}}
    async with before(MadeUp(quiet)) as visit:
        assert "No bill job was started yet." in (await visit.see("/operations")).text
        assert "There is no such bill yet." in (await visit.see("/bills")).text
        assert "No bill waits for approval." in (await visit.see("/bills", status="PENDING")).text
        assert "There are no accounts yet." in (await visit.see("/accounts")).text
        assert "There are no older accounts." in (await visit.see("/accounts", nextToken="x")).text


async def test_a_bill_of_very_many_lines_comes_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bills, "LINES", 50)
    lines = [line(number) for number in range(1, 122)]
    async with before(MadeUp({"bills/b": bill(*lines), "accounts/a": ACCOUNT, "organizationconfig": CONFIG})) as visit:
        shown, path = list[str](), "/bills/b"
        while path:
            page = await visit.see(path)
            shown += [one.attributes["id"] for one in page.every("tr") if one.attributes.get("id")]
            following = [one.attributes["href"] for one in page.every("a") if one.text == "Next lines"]
            path = following[0].removeprefix(BASE) if following else ""
            assert bool(page.every("tfoot")) == (not path), "the total stands below the last of them"
        assert shown == [f"line-{number}" for number in range(1, 122)]
        assert "Lines 101 to 121 of 121." in page.text and page.one("tfoot").numbers == [Decimal("151.25")]
        timed = (await visit.http.get(f"{BASE}/bills/b")).headers["server-timing"]
        assert re.fullmatch(r"api;dur=\d+\.\d, rendering;dur=\d+\.\d", timed), "so much of it is the API's"
        every = await visit.see("/bills/b?lines=all")
        assert len(rows(every.one("section", id="lines"))) == 121 and not every.every("p", **{"class": "more"})
        answer = await visit.http.get(f"{BASE}/bills/b/lines.csv")
        assert answer.text.count("\r\n") == 122


async def test_very_many_lines_that_are_not_billed_come_in_parts_and_their_total_is_the_apis() -> None:
    unbilled = bill(*(line(number) for number in range(1, 151)), billTotal=Decimal(999))
    async with before(MadeUp(account(**{"accounts/a/unbilled": unbilled}))) as visit:
        section = (await visit.see("/accounts/a")).one("section", id="unbilled")
        assert len(rows(section)) == 100 and section.one("tfoot").numbers == [999]
        [more] = links(section)
        assert len(rows((await visit.see(more.removeprefix(BASE))).one("section", id="unbilled"))) == 150


async def test_zero_negative_and_yen_are_told_apart_from_each_other() -> None:
    lines = line(1, "0"), line(2, "-3", lineItemType="COMMITMENT_CONSUMED", chargeType="USAGE"), line(3, "1200")
    yen = bill(*(one | {"currency": "JPY"} for one in lines), currency="JPY", billTotal=Decimal(1197))
    async with before(MadeUp({"bills/b": yen, "accounts/a": ACCOUNT, "organizationconfig": CONFIG})) as visit:
        page = await visit.see("/bills/b")
        shown = [page.one("tr", id=f"line-{number}").every("data")[-1] for number in (1, 2, 3)]
        assert [one.text for one in shown] == ["¥0", "-¥3", "¥1,200"]
        assert [one.attributes["class"] for one in shown] == ["amount zero", "amount negative", "amount"]


JOB = {
    **{"id": "j 1", "type": "CREATE", "dtCreated": "2026-02-01T00:00:00Z", "createdBy": "me", "total": 8, "pending": 3},
    **{"billIds": ["b"], "lastDateInBillingPeriod": "2026-01-31", "failures": [{"message": "no price"}]},
}


@pytest.mark.parametrize(("status", "may_end"), [("RUNNING", True), ("PENDING", True), ("COMPLETE", False)])
async def test_a_job_that_runs_shows_how_far_it_is_and_is_ended(status: str, may_end: bool) -> None:
    system = {"health": {"status": "ok"}, "usage/rejected": EMPTY}
    api = MadeUp(system | {"billjobs": {"data": [JOB | {"status": status}]}, "billjobs/j 1/cancel": {}})
    async with before(api) as visit:
        section = (await visit.see("/operations")).one("section", id="jobs")
        assert "3 of 8 to go" in section.text and "Bill up to 31 Jan 2026" in section.text
        assert "no price" in section.text
        bar = section.one("progress").attributes
        assert (bar["max"], bar["value"]) == ("8", "5")
        forms = [one.attributes["action"] for one in section.every("form")]
        assert forms == ([f"{BASE}/operations/jobs/j%201/cancel"] if may_end else [])
        answer = await visit.http.post(f"{BASE}/operations/jobs/j%201/cancel", data={})
        assert answer.status_code == 403, "without the form's token nothing is done"
    api.scopes = frozenset({Scope.READ, Scope.USAGE})
    async with before(api) as visit:
        assert not (await visit.see("/operations")).one("section", id="jobs").every("form")


#: A page with the scope that writes there, and where its forms and links for that lead.
WRITES = {
    "/bills/b": (Scope.WRITE, ["/approve", "/recalculate", "/memo?kind=credit", "/memo?kind=debit"]),
    "/bills/b/approve": (Scope.WRITE, ["/bills/b/approve"]),
    "/operations": (Scope.USAGE, ["/operations/replay", "/operations/replay"]),
    "/operations/refused/r": (Scope.USAGE, ["/operations/replay"]),
}
REFUSED = {
    **{"id": "r", "reason": "unknown-meter", "message": "no such meter", "accountCode": "acme", "uid": "u"},
    **{"arrivedAt": "2026-01-01T00:00:00Z", "rejectedAt": "2026-01-01T00:00:01Z", "payload": "{}"},
}


@pytest.mark.parametrize("path", WRITES)
async def test_nobody_sees_a_button_that_his_key_is_not_good_for(path: str) -> None:
    scope, wanted = WRITES[path]
    answers = {
        **{"bills/b": bill(line(1)), "accounts/a": ACCOUNT, "organizationconfig": CONFIG, "billjobs": EMPTY},
        "usage/rejected": {"data": [REFUSED], "counts": {"unknown-meter": 1, "id-conflict": 2}},
        **{"usage/rejected/r": REFUSED, "health": {"status": "ok"}},
    }
    every = frozenset(Scope)
    for scopes in (every, every - {scope}):
        async with before(MadeUp(answers, scopes=scopes)) as visit:
            page = await visit.see(path)
            leads = [one.attributes["action"] for one in page.every("form", method="post")] + links(page)
            found = [one for one in leads if any(part in one for part in {*wanted})]
            assert len(found) == (len(wanted) if scope in scopes else 0), found


async def test_the_list_of_bills_has_each_with_its_account_its_days_and_its_total() -> None:
    held = [
        bill(line(1, "5"), id="b1", sequentialInvoiceNumber="INV-1", status="APPROVED", locked=True),
        bill(line(1, "-7"), id="b2", accountId="a2", accountCode="other"),
    ]
    api = MadeUp({"bills": {"data": held, "nextToken": "more"}})
    async with before(api) as visit:
        page = await visit.see("/bills", status="PENDING", nextToken="there")
        assert api.queries("bills")[0].items() >= {"status": "PENDING", "nextToken": "there"}.items()
        assert api.queries("bills")[0]["excludeLineItems"] == "true"
        told = [
            (one.one("th").every("a")[0].text, one.every("td")[0].text, one.every("td")[3].text, one.numbers)
            for one in page.every("tr")[1:]
        ]
        assert told == [("INV-1", "acme", "Approved Locked", [5]), ("b2", "other", "Pending", [-7])]
        assert {f"{BASE}/bills/b1", f"{BASE}/bills/b2", f"{BASE}/accounts/a", f"{BASE}/accounts/a2"} <= {*links(page)}
        assert f"{BASE}/bills?status=PENDING&nextToken=more" in links(page)
        await visit.see("/bills", status="<b>")
        assert "status" not in api.queries("bills")[1]


def outlook(id: str, kind: str, at_stake: str, lapses: str = "0", **more: Any) -> dict[str, Any]:
    return {
        **{"id": id, "kind": kind, "code": f"code-{id}", "accountId": "a", "accountCode": "acme", "currency": "USD"},
        **{"until": "2026-12-31", "remaining": Decimal(9), "perDay": Decimal(3), "atStake": Decimal(at_stake)},
        **{"lapses": Decimal(lapses), **more},
    }


async def test_the_overview_has_what_is_at_stake_in_the_apis_order() -> None:
    stake = [
        outlook("m", "MINIMUM", "70"),
        outlook("p", "PREPAYMENT", "50", day="2026-03-04"),
        outlook("x", "BALANCE", "20", name=HOSTILE),
    ]
    of_dollars = {
        **{"currency": "USD", "asOf": "2026-03-01"},
        "atStake": {"count": 41, "amount": Decimal(940), "first": stake},
        "lapsing": {"count": 1, "amount": Decimal(33), "first": [outlook("l", "PREPAYMENT", "0", "33")]},
        "trueUps": [{"month": "2026-03", "amount": Decimal(70), "minimums": 1}],
    }
    told = {
        **{"window": 90, "currencies": [of_dollars], "pending": [{"currency": "USD", "bills": 6}]},
        "refused": {"count": 8, "reasons": {"unknown-meter": 8}},
        "proved": [{"by": "audit", "ended": "2026-03-01T00:00:00Z", "holds": False, "unexplained": Decimal("0.5")}],
        **{"familiesWaiting": {"new-terms": 2}, "behind": {"projector": 4}},
    }
    api = MadeUp({"overview": told})
    async with before(api) as visit:
        page = await visit.see("", window="90")
        assert api.queries("overview") == [{"window": "90"}] and page.one("a", **{"aria-current": "true"}).text == "90"
        at_stake, lapsing = page.one("section", id="stake-USD"), page.one("section", id="lapsing-USD")
        assert at_stake.numbers == [940, 41, 3, 9, 70, 3, 9, 50, 3, 9, 20]
        assert lapsing.numbers == [33, 1, 3, 9, 33]
        names = [one.every("a")[0].attributes["href"].removeprefix(BASE) for one in at_stake.every("tr")[1:]]
        assert names == ["/commitments/m", "/commitments/p", "/balances/x"]
        assert f"{BASE}/accounts/a" in links(at_stake) and HOSTILE in at_stake.text
        assert "falls short on 31 Dec 2026" in at_stake.text and "runs out on 4 Mar 2026" in at_stake.text
        assert page.one("section", id="waits").numbers == [6, 8, 2]
        holds = page.one("section", id="holds")
        assert holds.numbers == [Decimal("0.5"), 4] and "Broken" in holds.text
        assert page.one("section", id="trueups-USD").every("table")[0].numbers == [70]
        for window in ("8", "", "30; DROP"):
            await visit.see("", window=window)
        assert api.queries("overview")[1:] == [{"window": "30"}] * 3


async def test_a_balance_has_its_transactions_and_what_became_of_it() -> None:
    one = {
        **{"id": "x", "name": "Goodwill", "code": "goodwill", "accountId": "a", "currency": "USD", "status": "ACTIVE"},
        **{"startDate": "2026-01-01", "endDate": "2027-01-01"},
    }
    amounts = {"amount": 11, "amountSpent": 2, "amountRolledOver": 3, "amountLapsed": 4, "amountRemaining": 5}
    summary = {
        **{"initialCreditAmount": 6, "totalCreditAmount": 7, "totalDebitAmount": 8, "balanceConsumed": 9},
        **{"rolloverConsumed": 10, "expiredBalanceAmount": 12},
    }
    put = [
        {"id": str(day), "amount": Decimal(day), "appliedDate": f"2026-01-0{day}", "description": HOSTILE}
        for day in (3, 1)
    ]
    api = MadeUp(
        {
            **{"balances/x": one | amounts, "accounts/a": ACCOUNT, "balances/x/transactions/summary": summary},
            "balances/x/transactions": {"data": put, "nextToken": "more"},
        }
    )
    async with before(api) as visit:
        page = await visit.see("/balances/x")
        assert page.one("section", id="standing").numbers == list(amounts.values())
        assert page.one("section", **{"aria-labelledby": "h-summary"}).numbers == list(summary.values())
        section = page.one("section", **{"aria-labelledby": "h-transactions"})
        assert rows(section) == [[3], [1]] and HOSTILE in section.text
        assert links(section) == [f"{BASE}/balances/x?nextToken=more"]
        assert f"{BASE}/accounts/a" in links(page)


async def test_an_account_leads_to_its_parent_its_children_and_older_ones() -> None:
    child = {"data": [{"id": ID, "code": "kid", "name": HOSTILE}], "nextToken": "more"}
    mine = {"accounts/a": ACCOUNT | {"parentAccountId": "p"}, "accounts/p": {"id": "p", "code": "parent", "name": "P"}}
    api = MadeUp(account(**mine, **{"accounts/a/children": child}))
    async with before(api) as visit:
        page = await visit.see("/accounts/a", childrenFrom="there")
        children = page.one("section", id="children")
        assert links(children) == [f"{BASE}{path_of('accounts', ID)}", f"{BASE}/accounts/a?childrenFrom=more#children"]
        assert HOSTILE in children.text and f"{BASE}/accounts/p" in links(page)
        assert api.queries("accounts/a/children") == [{"nextToken": "there"}]


async def test_of_very_many_commitments_the_one_with_most_at_stake_is_drawn() -> None:
    def one(id: str, status: str = "ACTIVE") -> dict[str, Any]:
        term = {"startDate": "2026-01-01", "endDate": "2027-01-01", "currency": "USD", "amount": Decimal(1)}
        return {"id": id, "status": status, **term}

    few = [one("ended", "ENDED"), one("first"), one("second")]
    many = [one(f"c-{number}") for number in range(40)]
    for held, wanted in ((few, ["second", "first"]), (many, ["c-30"])):
        stakes = {"data": [{"id": wanted[0]}, {"id": "gone"}]}
        api = MadeUp(account(**{"commitments": {"data": held}, "accounts/a/outlook": stakes}))
        async with before(api) as visit:
            await visit.see("/accounts/a")
            drawn = [path.split("/")[1] for _, path, _ in api.asked if path.endswith("/burndown")]
            assert drawn == wanted


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1"])
async def test_no_text_of_a_line_is_a_formula_to_a_spreadsheet(text: str) -> None:
    texts = {"description": text, "productCode": text, "childAccountCode": text, "unit": text, "commitmentId": text}
    async with before(MadeUp({"bills/b": bill(line(1, "-2", **texts, balanceId=text, id=text))})) as visit:
        answer = await visit.http.get(f"{BASE}/bills/b/lines.csv")
        headings, cells = csv.reader(StringIO(answer.text.lstrip("\ufeff"), newline=""))
        told = dict(zip(headings, cells, strict=True))
        assert told["amount"] == "-2", "a number below zero is one"
        names = ("description", "product", "child account", "unit", "line id", "commitment id", "balance id")
        assert [told[name] for name in names] == [f"'{text}"] * 7


async def test_ids_and_texts_of_whatever_kind_stay_what_they_are() -> None:
    """An id with all that ends an attribute or a path; a description that is markup."""
    held = bill(line(1, description=HOSTILE, id=f"{ID}1"), id=ID, accountCode=HOSTILE)
    api = MadeUp({f"bills/{ID}": held, "accounts/a": ACCOUNT | {"name": HOSTILE}, "organizationconfig": CONFIG})
    async with before(api) as visit:
        page = await visit.see(path_of("bills", ID))
        [why] = page.one("section", id="lines").every("a")
        assert why.text == HOSTILE and why.attributes["href"] == f"{BASE}{path_of('bills', ID, 'lines', f'{ID}1')}"
        assert not page.every("b") and HOSTILE in page.one("section", **{"aria-label": "Bill"}).text
        for href in [*links(page), *(one.attributes["action"] for one in page.every("form"))]:
            assert href.startswith(f"{BASE}/") and not {*"\"'<>"} & {*href}, href
