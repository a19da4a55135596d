"""What a run leaves in the topics is what the AsyncAPI document says of them, key and headers included."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import httpx
import pytest

from events.topics import CATALOG, EVENTS, TOPICS, USAGE_REJECTED
from services.access.local import operators
from services.contracts.asyncapi import messages_of
from services.kafka import Cluster, FetchedRecord, LogReader
from services.run.up import System
from services.simulate.live_player import LiveSystem
from services.simulate.play import play
from services.simulate.story import read_story
from tests.contracts.records import faults_of

STORY = Path(__file__).parent.parent / "scenarios" / "a-commitment-of-a-year-is-used-up-in-its-second-month.yaml"
#: Records of each message that are looked at; all facts of one type are written by one line.
MOST = 50


async def records_of(cluster: Cluster, topic: str) -> list[FetchedRecord]:
    found: list[FetchedRecord] = []
    async with LogReader(cluster) as reader:
        partitions = range(next(one.partitions for one in TOPICS if one.name == topic) or 2)
        for partition, end in (await reader.end_offsets(topic, partitions)).items():
            async for records in reader.read(topic, partition, 0, end):
                found += records
    return found


def message_of(topic: str, record: FetchedRecord) -> str:
    """Which of its topic's messages a record is."""
    return str(json.loads(record.value)["type"]) if topic in (EVENTS, CATALOG) else messages_of(topic)[0]


@pytest.mark.stack
async def test_every_record_of_a_run_is_as_the_document_has_it(
    system: System, http: httpx.AsyncClient, ids: dict[str, str]
) -> None:
    cluster, key = system.endpoints.kafka, operators(system.keys, system.settings)

    def run() -> bool:
        with LiveSystem(system.addresses.api_url, cluster, key) as players:
            return all(not played.differences for played in play(read_story(STORY.read_bytes()), players.player()))

    assert await system.while_all_run(asyncio.to_thread(run))
    unknown = {"account": "acme", "meter": "unheard-of", "ts": "2026-01-15T12:00:00Z"}
    (await http.post("/measurements", json={"measurements": [unknown]})).raise_for_status()
    async with asyncio.timeout(60):
        while not await records_of(cluster, USAGE_REJECTED):
            await asyncio.sleep(0.2)
    seen: Counter[str] = Counter()
    for topic in TOPICS:
        for record in await records_of(cluster, topic.name):
            message = message_of(topic.name, record)
            seen[message] += 1
            if seen[message] <= MOST:
                assert message in messages_of(topic.name)
                assert faults_of(message, record.value, record.headers) == [], record.value
    assert {"UsageEvent", "UsageRated", "UsageRead", "BillIssued", "BillLineItem", "RefusedUsage"} <= {*seen}
    assert {"ClockTicked", "CommitmentCreated", "PricingCreated", "OrganizationConfigured"} <= {*seen}
