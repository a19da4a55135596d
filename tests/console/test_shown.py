"""What pages show of an API that is made up, to the number: many lines, lists, the overview, a balance, a family."""

import re
from decimal import Decimal
from typing import Any

import pytest

from services.console import bill_pages
from services.console.asking import path_of
from tests.catalog import YEAR
from tests.console.alone import ACCOUNT, BASE, CONFIG, HOSTILE, ID, MadeUp, account, before, bill, line, links
from tests.console.visiting import rows


async def test_a_bill_of_very_many_lines_comes_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bill_pages, "LINES", 50)
    lines = [line(number) for number in range(1, 122)]
    async with before(MadeUp({"bills/b": bill(*lines), "accounts/a": ACCOUNT, "organizationconfig": CONFIG})) as visit:
        shown, path = list[str](), "/bills/b"
        while path:
            page = await visit.see(path)
            shown += [row.attributes["id"] for row in page.every("tr") if row.attributes.get("id")]
            following = [link.attributes["href"] for link in page.every("a") if link.text == "Next lines"]
            path = following[0].removeprefix(BASE) if following else ""
            assert bool(page.every("tfoot")) == (not path), "the total stands below the last of them"
        assert shown == [f"line-{number}" for number in range(1, 122)]
        assert "Lines 101 to 121 of 121." in page.text and page.one("tfoot").numbers == [Decimal("151.25")]
        timed = (await visit.http.get(f"{BASE}/bills/b")).headers["server-timing"]
        assert re.fullmatch(r"api;dur=\d+\.\d, rendering;dur=\d+\.\d", timed), "so much of it is the API's"
        every = await visit.see("/bills/b?lines=all")
        assert len(rows(every.one("section", id="lines"))) == 121 and not every.every("p", **{"class": "more"})


async def test_very_many_lines_that_are_not_billed_come_in_parts_and_their_total_is_the_apis() -> None:
    unbilled = bill(*(line(number) for number in range(1, 151)), billTotal=Decimal(999))
    async with before(MadeUp(account(**{"accounts/a/unbilled": unbilled}))) as visit:
        section = (await visit.see("/accounts/a")).one("section", id="unbilled")
        assert len(rows(section)) == 100 and section.one("tfoot").numbers == [999]
        [more] = links(section)
        assert len(rows((await visit.see(more.removeprefix(BASE))).one("section", id="unbilled"))) == 150


async def test_zero_negative_and_yen_are_told_apart_from_each_other() -> None:
    lines = line(1, "0"), line(2, "-3", lineItemType="COMMITMENT_CONSUMED", chargeType="USAGE"), line(3, "1200")
    yen = bill(*(line | {"currency": "JPY"} for line in lines), currency="JPY", billTotal=Decimal(1197))
    async with before(MadeUp({"bills/b": yen, "accounts/a": ACCOUNT, "organizationconfig": CONFIG})) as visit:
        page = await visit.see("/bills/b")
        shown = [page.one("tr", id=f"line-{number}").every("data")[-1] for number in (1, 2, 3)]
        assert [amount.text for amount in shown] == ["¥0", "-¥3", "¥1,200"]
        assert [amount.attributes["class"] for amount in shown] == ["amount zero", "amount negative", "amount"]


async def test_the_list_of_bills_has_each_with_its_account_its_days_and_its_total() -> None:
    prepayments = [
        bill(line(1, "5"), id="b1", sequentialInvoiceNumber="INV-1", status="APPROVED", locked=True),
        bill(line(1, "-7"), id="b2", accountId="a2", accountCode="other"),
    ]
    api = MadeUp({"bills": {"data": prepayments, "nextToken": "more"}})
    async with before(api) as visit:
        page = await visit.see("/bills", status="PENDING", nextToken="there")
        assert api.queries("bills")[0].items() >= {"status": "PENDING", "nextToken": "there"}.items()
        assert api.queries("bills")[0]["excludeLineItems"] == "true"
        told = [
            (row.one("th").every("a")[0].text, row.every("td")[0].text, row.every("td")[3].text, row.numbers)
            for row in page.every("tr")[1:]
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
        outlook("u", "PREPAYMENT", "10", remaining=Decimal(0)),
        outlook("n", "BALANCE", "5", remaining=Decimal(0)),
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
        assert at_stake.numbers == [940, 41, 3, 9, 70, 3, 9, 50, 3, 9, 20, 3, 0, 10, 3, 0, 5]
        assert lapsing.numbers == [33, 1, 3, 9, 33]
        names = [row.every("a")[0].attributes["href"].removeprefix(BASE) for row in at_stake.every("tr")[1:]]
        assert names == ["/commitments/m", "/commitments/p", "/balances/x", "/commitments/u", "/balances/n"]
        assert f"{BASE}/accounts/a" in links(at_stake) and HOSTILE in at_stake.text
        assert "falls short on 31 Dec 2026" in at_stake.text and "runs out on 4 Mar 2026" in at_stake.text
        expected = [row.every("td")[1].text.partition(" at ")[0] for row in at_stake.every("tr")[1:]]
        assert expected[2:] == ["something is left on 31 Dec 2026", "is used up", "nothing is on it"]
        assert page.one("section", id="waits").numbers == [6, 8, 2]
        holds = page.one("section", id="holds")
        assert holds.numbers == [Decimal("0.5"), 4] and "Broken" in holds.text
        assert page.one("section", id="trueups-USD").every("table")[0].numbers == [70]
        for window in ("8", "", "30; DROP"):
            await visit.see("", window=window)
        assert api.queries("overview")[1:] == [{"window": "30"}] * 3


async def test_a_balance_has_its_transactions_and_what_became_of_it() -> None:
    prepayment = {
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
            **{"balances/x": prepayment | amounts, "accounts/a": ACCOUNT, "balances/x/transactions/summary": summary},
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
    def commitment_of(id: str, status: str = "ACTIVE") -> dict[str, Any]:
        term = {"startDate": "2026-01-01", "endDate": "2027-01-01", "currency": "USD", "amount": Decimal(1)}
        return {"id": id, "status": status, **term}

    few = [commitment_of("ended", "ENDED"), commitment_of("first"), commitment_of("second")]
    many = [commitment_of(f"c-{number}") for number in range(40)]
    for commitments, wanted in ((few, ["second", "first"]), (many, ["c-30"])):
        stakes = {"data": [{"id": wanted[0]}, {"id": "gone"}]}
        api = MadeUp(account(**{"commitments": {"data": commitments}, "accounts/a/outlook": stakes}))
        async with before(api) as visit:
            await visit.see("/accounts/a")
            drawn = [path.split("/")[1] for _, path, _ in api.asked if path.endswith("/burndown")]
            assert drawn == wanted


async def test_how_a_fund_stands_is_said_in_words() -> None:
    term = {"startDate": "2026-01-01", "endDate": "2027-01-01", "currency": "USD", "amountRemaining": 0}
    funds = [
        term | {"id": id, "code": id, "name": id, "amount": amount, "amountSpent": amount, "status": status}
        for id, amount, status in (("gone", 5, "EXHAUSTED"), ("new", 0, "ACTIVE"), ("late", 0, "UPCOMING"))
    ]
    pending = {"data": [bill(line(1, "5"))]}
    async with before(MadeUp(account(balances={"data": funds}, bills=pending))) as visit:
        page = await visit.see("/accounts/a")
        shown = [row.every("td")[-1].text for row in page.one("section", id="balances").every("tr")[1:]]
        assert shown == ["Used up", "Nothing on it yet", "Upcoming"]
        assert "What a pending bill has is among it" in page.one("section", id="unbilled").text
    async with before(MadeUp(account())) as visit:
        assert "pending" not in (await visit.see("/accounts/a")).one("section", id="unbilled").text


async def test_of_very_many_prices_none_is_left_out() -> None:
    price: dict[str, Any] = {"planId": "p", "aggregationId": "g", "startDate": "2026-01-01"}
    price |= {"pricingBands": [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": 1}]}
    plan = {"id": "p", "code": "plan", "name": "Plan", "planTemplateId": "t"}
    template = {"id": "t", "name": "T", "currency": "USD", "billFrequency": "MONTHLY"}
    lists = {
        "accountplans": [{"id": "x", "planId": "p", "startDate": "2026-01-01"}],
        "plans": [plan],
        "plantemplates": [template],
        "aggregations": [{"id": "g", "name": "Calls"}],
    }
    answers: dict[str, dict[str, Any]] = {name: {"data": entities} for name, entities in lists.items()}
    answers["pricings"] = {"data": [price | {"id": "1"}], "nextToken": "on"}
    answers["pricings?on"] = {"data": [price | {"id": "2"}]}
    async with before(MadeUp(account(**answers))) as visit:
        rows = (await visit.see("/accounts/a")).one("section", id="plans").every("tr")[1:]
        assert len(rows) == 4, "two of the plan, and as many of its template, which are the same here"


async def test_a_long_history_goes_on() -> None:
    changed = {"eventName": "configuration.commitment.updated", "eventTime": "2026-01-02T00:00:00Z"}
    events = {"data": [changed | {"m3terEvent": {"eventData": {}}}], "nextToken": "on"}
    commitment = {"id": "c", "code": "pre", "accountId": "a", "amount": 10, "currency": "USD", **YEAR}
    api = MadeUp(account(**{"commitments/c": commitment, "events": events}))
    async with before(api) as visit:
        page = await visit.see("/commitments/c", historyFrom="here")
        assert api.queries("events")[0]["nextToken"] == "here"
        assert any(href.endswith("historyFrom=on#h-history") for href in links(page))


async def test_a_ledger_names_bills_by_their_numbers() -> None:
    shown_documents = {
        **{"id": "c", "code": "pre", "accountId": "a", "amount": 10, "currency": "USD"},
        **{"startDate": "2026-01-01", "endDate": "2027-01-01"},
    }
    lines = [line(1, "-5", billId="numbered"), line(2, "-6", billId="without-a-number")]
    numbered = {"data": [{"id": "numbered", "sequentialInvoiceNumber": "INV-7"}, {"id": "without-a-number"}]}
    api = MadeUp(account(**{"commitments/c": shown_documents, "lineitems": {"data": lines}, "bills": numbered}))
    async with before(api) as visit:
        page = await visit.see("/commitments/c")
        to_bills = [link.text for link in page.every("a") if "/bills/" in link.attributes["href"]]
        assert to_bills == ["INV-7", "without-"] * 2, "among the fees, and in the ledger"
        assert api.queries("bills")[0]["ids"] == "numbered,without-a-number"
