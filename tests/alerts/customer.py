"""A customer of the tests of alerts: an account with a prepayment, on a system that runs."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import asyncpg

from events.topics import NOTIFICATIONS, USAGE, partition_of, usage_key
from services.kafka import BatchWriter, LogReader, Record
from services.run.up import System
from tests.api_client import CONFIG
from tests.system.story import Wire

TERM = {"currency": "USD", "startDate": "2026-01-01", "endDate": "2099-01-01"}


class Customer(Wire):
    """An organization with an account that has a prepayment of 100, and a price of 1."""

    def __init__(self, system: System) -> None:
        super().__init__(lambda: system.addresses.api_url, f"alerts-{uuid4().hex[:10]}")
        self.system, self.used, self.commitment = system, 0, ""

    async def begin(self, **config: Any) -> None:
        await self.do("PUT", "organizationconfig", CONFIG | config)
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

    async def publish(self, calls: int) -> None:
        """Usage without the API."""
        self.used += 1
        event = {
            "specversion": "1.0", "id": f"k-{self.used}", "source": "/kafka", "type": "trueup.usage", "subject": "acme",
            "time": "2026-01-10T00:00:00Z", "organization": self.organization,
            "data": {"meter": "api", "measure": {"calls": calls}},
        }  # fmt: skip
        async with BatchWriter(self.system.endpoints.kafka) as writer:
            place = partition_of(self.organization, "acme", 2)
            await writer.append(
                USAGE, place, [Record(usage_key(self.organization, "acme"), json.dumps(event).encode())]
            )

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
