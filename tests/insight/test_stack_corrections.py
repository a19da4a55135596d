"""On the real stack: events of usage voided and amended by their ids, before and after their bill."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.access.scopes import Scope
from services.proof.exporting import export_bill
from services.proof.verifying import verify
from tests.api_client import CONFIG, By, http_client
from tests.insight.conftest import Played
from tests.insight.explaining import assert_adds_up
from tests.insight.story import bill
from tests.insight.test_stack_proof import SIGNER, a_quarter_hour_ends, until_signed
from tests.system.story import Wire

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

#: Price of a unit of each aggregation, by function and field.
PRICES = {("SUM", "calls"): 1, ("MAX", "calls"): 10, ("UNIQUE", "user"): 100}
JANUARY, FEBRUARY = "2026-01-31", "2026-02-28"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wire(played: Played) -> Wire:
    """An organization beside the story's: a meter whose calls are added up, peak and count their users, and a bill."""
    wire = Wire(lambda: played.system.addresses.api_url, "corrected")
    await wire.do("PUT", "organizationconfig", CONFIG)
    product = await wire.create("products", code="api", name="API")
    fields = [{"code": "calls", "category": "MEASURE"}, {"code": "user", "category": "WHO"}]
    meter = await wire.create("meters", code="api", name="API", dataFields=fields, derivedFields=[])
    terms = {"currency": "USD", "billFrequency": "MONTHLY", "standingCharge": 0}
    template = await wire.create("plantemplates", productId=product, name="Monthly", **terms)
    plan = await wire.create("plans", code="monthly", name="Monthly", planTemplateId=template)
    for (function, field), price in PRICES.items():
        counted = {"meterId": meter, "targetField": field, "aggregation": function, "unit": "1"}
        id = await wire.make("aggregations", function, name=function, rounding="NONE", quantityPerUnit=1, **counted)
        bands = [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": price}]
        priced = {"planId": plan, "aggregationId": id, "startDate": "2026-01-01", "cumulative": True}
        await wire.create("pricings", pricingBands=bands, **priced)
    account = await wire.make("accounts", "acme", code="acme", name="Acme", emailAddress="a@example.com")
    await wire.create("accountplans", accountId=account, planId=plan, startDate="2026-01-01")
    term = {"startDate": "2026-01-01", "endDate": "2027-01-01", "currency": "USD"}
    await wire.make("commitments", "prepaid", accountId=account, amount=1000, amountPrePaid=1000, **term)
    await wire.do(
        "POST", "measurements", {"measurements": [event("a", 5, "x"), event("b", 9, "y"), event("c", 3, "x")]}
    )
    await bill(wire, JANUARY)
    return wire


def event(uid: str, calls: float, user: str) -> dict[str, Any]:
    at = {"account": "acme", "meter": "api", "ts": "2026-01-10T12:00:00Z"}
    return {"uid": uid, **at, "measure": {"calls": calls}, "who": {"user": user}}


def named(id: str, **more: Any) -> dict[str, Any]:
    return {"account": "acme", "id": id, **more}


def by_function(wire: Wire, document: Mapping[str, Any]) -> dict[str, Decimal]:
    """The bill's usage lines: amount by the function that they price."""
    lines = [line for line in document["lineItems"] if line["lineItemType"] == "USAGE"]
    return {wire.names[line["aggregationId"]]: Decimal(str(line["subtotal"])) for line in lines}


async def issued(wire: Wire, day: str) -> Any:
    """The bill of a run with this last day."""
    bill_date = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    [found] = [one for one in (await wire.exact("bills"))["data"] if one["billDate"] == bill_date]
    return await wire.exact(f"bills/{found['id']}")


async def spent(wire: Wire, **asked: Any) -> Any:
    [id] = [id for id, name in wire.names.items() if name == "prepaid"]
    return (await wire.exact(f"commitments/{id}/balance", **asked))["spent"]


async def test_what_is_corrected_after_its_bill_is_a_difference_of_the_next_one(wire: Wire, played: Played) -> None:
    first = await issued(wire, JANUARY)
    assert by_function(wire, first) == {"SUM": 17, "MAX": 90, "UNIQUE": 200}
    assert await spent(wire) == 307
    before = datetime.now(UTC)
    await asyncio.sleep(0.05)  # log time is in milliseconds

    voided = await wire.do("POST", "usage/void", named("b", reason="sent by a test"))
    assert (voided["status"], voided["was"], voided["reason"]) == (
        "VOIDED", {"measure": {"calls": 9}, "who": {"user": "y"}}, "sent by a test",
    )  # fmt: skip
    assert await wire.do("POST", "usage/void", named("b")) == voided
    assert "is voided, and stays so" in await wire.refused(409, "POST", "usage/amend", named("b", measure={"calls": 1}))
    assert await spent(wire) == 8 + 50 + 100
    changed = {"measure": {"calls": 4}, "who": {"user": "z"}}
    amended = await wire.do("POST", "usage/amend", named("c", **changed))
    assert (amended["status"], amended["now"], amended["createdBy"]) == ("AMENDED", changed, "USER_tests")
    assert await wire.do("POST", "usage/amend", named("c", **changed)) == amended
    assert await spent(wire) == 9 + 50 + 200
    assert await spent(wire, knownAt=before.isoformat()) == 307

    await bill(wire, FEBRUARY)
    second = await issued(wire, FEBRUARY)
    assert by_function(wire, second) == {"SUM": -8, "MAX": -40}
    await _explained(wire, first, second)
    await _verified(played, wire, first, second)


async def _explained(wire: Wire, first: Any, second: Any) -> None:
    """The first bill tells of what came, the second of what stands, of what was taken out, by whom and why."""
    for document, ids, corrected in (
        (first, {"a", "b", "c"}, []),
        (second, {"a", "c"}, [("b", "VOIDED", "sent by a test"), ("c", "AMENDED", None)]),
    ):
        [line] = [one for one in document["lineItems"] if wire.names.get(one.get("aggregationId")) == "SUM"
                  and one["lineItemType"] == "USAGE"]  # fmt: skip
        told = await wire.exact(f"bills/{document['id']}/lineitems/{line['id']}/explain")
        assert_adds_up(told, line)
        assert {one["usageId"] for one in told["events"]} == ids
        found = [(one["usageId"], one["status"], one.get("reason")) for one in told["corrected"]]
        assert found == corrected
        assert all(one["createdBy"] == "USER_tests" for one in told["corrected"])


async def _verified(played: Played, wire: Wire, *bills: Any) -> None:
    """Who has nothing but a bill's records derives it."""
    await a_quarter_hour_ends(played)
    await until_signed(played)
    for document in bills:
        export = await export_bill(played.postgres, played.cluster, wire.organization, document["id"])
        assert verify(export, SIGNER.key).wrong == []


async def test_an_id_that_was_voided_stays_used(wire: Wire) -> None:
    await wire.do("POST", "measurements", {"measurements": [event("v", 2, "w")]})
    await wire.do("POST", "usage/void", named("v"))
    await wire.do(
        "POST", "measurements", {"measurements": [event("v", 2, "w"), event("v", 3, "w"), event("n", 1, "w")]}
    )
    voided = await wire.do("POST", "usage/void", named("n"))
    assert voided["status"] == "VOIDED"
    assert await wire.do("POST", "usage/void", named("v")) != voided
    async with asyncio.timeout(30):
        while not (refused := (await wire.do("GET", "usage/rejected"))["data"]):
            await asyncio.sleep(0.1)
    assert [(one["uid"], one["reason"]) for one in refused] == [("v", "id-conflict")]


@pytest.mark.parametrize("path", ["usage/void", "usage/amend"])
async def test_what_is_not_there_is_said_to_be_so(wire: Wire, path: str) -> None:
    assert await wire.refused(404, "POST", path, named("never")) == (
        "there is no usage of account acme and source /measurements with id never"
    )
    assert "account" in await wire.refused(404, "POST", path, {"account": "nobody", "id": "a"})
    other = named("a", source="/other")
    assert "of account acme and source /other" in await wire.refused(404, "POST", path, other)
    await wire.refused(404, "POST", path, named("a", ts="2026-01-11T12:00:00Z"))
    assert "id" in await wire.refused(400, "POST", path, {"account": "acme"})


async def test_fields_are_those_of_the_meter(wire: Wire) -> None:
    for given in ({"cost": {"calls": 1}}, {"measure": {"user": 1}}, {"who": {"unknown": "x"}}):
        told = await wire.refused(400, "POST", "usage/amend", named("a", **given))
        [(category, fields)] = given.items()
        assert told == f"{category}.{next(iter(fields))}: is no field of meter api in this map"


async def test_a_key_of_publishers_takes_nothing_out(wire: Wire, played: Played) -> None:
    for scope, status in ((Scope.USAGE, 403), (Scope.READ, 403)):
        by = By("publisher", wire.organization, frozenset({scope}))
        async with http_client(f"{played.system.addresses.api_url}/organizations/{wire.organization}", by=by) as client:
            answer: httpx.Response = await client.post("/usage/void", json=named("a"))
        assert answer.status_code == status


async def test_what_has_something_in_common_is_voided_at_once_and_told_in_money_before(wire: Wire) -> None:
    days = ("2026-02-03T12:00:00Z", "2026-02-03T13:00:00Z", "2026-02-04T12:00:00Z")
    sent = [event(f"m{number}", 10 + number, "m") | {"ts": ts, "source": "/bulk"} for number, ts in enumerate(days)]
    await wire.do("POST", "measurements", {"measurements": sent})
    asked = {
        "account": "acme",
        "source": "/bulk",
        "from": "2026-02-03T12:30:00Z",
        "lastDateInBillingPeriod": "2026-03-31",
    }
    dry = await wire.do("POST", "usage/void/matching", asked | {"dryRun": True})
    assert (dry["count"], dry["more"], dry["days"]) == (
        2, False, [{"day": "2026-02-03", "count": 1}, {"day": "2026-02-04", "count": 1}],
    )  # fmt: skip
    assert await wire.do("POST", "usage/void/matching", asked | {"dryRun": True}) == dry
    account = next(id for id, name in wire.names.items() if name == "acme")
    preview = {"accountId": account, "lastDateInBillingPeriod": "2026-03-31"}
    [told] = dry["bills"]
    before = await wire.do("POST", "bills/preview", preview)
    assert told["today"] == before["billTotal"]
    done = await wire.do("POST", "usage/void/matching", asked | {"reason": "twice"})
    assert (done["count"], done["days"]) == (2, dry["days"])
    after = await wire.do("POST", "bills/preview", preview)
    assert told["supposed"] == after["billTotal"]
    usage = [{line["aggregationId"]: line["quantity"] for line in one["lineItems"] if line["lineItemType"] == "USAGE"}
             for one in (before, after)]  # fmt: skip
    [sum_of] = [id for id, name in wire.names.items() if name == "SUM"]
    assert usage[0][sum_of] - usage[1][sum_of] == 11 + 12
    assert (await wire.do("POST", "usage/void/matching", asked))["count"] == 0
    assert "is required" in await wire.refused(400, "POST", "usage/void/matching", {"account": "acme"})
    assert "meter" in await wire.refused(404, "POST", "usage/void/matching", {"account": "acme", "meter": "none"})


async def test_what_a_correction_does_is_told_in_money_before_and_changes_nothing(wire: Wire) -> None:
    await wire.do("POST", "measurements", {"measurements": [event("dry", 50, "d")]})
    account = next(id for id, name in wire.names.items() if name == "acme")
    through = {"lastDateInBillingPeriod": "2026-03-31"}
    ways = [("void", {}), ("amend", {"measure": {"calls": 7}, "who": {"user": "d"}})]
    dry = [await wire.do("POST", f"usage/{way}", named("dry", **said, **through, dryRun=True)) for way, said in ways]
    assert [(one["status"], one["dryRun"]) for one in dry] == [("VOIDED", True), ("AMENDED", True)]
    assert "dtCreated" not in dry[0] and dry[1]["now"] == ways[1][1]
    preview = {"accountId": account, **through}
    before = (await wire.do("POST", "bills/preview", preview))["billTotal"]
    assert [one["bills"][0]["today"] for one in dry] == [before, before]
    amended = await wire.do("POST", "usage/amend", named("dry", **ways[1][1]))
    assert amended["status"] == "AMENDED"
    assert (await wire.do("POST", "bills/preview", preview))["billTotal"] == dry[1]["bills"][0]["supposed"]
    again = await wire.do("POST", "usage/amend", named("dry", **ways[1][1], dryRun=True))
    assert (again["status"], again["bills"]) == ("COUNTED", [])
    await wire.do("POST", "usage/void", named("dry"))
    assert (await wire.do("POST", "bills/preview", preview))["billTotal"] == dry[0]["bills"][0]["supposed"]
    assert "is voided" in await wire.refused(409, "POST", "usage/amend", named("dry", measure={}, dryRun=True))


async def test_corrections_are_listed_with_who_when_and_why(wire: Wire) -> None:
    await wire.do("POST", "measurements", {"measurements": [event("l1", 1, "l"), event("l2", 2, "l")]})
    await wire.do("POST", "usage/amend", named("l1", measure={"calls": 3}, reason="first"))
    last = await wire.do("POST", "usage/void", named("l1", reason="then"))
    found = await wire.do("GET", "usage/corrections", accountCode="acme", pageSize=2)
    assert found["data"][0] == last
    assert [(one["id"], one["status"], one["reason"], one["createdBy"]) for one in found["data"]] == [
        ("l1", "VOIDED", "then", "USER_tests"), ("l1", "AMENDED", "first", "USER_tests"),
    ]  # fmt: skip
    older = await wire.do("GET", "usage/corrections", pageSize=2, nextToken=found["nextToken"])
    assert {one["correctionId"] for one in older["data"]}.isdisjoint(one["correctionId"] for one in found["data"])
    voided = await wire.do("GET", "usage/corrections", status="VOIDED", pageSize=200)
    assert {one["status"] for one in voided["data"]} == {"VOIDED"}
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
    asked = {"accounts": ["one", "two", "none", "one"], "source": "/several"}
    dry = await wire.do("POST", "usage/void/matching", asked | {"dryRun": True})
    done = await wire.do("POST", "usage/void/matching", asked | {"reason": "several"})
    for told in (dry, done):
        assert (told["count"], told["more"]) == (3, False)
        assert [(wire.names[one["accountId"]], one["count"]) for one in told["accounts"]] == [
            ("one", 2), ("two", 1), ("none", 0),
        ]  # fmt: skip
    assert (await wire.do("POST", "usage/void/matching", asked))["count"] == 0
    assert (await wire.do("POST", "usage/void/matching", {"account": "acme", "source": "/several"}))["count"] == 1
    both = asked | {"account": "acme"}
    assert "account" in await wire.refused(400, "POST", "usage/void/matching", both)


async def test_two_at_once_come_one_after_the_other(wire: Wire) -> None:
    await wire.do("POST", "measurements", {"measurements": [event("twice", 2, "t")]})
    await wire.do("POST", "usage/amend", named("twice", measure={"calls": 1}))
    answers = await asyncio.gather(
        *(wire.ask("POST", "usage/amend", named("twice", measure={"calls": calls})) for calls in (3, 4, 5)),
        *(wire.ask("POST", "usage/void", named("twice", reason=str(number))) for number in range(3)),
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    last = [await wire.do("POST", "usage/void", named("twice")) for _ in range(2)]
    assert last[0] == last[1] and {answer.text for answer in answers[3:]} == {answers[3].text}
