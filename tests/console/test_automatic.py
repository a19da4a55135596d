"""Automatic rules on pages: in words, with what they did; made, switched off and on by who may write."""

from typing import Any

from services.access.scopes import Scope
from tests.catalog import YEAR
from tests.console.alone import BASE, CONFIG, MadeUp, account, before, links

RULE: dict[str, Any] = {
    **{"id": "r", "version": 3, "name": "Refill", "code": "refill", "accountId": "a", "commitmentId": "c"},
    **{"currency": "USD", "threshold": 20, "amount": 100, "maxTimes": 2, "dtCreated": "2026-02-01T00:00:00Z"},
}
ABOVE: dict[str, Any] = {
    **{"id": "t", "version": 1, "name": "Above", "code": "above", "accountId": "a", "currency": "USD"},
    "threshold": 500,
}
AHEAD: dict[str, Any] = {"id": "c", "code": "ahead", "currency": "USD", "amount": 100, **YEAR}
CURRENCY = CONFIG | {"currency": "USD"}
ACT: dict[str, Any] = {
    **{"id": "1", "ruleId": "r", "ruleCode": "refill", "action": "TOP_UP", "accountId": "a", "resourceId": "c"},
    **{"outcome": "DONE", "day": "2026-01-10", "currency": "USD", "threshold": 20, "found": 5, "amount": 100},
}
REFUSED = {name: value for name, value in ACT.items() if name != "amount"} | {
    "outcome": "REFUSED", "reason": "maxTimes: <b>twice</b>",
}  # fmt: skip
BILLED = ACT | {"ruleId": "t", "ruleCode": "above", "action": "BILL", "billId": "b", "amount": 510}
HELD: dict[str, Any] = {
    "automatictopups": {"data": [RULE]},
    "thresholdbillings": {"data": [ABOVE]},
    "automaticacts": {"data": [REFUSED, BILLED, ACT]},
    "automatictopups/r": RULE,
    "commitments": {"data": [AHEAD]},
    "organizationconfig": CURRENCY,
}


async def test_an_account_says_what_happens_by_itself_and_what_did() -> None:
    async with before(MadeUp(account(**HELD))) as visit:
        section = (await visit.see("/accounts/a")).one("section", id="automatic")
        said = section.text
        for words in ("less than", "20.00", "100.00 is paid in, 2 times a month", "more than", "500.00", "is billed"):
            assert words in said
        assert "Refused: maxTimes: <b>twice</b>" in said and "Topped up" in said and "Billed" in said
        assert f"{BASE}/bills/b" in links(section) and f"{BASE}/accounts/a/automatic/top-up/r" in links(section)
    reader = MadeUp(account(**HELD), scopes=frozenset({Scope.READ}))
    async with before(reader) as visit:
        section = (await visit.see("/accounts/a")).one("section", id="automatic")
        assert not [link for link in links(section) if "kind=" in link]
        assert not (await visit.see("/accounts/a/automatic/top-up/r")).every("button")


async def test_a_rule_is_switched_by_the_version_that_was_seen() -> None:
    made_up = MadeUp(account(**HELD))
    async with before(made_up) as visit:
        page = await visit.see("/accounts/a/automatic/top-up/r")
        form = page.one("form")
        fields = {one.attributes["name"]: one.attributes["value"] for one in form.every("input")}
        assert (fields["active"], fields["version"]) == ("false", "3") and "Switch it off" in form.text
        answer = await visit.send("/accounts/a/automatic/top-up/r", active="false", version="3")
        assert answer.status_code == 303 and ("PUT", "automatictopups/r", {}) in made_up.asked
        assert (await visit.send("/accounts/a/automatic/top-up/r", active="false")).status_code == 400
        await visit.see("/accounts/a/automatic/other/r", 404)


async def test_a_rule_is_asked_for_then_named_then_made() -> None:
    made_up = MadeUp(account(**HELD))
    asked = {"kind": "top-up", "code": "more", "of": "c", "threshold": "30", "amount": "50", "maxTimes": "4"}
    async with before(made_up) as visit:
        empty = await visit.see("/accounts/a/automatic", kind="top-up")
        assert empty.one("select", id="of").every("option") and not empty.every("p", role="alert")
        sure = await visit.see("/accounts/a/automatic", **asked)
        assert "50.00" in sure.text and "30.00" in sure.text and "4 times a month at most" in sure.text
        wrong = await visit.see("/accounts/a/automatic", **asked | {"threshold": "x"})
        assert "threshold: must be a number" in wrong.one("p", role="alert").text
        # The API as made up answers a POST with the list: it has no id, so what is sent is looked at alone.
        made_up.answers["automatictopups"] = (400, "maxTimes: must be given, or maxAmount")
        refused = await visit.send("/accounts/a/automatic", **asked | {"currency": "USD", "ofKind": "commitment"})
        assert refused.status_code == 400 and "must be given, or maxAmount" in refused.text
        made_up.answers["automatictopups"] = RULE
        done = await visit.send("/accounts/a/automatic", **asked | {"currency": "USD", "ofKind": "commitment"})
        assert (done.status_code, done.headers["location"]) == (303, f"{BASE}/accounts/a/automatic/top-up/r")
    async with before(MadeUp(account(organizationconfig=CURRENCY))) as visit:
        assert "no prepayment and no balance" in (await visit.see("/accounts/a/automatic", kind="top-up")).text
        bill = await visit.see("/accounts/a/automatic", kind="bill", code="above", threshold="500")
        assert "500.00" in bill.text and "without a grace period" in bill.text
