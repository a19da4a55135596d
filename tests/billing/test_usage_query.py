"""Usage is summed from the totals: by account, days and dimension; what no total tells is refused in words."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from events.topics import USAGE, partition_of
from services.kafka import BatchWriter
from services.readside.waiter import Waiter
from services.readside.watching import open_watcher
from tests.billing.conftest import PARTITIONS, Shop
from tests.official import official_client
from tests.usage_events import usage_event, usage_record

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

#: Account, day, region, seconds.
USED = [
    ("acme", "2026-01-30", "eu", 10),
    ("acme", "2026-01-30", "us", 5),
    ("acme", "2026-02-01", "eu", 1),
    ("acme", "2026-02-02", "eu", 2),
    ("bmce", "2026-02-02", "us", 30),
]
FUNCTIONS = ("SUM", "MIN", "MAX", "LATEST")


class Queried:
    """An organization with usage, and questions about it."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.meter = ""
        self.accounts: dict[str, str] = {}

    async def prepare(self) -> None:
        shop = self.shop
        fields = [{"code": "seconds", "category": "MEASURE"}, {"code": "region", "category": "WHERE"}]
        self.meter = await shop.create("meters", code="compute", name="Compute", dataFields=fields)
        common = {"meterId": self.meter, "rounding": "NONE", "quantityPerUnit": 1, "unit": "s"}
        for function in FUNCTIONS:
            segmented = {"segmentedFields": ["region"]} if function == "SUM" else {}
            body = common | segmented | {"name": function, "targetField": "seconds", "aggregation": function}
            await shop.create("aggregations", **body)
        await shop.create("aggregations", name="Regions", targetField="region", aggregation="UNIQUE", **common)
        for code in ("acme", "bmce"):
            self.accounts[code] = await shop.account(code, planned=False)
        for number, used in enumerate(USED):
            await self._publish(number, *used)
        await self.settled()

    async def _publish(self, number: int, code: str, day: str, region: str, seconds: int) -> None:
        shop = self.shop
        data: dict[str, Any] = {"measure": {"seconds": seconds}, "where": {"region": region}}
        time = f"{day}T12:00:0{number}Z"
        event = usage_event(shop.organization, code, f"used-{number}", time, meter="compute", **data)
        async with asyncio.timeout(30), BatchWriter(shop.system.endpoints.kafka) as writer:
            await writer.append(USAGE, partition_of(shop.organization, code, PARTITIONS), [usage_record(event)])

    async def settled(self) -> None:
        """All usage that is there is projected."""
        endpoints = self.shop.system.endpoints
        async with open_watcher(endpoints.database_url, endpoints.kafka) as watcher:
            await Waiter(watcher).until_projected()

    def body(self, *functions: str, field: str = "seconds", **more: Any) -> dict[str, Any]:
        kind = "MEASURE" if field == "seconds" else "DIMENSION"
        asked = [{"fieldCode": field, "fieldType": kind, "meterId": self.meter, "function": one} for one in functions]
        return {"aggregations": asked, **more}

    async def rows(self, *functions: str, **more: Any) -> list[Any]:
        """The rows, each as a list: first day, account and dimensions as far as they are told, then the values."""
        answer = await self.shop.do("POST", "usage/query", self.body(*functions, **more))
        codes = {id: code for code, id in self.accounts.items()}
        found = []
        for row in answer["data"]:
            place = [row["startDate"]] if "startDate" in row else []
            place += [codes[row["accountId"]]] if "accountId" in row else []
            found.append([*place, *row.get("dimensions", {}).values(), *(one["value"] for one in row["aggregations"])])
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def usage(billing_system: Any) -> Queried:
    shop = Shop(billing_system)
    await shop.configure()
    await shop.clock("2026-02-03T00:00:00Z")
    await shop.catalog()
    found = Queried(shop)
    await found.prepare()
    return found


def by(group_type: str, **more: str) -> dict[str, str]:
    return {"groupType": group_type, **more}


DAILY, WEEKLY, MONTHLY, QUARTERLY = [by("TIME", frequency=one) for one in ("DAY", "WEEK", "MONTH", "QUARTER")]
ACCOUNTS, REGIONS = by("ACCOUNT"), by("DIMENSION", fieldCode="region")


async def test_every_function_over_everything(usage: Queried) -> None:
    assert await usage.rows("SUM", "MEAN", "COUNT", *FUNCTIONS[1:]) == [[48, 9.6, 5, 1, 30, 30]]
    assert await usage.rows("UNIQUE", "COUNT", field="region") == [[2, 5]]


async def test_spans_of_days_newest_first(usage: Queried) -> None:
    assert await usage.rows("SUM", groups=[DAILY]) == [["2026-02-02", 32], ["2026-02-01", 1], ["2026-01-30", 15]]
    assert await usage.rows("SUM", groups=[WEEKLY]) == [["2026-02-02", 32], ["2026-01-26", 16]]
    assert await usage.rows("SUM", groups=[MONTHLY]) == [["2026-02-01", 33], ["2026-01-01", 15]]
    assert await usage.rows("SUM", "LATEST", groups=[QUARTERLY]) == [["2026-01-01", 48, 30]]
    answer = await usage.shop.do("POST", "usage/query", usage.body("SUM", groups=[MONTHLY]))
    assert [row["endDate"] for row in answer["data"]] == ["2026-03-01", "2026-02-01"]


async def test_accounts_and_dimensions_apart(usage: Queried) -> None:
    assert sorted(await usage.rows("SUM", groups=[ACCOUNTS])) == [["acme", 18], ["bmce", 30]]
    acme = [usage.accounts["acme"]]
    assert await usage.rows("SUM", "COUNT", groups=[REGIONS], accountIds=acme) == [["eu", 13, 3], ["us", 5, 1]]
    monthly = await usage.rows("SUM", groups=[ACCOUNTS, MONTHLY, REGIONS], accountIds=acme)
    assert monthly == [
        ["2026-02-01", "acme", "eu", 3],
        ["2026-01-01", "acme", "eu", 10],
        ["2026-01-01", "acme", "us", 5],
    ]


async def test_days_and_values_of_a_dimension(usage: Queried) -> None:
    only_us = [{"fieldCode": "region", "meterId": usage.meter, "values": ["us", "nowhere"]}]
    assert await usage.rows("SUM", dimensionFilters=only_us) == [[35]]
    assert await usage.rows("SUM", startDate="2026-02-01", endDate="2026-02-02T00:00:00Z") == [[1]]
    assert await usage.rows("SUM", startDate="2026-03-01") == []


async def test_no_more_rows_than_asked_for(usage: Queried) -> None:
    for limit, more in ((1, True), (3, False)):
        answer = await usage.shop.do("POST", "usage/query", usage.body("SUM", "MIN", groups=[DAILY], limit=limit))
        assert (len(answer["data"]), answer["hasMoreData"]) == (limit, more)


async def test_m3ters_client_asks(usage: Queried) -> None:
    shop = usage.shop
    async with official_client(shop.system.addresses.api_url, shop.organization) as sdk:
        found = await sdk.usage.query(
            account_ids=[usage.accounts["bmce"]],
            meter_ids=[usage.meter],
            aggregations=[
                {"field_code": "seconds", "field_type": "MEASURE", "function": "SUM", "meter_id": usage.meter}
            ],
            groups=[{"group_type": "ACCOUNT"}],
            start_date="2026-01-01T00:00:00+00:00",
            limit=10,
        )
    assert found.has_more_data is False and found.data is not None
    value = {"meterId": usage.meter, "fieldCode": "seconds", "function": "SUM", "value": 30}
    assert found.data == [{"accountId": usage.accounts["bmce"], "accountCode": "bmce", "aggregations": [value]}]


async def test_what_no_total_tells_is_refused_in_words(usage: Queried) -> None:
    async def refused(*functions: str, **more: Any) -> str:
        return await usage.shop.refused(400, "POST", "usage/query", usage.body(*functions, **more))

    assert await refused() == "aggregations: must have at least 1 item"
    apart = "aggregations[0]: no aggregation of the meter adds up seconds for MAX by region"
    assert await refused("MAX", groups=[REGIONS]) == f"{apart}; make one of MAX with segmentedFields"
    hourly = by("TIME", frequency="HOUR")
    assert "HOUR is not kept, for usage is added up by day" in await refused("SUM", groups=[hourly])
    assert await refused("SUM", field="region") == "aggregations[0].function: must be COUNT or UNIQUE for a DIMENSION"
    assert "aggregations[0].fieldCode: must be one of the meter's dataFields" in await refused("COUNT", field="city")
    unlike = usage.body("SUM") | {"aggregations": [usage.body("SUM")["aggregations"][0] | {"fieldType": "DIMENSION"}]}
    message = await usage.shop.refused(400, "POST", "usage/query", unlike)
    assert message == "aggregations[0].fieldType: must be MEASURE, as the meter has it"
    assert await refused("SUM", groups=[by("TIME")]) == "groups[0].frequency: is required with groupType TIME"
    assert await refused("SUM", groups=[by("DIMENSION")]) == "groups[0].fieldCode: is required with groupType DIMENSION"
    fields = [{"code": "seconds", "category": "MEASURE"}]
    other = await usage.shop.create("meters", code="other", name="Other", dataFields=fields)
    assert await refused("SUM", meterIds=[other]) == "aggregations[0].meterId: must be one of meterIds"
    assert "groups: must not name the same twice" in await refused("SUM", groups=[DAILY, MONTHLY])
    assert "startDate: must be a date" in await refused("SUM", startDate="2026-01-01T13:00:00Z")
    assert "accountIds: there is no account" in await refused("SUM", accountIds=["0" * 36])
    elsewhere = by("DIMENSION", fieldCode="region", meterId="0" * 36)
    assert "groups[0].meterId: must be the meter of every one" in await refused("SUM", groups=[elsewhere])
