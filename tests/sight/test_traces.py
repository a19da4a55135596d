"""A publisher's trace, followed through all processes to a collector, and to the line of a bill."""

import asyncio
from typing import Any

import pytest

from events.topics import USAGE, partition_of, usage_key
from services.kafka import BatchWriter, Record
from tests.api_client import http_client
from tests.sight.asking import PATIENCE_S
from tests.sight.collector import Collector, Span
from tests.sight.conftest import PARTITIONS, Seen
from tests.system.story import ACCOUNTS, Wire, set_up, settled
from tests.usage_events import usage_event, usage_value

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ORGANIZATION, SPAN = "traced", "b7ad6b7169203331"
#: By how the publisher says it.
HEADER, EXTENSION, PASSED_ON, HTTP, ASKED = (f"{number:032x}" for number in range(0xA0, 0xA5))


def traceparent(trace: str, flags: str = "01") -> str:
    return f"00-{trace}-{SPAN}-{flags}"


def usage(id: str, **extension: str) -> bytes:
    event = usage_event(ORGANIZATION, ACCOUNTS[0], id, "2026-01-10T00:00:00Z", source="/traced")
    return usage_value(event | extension)


async def asked(url: str, path: str, body: Any, trace: str) -> Any:
    async with http_client(f"{url}/organizations/{ORGANIZATION}") as client:
        answer = await client.post(path, json=body, headers={"traceparent": traceparent(trace)})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def seen_at(collector: Collector, **wanted: Any) -> Span:
    """The first span that comes to the collector with these fields; `link`: among its links."""

    def is_it(span: Span) -> bool:
        told = {name: getattr(span, name) for name in wanted if name != "link"}
        return told.items() <= wanted.items() and wanted.get("link", SPAN) in {SPAN, *span.links}

    async with asyncio.timeout(PATIENCE_S):
        while not (found := [span for span in collector.spans if is_it(span)]):
            await asyncio.sleep(0.1)
    return found[0]


async def test_usage_is_followed_from_its_publisher_to_the_line_of_a_bill(seen: Seen) -> None:
    url, collector = seen.system.addresses.api_url, seen.collector
    wire = Wire(lambda: url, ORGANIZATION)
    accounts = await set_up(wire)
    key, partition = usage_key(ORGANIZATION, ACCOUNTS[0]), partition_of(ORGANIZATION, ACCOUNTS[0], PARTITIONS)
    records = [
        Record(key, usage("header"), [("traceparent", traceparent(HEADER).encode())]),
        Record(key, usage("extension", traceparent=traceparent(EXTENSION))),
        Record(key, usage("passed-on"), [("traceparent", traceparent(PASSED_ON, "00").encode())]),
    ]
    async with BatchWriter(seen.system.endpoints.kafka) as writer:
        await writer.append(USAGE, partition, records)
    item = {
        "uid": "http",
        "meter": "api",
        "account": ACCOUNTS[0],
        "ts": "2026-01-10T00:00:00Z",
        "measure": {"calls": 1},
    }
    await asked(url, "measurements", {"measurements": [item | {"measure": {"calls": 1}}]}, HTTP)
    await settled(seen.system.endpoints)
    job = await asked(url, "billjobs", {"lastDateInBillingPeriod": "2026-01-31"}, ASKED)
    while (await wire.do("GET", f"billjobs/{job['id']}"))["status"] != "COMPLETE":
        await asyncio.sleep(0.1)

    posted = await seen_at(collector, trace=HTTP)
    assert (posted.service, posted.parent) == ("trueup-api", SPAN)
    assert posted.name == "POST /organizations/{orgId}/measurements"
    for service, name in (("trueup-ingest", "ingest usage"), ("trueup-projector", "project usage")):
        for link in ((HEADER, SPAN), (EXTENSION, SPAN), (HTTP, posted.id)):
            batch = await seen_at(collector, name=name, link=link)
            assert (batch.service, batch.attributes["messaging.destination.partition.id"]) == (service, str(partition))
    requested = await seen_at(collector, trace=ASKED)
    billed = await seen_at(collector, name="bill job", link=(ASKED, requested.id))
    assert billed.attributes["trueup.job"] == job["id"]
    page = await seen_at(collector, name="bill page", parent=billed.id)
    assert page.attributes["trueup.families"] == len(ACCOUNTS)
    assert all(PASSED_ON not in {trace for trace, _ in span.links} for span in collector.spans)

    [bill] = [one for one in (await wire.do("GET", "bills"))["data"] if one["accountId"] == accounts[ACCOUNTS[0]]]
    [line] = [one for one in bill["lineItems"] if one["lineItemType"] == "USAGE"]
    explained = await wire.do("GET", f"bills/{bill['id']}/lineitems/{line['id']}/explain")
    assert {event["usageId"]: event.get("traceparent") for event in explained["events"]} == {
        "header": traceparent(HEADER),
        "extension": traceparent(EXTENSION),
        "passed-on": None,
        "http": f"00-{HTTP}-{posted.id}-01",
    }
