"""On the real stack: what corrections would do is told in money before, many are made at once, and all are listed."""

import pytest
import pytest_asyncio

from tests.insight.conftest import Played
from tests.insight.corrected import corrected_organization, event, named
from tests.system.story import Wire

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wire(played: Played) -> Wire:
    """An organization beside the story's."""
    return await corrected_organization(lambda: played.system.addresses.api_url, "correcting")


async def test_what_has_something_in_common_is_voided_at_once_and_told_in_money_before(wire: Wire) -> None:
    days = ("2026-02-03T12:00:00Z", "2026-02-03T13:00:00Z", "2026-02-04T12:00:00Z")
    sent = [event(f"m{number}", 10 + number, "m") | {"ts": ts, "source": "/bulk"} for number, ts in enumerate(days)]
    await wire.do("POST", "measurements", {"measurements": sent})
    correction = {
        "account": "acme",
        "source": "/bulk",
        "from": "2026-02-03T12:30:00Z",
        "lastDateInBillingPeriod": "2026-03-31",
    }
    dry = await wire.do("POST", "usage/void/matching", correction | {"dryRun": True})
    assert (dry["count"], dry["more"], dry["days"]) == (
        2, False, [{"day": "2026-02-03", "count": 1}, {"day": "2026-02-04", "count": 1}],
    )  # fmt: skip
    assert await wire.do("POST", "usage/void/matching", correction | {"dryRun": True}) == dry
    account = next(id for id, name in wire.names.items() if name == "acme")
    preview = {"accountId": account, "lastDateInBillingPeriod": "2026-03-31"}
    [told] = dry["bills"]
    before = await wire.do("POST", "bills/preview", preview)
    assert told["today"] == before["billTotal"]
    done = await wire.do("POST", "usage/void/matching", correction | {"reason": "twice"})
    assert (done["count"], done["days"]) == (2, dry["days"])
    after = await wire.do("POST", "bills/preview", preview)
    assert told["supposed"] == after["billTotal"]
    usage = [
        {line["aggregationId"]: line["quantity"] for line in bill["lineItems"] if line["lineItemType"] == "USAGE"}
        for bill in (before, after)
    ]
    [sum_of] = [id for id, name in wire.names.items() if name == "SUM"]
    assert usage[0][sum_of] - usage[1][sum_of] == 11 + 12
    assert (await wire.do("POST", "usage/void/matching", correction))["count"] == 0
    assert "is required" in await wire.refused(400, "POST", "usage/void/matching", {"account": "acme"})
    assert "meter" in await wire.refused(404, "POST", "usage/void/matching", {"account": "acme", "meter": "none"})


async def test_what_a_correction_does_is_told_in_money_before_and_changes_nothing(wire: Wire) -> None:
    await wire.do("POST", "measurements", {"measurements": [event("dry", 50, "d")]})
    account = next(id for id, name in wire.names.items() if name == "acme")
    through = {"lastDateInBillingPeriod": "2026-03-31"}
    ways = [("void", {}), ("amend", {"measure": {"calls": 7}, "who": {"user": "d"}})]
    dry = [await wire.do("POST", f"usage/{way}", named("dry", **said, **through, dryRun=True)) for way, said in ways]
    assert [(correction["status"], correction["dryRun"]) for correction in dry] == [("VOIDED", True), ("AMENDED", True)]
    assert "dtCreated" not in dry[0] and dry[1]["now"] == ways[1][1]
    preview = {"accountId": account, **through}
    before = (await wire.do("POST", "bills/preview", preview))["billTotal"]
    assert [correction["bills"][0]["today"] for correction in dry] == [before, before]
    amended = await wire.do("POST", "usage/amend", named("dry", **ways[1][1]))
    assert amended["status"] == "AMENDED"
    assert (await wire.do("POST", "bills/preview", preview))["billTotal"] == dry[1]["bills"][0]["supposed"]
    again = await wire.do("POST", "usage/amend", named("dry", **ways[1][1], dryRun=True))
    assert (again["status"], again["correctionId"], again["bills"]) == ("AMENDED", amended["correctionId"], [])
    await wire.do("POST", "usage/void", named("dry"))
    assert (await wire.do("POST", "bills/preview", preview))["billTotal"] == dry[0]["bills"][0]["supposed"]
    assert "is voided" in await wire.refused(409, "POST", "usage/amend", named("dry", measure={}, dryRun=True))


async def test_corrections_are_listed_with_who_when_and_why(wire: Wire) -> None:
    await wire.do("POST", "measurements", {"measurements": [event("l1", 1, "l"), event("l2", 2, "l")]})
    await wire.do("POST", "usage/amend", named("l1", measure={"calls": 3}, reason="first"))
    last = await wire.do("POST", "usage/void", named("l1", reason="then"))
    corrections = await wire.do("GET", "usage/corrections", accountCode="acme", pageSize=2)
    assert corrections["data"][0] == last
    assert [(event["id"], event["status"], event["reason"], event["createdBy"]) for event in corrections["data"]] == [
        ("l1", "VOIDED", "then", "USER_tests"), ("l1", "AMENDED", "first", "USER_tests"),
    ]  # fmt: skip
    older = await wire.do("GET", "usage/corrections", pageSize=2, nextToken=corrections["nextToken"])
    assert {document["correctionId"] for document in older["data"]}.isdisjoint(
        document["correctionId"] for document in corrections["data"]
    )
    voided = await wire.do("GET", "usage/corrections", status="VOIDED", pageSize=100)
    assert {document["status"] for document in voided["data"]} == {"VOIDED"}
    assert "status" in await wire.refused(400, "GET", "usage/corrections?status=GONE")
    await wire.refused(404, "GET", "usage/corrections?accountCode=nobody")


async def test_what_several_accounts_have_in_common_is_voided_at_once(wire: Wire) -> None:
    for code in ("one", "two", "none"):
        await wire.make("accounts", code, code=code, name=code, emailAddress="a@example.com")
    sent = [
        event(f"s{number}", 1, "s") | {"account": code, "source": "/several"}
        for code, number in (("one", 1), ("one", 2), ("two", 3), ("acme", 4))
    ]
    await wire.do("POST", "measurements", {"measurements": sent})
    correction = {"accounts": ["one", "two", "none", "one"], "source": "/several"}
    dry = await wire.do("POST", "usage/void/matching", correction | {"dryRun": True})
    done = await wire.do("POST", "usage/void/matching", correction | {"reason": "several"})
    for told in (dry, done):
        assert (told["count"], told["more"]) == (3, False)
        assert [(wire.names[account["accountId"]], account["count"]) for account in told["accounts"]] == [
            ("one", 2), ("two", 1), ("none", 0),
        ]  # fmt: skip
    assert (await wire.do("POST", "usage/void/matching", correction))["count"] == 0
    assert (await wire.do("POST", "usage/void/matching", {"account": "acme", "source": "/several"}))["count"] == 1
    both = correction | {"account": "acme"}
    assert "account" in await wire.refused(400, "POST", "usage/void/matching", both)
