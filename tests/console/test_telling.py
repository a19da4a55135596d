"""Alerts and webhooks: rules and what they found, destinations and deliveries, and what is sent once more."""

from typing import Any

import pytest

from services.access.scopes import Scope
from tests.console.alone import BASE, EMPTY, HOSTILE, MadeUp, before, links

HOOKS = "integrationdestinations/webhooks"
RULE = {"id": "r", "name": HOSTILE, "code": "used-80", "eventName": "alert.funds.used", "threshold": 80}
HOOK = {"id": "w", "name": "Ledger", "description": HOSTILE, "url": "https://a.example/x", "eventTypes": ["alert.*"]}
ALERT = {
    "eventName": "alert.funds.used",
    "eventTime": "2026-03-01T10:00:00Z",
    "m3terEvent": {
        "eventData": {
            "newDto": {
                **{"notificationCode": "used-80", "threshold": 80, "accountId": "a", "subjectId": "c"},
                **{"subjectKind": "PREPAYMENT", "remaining": 15, "currency": "USD", "day": "2026-12-31"},
            }
        }
    },
}
DELIVERY = {
    **{"id": "msg_1", "eventType": "alert.funds.used", "subject": "c", "status": "DEAD", "attempts": 13},
    **{"dtCreated": "2026-03-01T10:00:00Z", "lastAttempt": "2026-03-04T10:00:00Z", "lastStatus": 500},
    **{"lastError": "it answered 500", "ended": "2026-03-04T10:00:00Z"},
}
PENDING = {**DELIVERY, "id": "msg_2", "status": "PENDING", "nextAttempt": "2026-03-01T12:00:00Z", "attempts": 2}
SECRETS = {
    "data": [
        {"id": "s2", "dtCreated": "2026-03-01T00:00:00Z", "createdBy": "me"},
        {"id": "s1", "dtCreated": "2026-01-01T00:00:00Z", "createdBy": "me", "ends": "2026-03-02T00:00:00Z"},
    ]
}


def answers(**more: Any) -> dict[str, Any]:
    return {
        "notifications/configurations": {"data": [RULE, RULE | {"id": "q", "active": False}]},
        "events": {"data": [ALERT], "nextToken": "on"},
        HOOKS: {"data": [HOOK]},
        f"{HOOKS}/w": HOOK,
        f"{HOOKS}/w/secrets": SECRETS,
        f"{HOOKS}/w/deliveries": {"data": [PENDING, DELIVERY]},
        f"{HOOKS}/w/deliveries/msg_1": DELIVERY | {"body": '{"type": "<b>"}'},
        f"{HOOKS}/w/deliveries/msg_1/replay": DELIVERY,
        f"{HOOKS}/w/deliveries/replay": {"replayed": 1, "more": False},
        f"{HOOKS}/w/test": PENDING,
        **{"health": {"status": "ok"}, "usage/rejected": EMPTY, "billjobs": EMPTY},
    } | more


async def test_the_page_shows_rules_what_they_found_and_who_is_told() -> None:
    async with before(MadeUp(answers())) as visit:
        page = await visit.see("/alerts")
        raised, rules, hooks = (page.one("section", id=name) for name in ("alerts", "rules", "webhooks"))
        assert "used-80" in raised.text and f"{BASE}/commitments/c" in links(raised)
        assert any("alertsFrom=on" in href for href in links(raised))
        assert HOSTILE in rules.text and "Inactive" in rules.text
        assert "https://a.example/x" in hooks.text and f"{BASE}/alerts/webhooks/w" in links(hooks)
        assert f"{BASE}/alerts" in links(await visit.see("/operations"))
    nothing = {"notifications/configurations": EMPTY, "events": EMPTY, HOOKS: EMPTY}
    async with before(MadeUp(nothing)) as visit:
        page = await visit.see("/alerts")
        assert len([paragraph for paragraph in page.every("p") if paragraph.attributes.get("class") == "empty"]) == 3


async def test_what_a_key_is_not_good_for_is_said_and_the_rest_stands() -> None:
    refused = (403, "needs scope audit")
    async with before(MadeUp(answers(**{"events": refused, f"{HOOKS}/w/deliveries": refused}))) as visit:
        page = await visit.see("/alerts")
        assert "takes scope audit" in page.one("section", id="alerts").text and "Ledger" in page.text
        assert "takes scope audit" in (await visit.see("/alerts/webhooks/w")).one("section", id="deliveries").text


async def test_deliveries_say_how_they_stand_and_are_asked_for_by_status() -> None:
    api = MadeUp(answers())
    async with before(api) as visit:
        page = await visit.see("/alerts/webhooks/w", status="DEAD")
        assert api.queries(f"{HOOKS}/w/deliveries")[0]["status"] == "DEAD"
        rows = [row.text for row in page.one("section", id="deliveries").every("tr")[1:]]
        assert "Pending" in rows[0] and "Given up" in rows[1] and "it answered 500" in rows[1]
        assert "good until" in page.text and HOSTILE in page.text
        delivery_page = await visit.see("/alerts/webhooks/w/deliveries/msg_1")
        assert '{"type": "<b>"}' in delivery_page.text and "Given up" in delivery_page.text


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/alerts/webhooks/w", ["/alerts/webhooks/w/test", "/alerts/webhooks/w/replay"]),
        ("/alerts/webhooks/w/deliveries/msg_1", ["/alerts/webhooks/w/replay"]),
    ],
)
async def test_who_may_not_write_sees_no_button(path: str, wanted: list[str]) -> None:
    for scopes in (frozenset(Scope), frozenset(Scope) - {Scope.WRITE}):
        async with before(MadeUp(answers(), scopes=scopes)) as visit:
            forms = (await visit.see(path)).every("form", method="post")
            actions = [form.attributes["action"] for form in forms]
            assert actions == ([f"{BASE}{path}" for path in wanted] if Scope.WRITE in scopes else [])


async def test_what_was_given_up_is_sent_once_more_by_a_form_of_this_session_alone() -> None:
    api = MadeUp(answers())
    async with before(api) as visit:
        at = f"{BASE}/alerts/webhooks/w"
        assert (await visit.http.post(f"{at}/replay", data={})).status_code == 403
        replayed = await visit.send("/alerts/webhooks/w/replay", delivery="msg_1", once="x")
        assert replayed.headers["location"] == f"{at}/deliveries/msg_1"
        every = await visit.send("/alerts/webhooks/w/replay", once="y")
        assert every.headers["location"] == f"{at}?replayed=1"
        tried = await visit.send("/alerts/webhooks/w/test", once="z")
        assert tried.headers["location"] == f"{at}/deliveries/msg_2"
        assert "1 delivery is sent once more" in (await visit.see("/alerts/webhooks/w", replayed="1")).text
    sent = [path for method, path, _ in api.asked if method == "POST"]
    assert sent == [f"{HOOKS}/w/deliveries/msg_1/replay", f"{HOOKS}/w/deliveries/replay", f"{HOOKS}/w/test"]
