"""On a system that runs: an alert is raised once an arming, whoever is killed meanwhile, and read in three places."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import jsonschema
import pytest

from events.topics import NOTIFICATIONS
from services.kafka import LogReader
from services.postgres import open_postgres
from services.projection.replay import replay
from services.run.up import System
from tests.api_client import CONFIG
from tests.contracts.records import DOCUMENT
from tests.system.story import Wire, settled

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
TERM = {"currency": "USD", "startDate": "2026-01-01", "endDate": "2099-01-01"}


class Customer(Wire):
    """An organization with an account that has a prepayment of 100, and a price of 1."""

    def __init__(self, system: System) -> None:
        super().__init__(lambda: system.addresses.api_url, f"alerts-{uuid4().hex[:10]}")
        self.system, self.used, self.commitment = system, 0, ""

    async def begin(self) -> None:
        await self.do("PUT", "organizationconfig", CONFIG)
        product = await self.create("products", code="api", name="API")
        fields = [{"code": "calls", "name": "Calls", "category": "MEASURE", "unit": "1"}]
        meter = await self.create("meters", code="api", name="API", dataFields=fields, derivedFields=[])
        aggregation = await self.create(
            "aggregations", code="calls", name="Calls", meterId=meter, targetField="calls", aggregation="SUM",
            rounding="NONE", quantityPerUnit=1, unit="call",
        )  # fmt: skip
        template = {
            "productId": product,
            "name": "T",
            "currency": "USD",
            "billFrequency": "MONTHLY",
            "standingCharge": 0,
        }
        plan = await self.create(
            "plans", code="p", name="P", planTemplateId=await self.create("plantemplates", **template)
        )
        bands = [{"lowerLimit": 0, "fixedPrice": 0, "unitPrice": 1}]
        price = {"planId": plan, "aggregationId": aggregation, "startDate": "2026-01-01", "pricingBands": bands}
        await self.create("pricings", **price)
        account = await self.create("accounts", code="acme", name="Acme", emailAddress="a@example.com")
        await self.create("accountplans", accountId=account, planId=plan, startDate="2026-01-01")
        self.commitment = await self.create("commitments", accountId=account, amount=100, **TERM)

    async def use(self, calls: int) -> None:
        self.used += 1
        item = {
            "uid": f"u-{self.used}", "meter": "api", "account": "acme", "ts": "2026-01-10T00:00:00Z",
            "measure": {"calls": calls},
        }  # fmt: skip
        await self.do("POST", "measurements", {"measurements": [item]})

    async def rule(self, **body: Any) -> str:
        whole = {"name": "N", "description": "D", "code": f"rule-{uuid4().hex[:6]}", "eventName": "alert.funds.used"}
        return await self.create("notifications/configurations", **(whole | body))

    async def alerts(self, **query: str) -> list[dict[str, Any]]:
        return list((await self.do("GET", "events", None, eventType="Notification", **query))["data"])

    async def raised(self, count: int) -> list[dict[str, Any]]:
        """What the alerts say, newest first, once there are so many."""
        async with asyncio.timeout(60):
            while len(found := await self.alerts()) < count:
                await asyncio.sleep(0.1)
        assert len(found) == count
        return [event["m3terEvent"]["eventData"]["newDto"] for event in found]

    async def notified(self) -> list[dict[str, Any]]:
        """What the topic has of this organization."""
        found = []
        async with LogReader(self.system.endpoints.kafka) as reader:
            for partition, end in (await reader.end_offsets(NOTIFICATIONS, range(2))).items():
                async for records in reader.read(NOTIFICATIONS, partition, 0, end):
                    found += [json.loads(record.value) for record in records]
        return [one for one in found if one["organization"] == self.organization]

    async def rows_due(self) -> int:
        connection = await asyncpg.connect(self.system.endpoints.database_url)
        try:
            live = await connection.fetchval("SELECT name FROM store.live_schema")
            question = f'SELECT count(*) FROM "{live}".alerts_due WHERE organization = $1'
            return int(await connection.fetchval(question, self.organization))
        finally:
            await connection.close()


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
    await customer.use(6)
    await kill(common_system, "api")
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
    top_up = {"amount": 100, "date": "2026-02-01", "version": version}
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

    path, code = "notifications/configurations", {"name": "N", "description": "D", "code": "c"}
    assert "eventName: must be one of" in await customer.refused(400, "POST", path, code | {"eventName": "x"})
    less = code | {"eventName": "alert.term.ends"}
    assert "threshold: must be given" in await customer.refused(400, "POST", path, less)
    assert "whole number of days" in await customer.refused(400, "POST", path, less | {"threshold": 1.5})
    more = code | {"eventName": "alert.funds.exhausted", "threshold": 1}
    assert "threshold: must not be given" in await customer.refused(400, "POST", path, more)
    only = await customer.do("GET", path, None, eventName="alert.funds.left", active="true")
    assert [one["code"] for one in only["data"]] == ["left"]
    assert (await customer.do("GET", path, None, active="false"))["data"] == []
