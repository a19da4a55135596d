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
from tests.api_client import By, http_client
from tests.insight.conftest import Played
from tests.insight.corrected import FEBRUARY, JANUARY, corrected_organization, event, named
from tests.insight.explaining import assert_adds_up
from tests.insight.story import bill
from tests.insight.test_stack_proof import SIGNER, a_quarter_hour_ends, until_signed
from tests.system.story import Wire

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wire(played: Played) -> Wire:
    """An organization beside the story's."""
    return await corrected_organization(lambda: played.system.addresses.api_url, "corrected")


def by_function(wire: Wire, document: Mapping[str, Any]) -> dict[str, Decimal]:
    """The bill's usage lines: amount by the function that they price."""
    lines = [line for line in document["lineItems"] if line["lineItemType"] == "USAGE"]
    return {wire.names[line["aggregationId"]]: Decimal(str(line["subtotal"])) for line in lines}


async def issued(wire: Wire, day: str) -> Any:
    """The bill of a run with this last day."""
    bill_date = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    [bill_then] = [document for document in (await wire.exact("bills"))["data"] if document["billDate"] == bill_date]
    return await wire.exact(f"bills/{bill_then['id']}")


async def spent(wire: Wire, **query: Any) -> Any:
    [id] = [id for id, name in wire.names.items() if name == "prepaid"]
    return (await wire.exact(f"commitments/{id}/balance", **query))["spent"]


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
        of_usage = [line for line in document["lineItems"] if line["lineItemType"] == "USAGE"]
        [line] = [line for line in of_usage if wire.names.get(line.get("aggregationId")) == "SUM"]
        told = await wire.exact(f"bills/{document['id']}/lineitems/{line['id']}/explain")
        assert_adds_up(told, line)
        assert {told_event["usageId"] for told_event in told["events"]} == ids
        corrections_told = [
            (correction["usageId"], correction["status"], correction.get("reason")) for correction in told["corrected"]
        ]
        assert corrections_told == corrected
        assert all(correction["createdBy"] == "USER_tests" for correction in told["corrected"])


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
    assert [(refusal["uid"], refusal["reason"]) for refusal in refused] == [("v", "id-conflict")]


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
