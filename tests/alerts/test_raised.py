"""On a system that runs: an alert is raised once an arming, whoever is killed meanwhile, and read in three places."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import jsonschema
import pytest

from services.postgres import open_postgres
from services.projection.replay import replay
from services.run.up import System
from tests.alerts.customer import TERM, Customer
from tests.contracts.records import DOCUMENT
from tests.system.story import settled

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


async def kill(system: System, *names: str) -> None:
    for name in names:
        await system.supervisor.kill(name)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.1)


async def test_an_alert_is_raised_once_an_arming_whoever_is_killed(common_system: System) -> None:
    customer = Customer(common_system)
    await customer.begin()
    rule = await customer.rule(threshold=80, code="used-80")
    await customer.rule(threshold=80, accountId=None, active=False)
    await customer.use(79)
    await settled(common_system.endpoints)
    assert await customer.alerts() == []

    # The API is not there when the threshold is passed; the projector is killed with the row written.
    await kill(common_system, "api")
    await customer.publish(6)
    await until(lambda: _is(customer.rows_due, 1))
    await kill(common_system, "projector")
    await common_system.start(("projector", "api"))
    [alert] = await customer.raised(1)
    assert (alert["notificationId"], alert["notificationCode"], alert["subjectId"]) == (
        rule,
        "used-80",
        customer.commitment,
    )
    assert (alert["eventName"], alert["threshold"], alert["spent"], alert["arming"]) == (
        "alert.funds.used",
        80,
        85,
        "100/0",
    )

    # Back and forth, with everybody killed in between; then the rows are made anew.
    await customer.use(-60)
    await settled(common_system.endpoints)
    await customer.use(70)
    await kill(common_system, "api", "projector", "relay")
    await common_system.start(("relay", "projector", "api"))
    await settled(common_system.endpoints)
    async with open_postgres(common_system.endpoints.database_url) as postgres:
        await replay(postgres, common_system.endpoints.kafka)
    await settled(common_system.endpoints)
    await until(lambda: _is(customer.rows_due, 0))
    await customer.raised(1)

    # A top-up arms anew: 95 of 200 is no four fifths, 165 is.
    version = (await customer.do("GET", f"commitments/{customer.commitment}"))["version"]
    top_up = {"amount": 100, "date": "2026-01-01", "version": version}
    await customer.do("POST", f"commitments/{customer.commitment}/topups", top_up)
    await customer.use(70)
    again, first = await customer.raised(2)
    assert first == alert and (again["arming"], again["spent"], again["remaining"]) == ("100/1", 165, 35)

    # In the topic each is there, perhaps twice, and as AsyncAPI says.
    await settled(common_system.endpoints)
    told = await customer.notified()
    assert {one["id"] for one in told} == {first["id"], again["id"]}
    for one in told:
        schema = {"$ref": "#/components/schemas/Notification", "components": DOCUMENT["components"]}
        jsonschema.Draft7Validator(schema).validate(one)
        assert (one["type"], one["subject"]) == ("trueup.alert.raised", customer.commitment)


async def _is(number: Callable[[], Awaitable[int]], wanted: int) -> bool:
    return await number() == wanted


async def test_a_rule_finds_what_holds_already_and_is_judged_by_its_words(common_system: System) -> None:
    customer = Customer(common_system)
    await customer.begin()
    await customer.use(130)
    await settled(common_system.endpoints)
    exhausted = await customer.rule(eventName="alert.funds.exhausted", code="gone")
    await customer.rule(eventName="alert.funds.left", threshold=5, code="left")
    found = {alert["notificationCode"]: alert for alert in await customer.raised(2)}
    assert found.keys() == {"gone", "left"} and found["gone"]["remaining"] == 0
    by_rule = await customer.alerts(notificationId=exhausted)
    assert [event["m3terEvent"]["eventData"]["newDto"]["notificationCode"] for event in by_rule] == ["gone"]
    assert (await customer.alerts(resourceId=str(uuid4()))) == []
    [event] = by_rule
    assert await customer.do("GET", f"events/{event['id']}") == event
    listed = await customer.do("GET", "events", None, pageSize="3")
    assert [one["eventType"] for one in listed["data"]].count("Notification") == 2

    await _events_are_told(customer)

    path, code = "notifications/configurations", {"name": "N", "description": "D", "code": "c"}
    assert "eventName: must be one of" in await customer.refused(400, "POST", path, code | {"eventName": "x"})
    less = code | {"eventName": "alert.term.ends"}
    assert "threshold: must be given" in await customer.refused(400, "POST", path, less)
    assert "whole number of days" in await customer.refused(400, "POST", path, less | {"threshold": 1.5})
    more = code | {"eventName": "alert.funds.exhausted", "threshold": 1}
    assert "threshold: must not be given" in await customer.refused(400, "POST", path, more)
    for calculation, why in (
        (None, "calculation: must be given"),
        ("new.amount >", "calculation: has its end at character 13"),
        ("new.amountSpent > 1", "follows from usage"),
    ):
        body = code | {"eventName": "configuration.commitment.updated", "calculation": calculation}
        assert why in await customer.refused(400, "POST", path, body)
    only = await customer.do("GET", path, None, eventName="alert.funds.left", active="true")
    assert [one["code"] for one in only["data"]] == ["left"]
    assert (await customer.do("GET", path, None, active="false"))["data"] == []


async def _events_are_told(customer: Customer) -> None:
    """What happens after a rule was made, by a name, by a condition or whatever it is; to one account or to all."""
    created = await customer.rule(eventName="configuration.product.created", alwaysFireEvent=True)
    more = "new.amount > 1.5 * old.amount AND new.accountCode == 'acme'"
    grown = await customer.rule(eventName="configuration.commitment.updated", calculation=more)
    amended = await customer.rule(eventName="alert.terms.amended")
    pending, issued, voided = [
        await customer.rule(eventName=f"alert.bill.{name}") for name in ("pending", "issued", "voided")
    ]
    due = await customer.rule(eventName="alert.bill.trueup")
    product = await customer.create("products", code="second", name="Second")
    commitment = await customer.do("GET", f"commitments/{customer.commitment}")
    terms = {"accountId": commitment["accountId"], **TERM}
    for amount in (140, 300):
        version = (await customer.do("GET", f"commitments/{customer.commitment}"))["version"]
        await customer.do("PUT", f"commitments/{customer.commitment}", terms | {"amount": amount, "version": version})
    job = {"accountIds": [commitment["accountId"]], "lastDateInBillingPeriod": "2026-01-31"}
    job_id = (await customer.do("POST", "billjobs", job))["id"]
    async with asyncio.timeout(90):
        while (await customer.do("GET", f"billjobs/{job_id}"))["status"] != "COMPLETE":
            await asyncio.sleep(0.1)
    [bill] = (await customer.do("GET", "bills"))["data"]
    await customer.do("DELETE", f"bills/{bill['id']}")

    refused = await customer.rule(eventName="alert.usage.refused", threshold=2, windowMinutes=1440)
    nobody = {"meter": "none", "account": "acme", "ts": "2026-01-10T00:00:00Z", "measure": {"calls": 1}}
    await customer.do("POST", "measurements", {"measurements": [nobody | {"uid": name} for name in ("a", "b")]})

    async def told() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for event in (await customer.do("GET", "events", None, eventType="Notification", pageSize="100"))["data"]:
            said = event["m3terEvent"]["eventData"]["newDto"]
            found.setdefault(said["notificationId"], []).append(said["subjectId"])
        return found

    async with asyncio.timeout(60):
        while not {voided, refused} <= (found := await told()).keys():
            await asyncio.sleep(0.1)
    assert found[created] == [product]
    assert found[grown] == [customer.commitment], "from 100 to 140 is not half as much again, from 140 to 300 is"
    assert found[amended] == [customer.commitment] * 2
    assert found[issued] == found[voided] == [bill["id"]]
    assert pending not in found and due not in found
    assert found[refused][-1] == customer.organization
    [event] = await customer.alerts(notificationId=grown)
    cause = await customer.do("GET", f"events/{event['m3terEvent']['eventData']['newDto']['eventId']}")
    assert cause["eventName"] == "configuration.commitment.updated"


async def test_that_read_models_are_late_is_told_once_a_window_whoever_is_killed(common_system: System) -> None:
    customer = Customer(common_system)
    await customer.begin()
    late = await customer.rule(eventName="alert.readmodels.behind", threshold=1, windowMinutes=1440)
    later = await customer.rule(eventName="alert.readmodels.behind", threshold=86_400, windowMinutes=1440)
    await settled(common_system.endpoints)
    await kill(common_system, "projector")
    await customer.publish(3)

    async def told() -> list[dict[str, object]]:
        events = await customer.alerts(notificationId=late)
        return [event["m3terEvent"]["eventData"]["newDto"] for event in events]

    async with asyncio.timeout(60):
        while not (first := await told()):
            await asyncio.sleep(0.2)
    await kill(common_system, "api")
    await common_system.start(("api",))
    # Whoever comes next sees it, too: it has looked once it tells of a rule that was made after it began.
    await customer.rule(eventName="alert.readmodels.behind", threshold=1, windowMinutes=1, code="next")
    async with asyncio.timeout(60):
        while not (by_next := await customer.alerts(notificationCode="next")):
            await asyncio.sleep(0.2)
    await common_system.start(("projector",))
    await settled(common_system.endpoints)
    again = await told()
    assert len(again) == len({alert["arming"] for alert in again}), "once a window"
    assert again[-1] == first[-1] and first[-1]["subjectId"] == customer.organization
    assert int(str(first[-1]["counted"])) >= 1 and by_next
    assert await customer.alerts(notificationId=later) == []
