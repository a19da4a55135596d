"""On the real stack: burn-downs and progress, with forecasts, as of a service day and as known at a moment."""

from decimal import Decimal
from typing import Any

import pytest

from tests.insight.conftest import Played

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


async def of_kind(played: Played, kind: str) -> list[dict[str, Any]]:
    return [
        commitment
        for commitment in await played.commitments()
        if commitment.get("commitmentType", "PREPAYMENT") == kind
    ]


async def in_term(played: Played) -> list[dict[str, Any]]:
    return [commitment for commitment in await played.commitments() if commitment["status"] in ("ACTIVE", "EXHAUSTED")]


async def test_a_burn_down_ends_where_the_commitment_stands(played: Played) -> None:
    for commitment in await of_kind(played, "PREPAYMENT"):
        burn_down = await played.get(f"commitments/{commitment['id']}/burndown")
        last = burn_down["days"][-1]
        assert last["drawn"] == burn_down["spent"] == Decimal(str(commitment["amountSpent"]))
        assert last["left"] + last["ahead"] == Decimal(str(commitment["amountRemaining"])) + burn_down["rolledOver"]
        for day in burn_down["days"]:
            assert day["added"] == day["drawn"] + day["left"] + day["lapsed"]
        assert sum(part["amount"] for day in burn_down["days"] for part in day["products"]) == burn_down["spent"]
        assert {part["productId"] for day in burn_down["days"] for part in day["products"]} == {
            product["id"] for product in burn_down["products"]
        }
        assert burn_down["marks"][0]["kind"] == "START" and burn_down["earlierDays"] == 0


async def test_its_days_are_those_of_the_balance_as_of_each(played: Played) -> None:
    [commitment] = [commitment for commitment in await played.commitments() if commitment.get("code") == "second"]
    path = f"commitments/{commitment['id']}"
    whole = await played.get(f"{path}/burndown")
    few = await played.get(f"{path}/burndown", days=2)
    assert few["days"] == whole["days"][-len(few["days"]) :] and few["earlierDays"] > 0
    for day in whole["days"][:: max(1, len(whole["days"]) // 3)]:
        burn_down = await played.get(f"{path}/burndown", asOf=day["day"])
        balance = await played.get(f"{path}/balance", asOf=day["day"])
        assert burn_down["days"][-1]["drawn"] == balance["spent"] == day["drawn"]
        assert burn_down["asOf"] == day["day"]


async def test_a_minimum_progresses_to_what_it_has_counted(played: Played) -> None:
    [commitment, *_] = await of_kind(played, "MINIMUM")
    path = f"commitments/{commitment['id']}"
    for period in commitment["periods"]:
        told_progress = await played.get(f"{path}/progress", asOf=period["startDate"])
        assert (
            told_progress["period"]["startDate"] == period["startDate"]
            and told_progress["period"]["state"] == "RUNNING"
        )
    now = await played.get(f"{path}/progress")
    [stands] = [period for period in commitment["periods"] if period["startDate"] == now["period"]["startDate"]]
    assert now["period"]["counted"] == Decimal(str(stands["counted"])) == now["days"][-1]["counted"]
    assert now["period"]["trueUp"] == Decimal(str(stands["trueUp"]))


async def test_as_known_before_it_was_made_there_is_none(played: Played) -> None:
    [commitment] = [commitment for commitment in await played.commitments() if commitment.get("code") == "second"]
    path = f"commitments/{commitment['id']}/burndown"
    assert (await played.wire.ask("GET", path, knownAt=played.moments[0].isoformat())).status_code == 404
    then = await played.get(path, knownAt=played.moments[-1].isoformat())
    now = await played.get(path)
    assert then["days"] == now["days"] and then["knownAt"]


async def test_each_kind_has_its_own_question(played: Played) -> None:
    [prepaid, *_], [minimum, *_] = await of_kind(played, "PREPAYMENT"), await of_kind(played, "MINIMUM")
    for path in (f"commitments/{minimum['id']}/burndown", f"commitments/{prepaid['id']}/progress"):
        refused = await played.wire.ask("GET", path)
        assert refused.status_code == 400 and "must be that of" in refused.text
    for path in ("commitments/none/burndown", "commitments/none/progress", "balances/none/burndown"):
        assert (await played.wire.ask("GET", path)).status_code == 404
    ahead = await played.wire.ask("GET", f"commitments/{prepaid['id']}/burndown", asOf="2999-01-01")
    assert ahead.status_code == 400 and "asOf" in ahead.text


async def test_the_overview_is_what_the_forecasts_of_all_say(played: Played) -> None:
    await played.settled()
    for window in (7, 30, 90):
        overview = await played.get("overview", window=window, limit=200)
        at_stake: dict[str, Decimal] = {}
        lapses: dict[str, Decimal] = {}
        for commitment in await played.commitments():
            kind = "progress" if commitment.get("commitmentType") == "MINIMUM" else "burndown"
            shown = await played.get(f"commitments/{commitment['id']}/{kind}")
            for forecast in (forecast for forecast in shown["forecasts"] if forecast["window"] == window):
                at_stake[commitment["id"]] = forecast.get("uncovered", forecast.get("trueUp"))
                lapses[commitment["id"]] = forecast.get("lapses", Decimal(0))
        if not await in_term(played):  # the story's year is over
            assert not overview["currencies"]
            continue
        [usd] = overview["currencies"]
        first = {commitment["id"]: commitment["atStake"] for commitment in usd["atStake"]["first"]}
        assert first == {id: amount for id, amount in at_stake.items() if amount}
        assert usd["atStake"]["amount"] == sum(at_stake.values()) and usd["atStake"]["count"] == len(first)
        assert list(first.values()) == sorted(first.values(), reverse=True)
        assert usd["lapsing"]["amount"] == sum(lapses.values())
        for listed in (*usd["atStake"]["first"], *usd["lapsing"]["first"]):
            [same] = [by for by in listed["expected"] if by["window"] == window]
            assert same.items() <= {**listed, "window": window}.items()
            assert [by["window"] for by in listed["expected"]] == [7, 30, 90]
        minimums = [commitment for commitment in usd["atStake"]["first"] if commitment["kind"] == "MINIMUM"]
        assert sum(month["amount"] for month in usd["trueUps"]) == sum(minimum["atStake"] for minimum in minimums)
        assert sum(month["minimums"] for month in usd["trueUps"]) == len(minimums)
        assert overview["familiesWaiting"] == {} and overview["behind"].keys() >= {"relay"}
        refused = await played.get("usage/rejected")
        assert overview["pending"] == [] and overview["refused"]["count"] == len(refused["data"])


async def test_an_account_has_its_own_outlook(played: Played) -> None:
    for code, id in played.accounts.items():
        outlook = await played.get(f"accounts/{id}/outlook")
        mine = [commitment["id"] for commitment in await in_term(played) if commitment["accountId"] == id]
        assert {document["id"] for document in outlook["data"]} == set(mine)
        assert all(document["accountCode"] == code and document["accountId"] == id for document in outlook["data"])
        few = await played.get(f"accounts/{id}/outlook", limit=1)
        assert few["data"] == outlook["data"][:1]
    assert (await played.wire.ask("GET", "accounts/none/outlook")).status_code == 404
    assert (await played.wire.ask("GET", "overview", window="31")).status_code == 400


async def test_what_people_call_something_leads_to_it(played: Played) -> None:
    async def finds(query: str, **more: Any) -> list[tuple[str, str]]:
        return [
            (document["kind"], document["id"]) for document in (await played.get("find", query=query, **more))["data"]
        ]

    [code, *_], [commitment] = (
        played.accounts,
        [commitment for commitment in await played.commitments() if commitment.get("code") == "second"],
    )
    bill = (await played.bills())[0]
    assert await finds(code) == [("account", played.accounts[code])]
    assert await finds("second") == await finds(commitment["id"]) == [("commitment", commitment["id"])]
    assert await finds(bill["id"]) == [("bill", bill["id"])]
    if number := bill.get("sequentialInvoiceNumber"):
        assert ("bill", bill["id"]) in await finds(number)
    # Nothing is called exactly so: what is called alike, and no wildcard of SQL's.
    assert ("commitment", commitment["id"]) in await finds("SECO")
    assert len(await finds("account-")) == len(played.accounts) and len(await finds("account-", limit=2)) == 2
    assert await finds("%") == await finds("acc_unt-") == []
    assert (await played.wire.ask("GET", "find")).status_code == 400
