"""On the real stack: the notary signs, bills are verified from files, and what was changed in Postgres is named."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from events.topics import EVENTS, TREE_HEADS
from projections.proof.segments import Cutter
from services.kafka import BatchWriter, KafkaAdmin, LogReader, Record
from services.proof.cli import check_partition
from services.proof.documents import Consistency, Inclusion, read_document, written
from services.proof.exporting import NotSignedYetError, export_bill
from services.proof.head import notary, sign_head
from services.proof.heads_topic import all_heads, newest_head, numbered, signed_partitions
from services.proof.verifying import verify
from services.readside.live import live_schema, use_schema
from services.relay.cli import run_relay
from tests.insight.conftest import CHECKPOINT_SECRET, Played
from tests.insight.story import PARTITIONS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
SIGNER = notary(CHECKPOINT_SECRET.encode())
OTHER_SIGNER = notary(b"the key that this operator goes over to later")
_CHANGE = "UPDATE bill_line_items SET line = jsonb_set(line, '{amount}', $2::jsonb) WHERE bill_id = $1 AND number = 1"


async def a_quarter_hour_ends(played: Played) -> None:
    """The relay's clock is set back: it tells every partition another quarter hour than the last."""
    await played.system.supervisor.kill("relay")
    stop, endpoints = asyncio.Event(), played.system.endpoints
    async with LogReader(played.cluster) as reader:
        before = await reader.end_offsets(EVENTS, [0])
        relay = asyncio.create_task(
            run_relay(played.cluster, endpoints.database_url, stop, wall_seconds=lambda: time.time() - 3600)
        )
        async with asyncio.timeout(60):
            while await reader.end_offsets(EVENTS, [0]) == before:
                await asyncio.sleep(0.1)
        stop.set()
        await relay
    await played.system.start(("relay",))


async def until_signed(played: Played) -> None:
    """The notary has signed the log as it stands now, up to its last quarter hour."""
    async with asyncio.timeout(60), KafkaAdmin(played.cluster) as admin, LogReader(played.cluster) as reader:
        for topic_partition in await signed_partitions(admin):
            cutter, last = Cutter(0), 0
            [end] = (await reader.end_offsets(topic_partition[0], [topic_partition[1]])).values()
            async for records in reader.read(*topic_partition, 0, end):
                last = max([last, *(cut.segment.end for cut in cutter.take(numbered(records)))])
            while (head := await newest_head(reader, topic_partition, SIGNER.key)) is None or head.segment.end < last:
                await asyncio.sleep(0.2)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def signed(played: Played) -> AsyncIterator[Played]:
    await a_quarter_hour_ends(played)
    await until_signed(played)
    yield played


async def test_every_bill_of_the_story_is_derived_from_its_file_line_by_line(signed: Played) -> None:
    bills = await signed.bills()
    assert len(bills) > 5
    for bill in bills:
        export = await export_bill(signed.postgres, signed.cluster, signed.wire.organization, bill["id"])
        assert read_document(written(export).encode(), "the file") == export
        verdict = verify(export, SIGNER.key)
        assert verdict.wrong == []
        lines = [line for line in verdict.lines if line.startswith("OK       line ")]
        assert len(lines) == len(bill["lineItems"])


async def test_a_row_of_postgres_that_somebody_changed_is_named(signed: Played) -> None:
    bill = (await signed.bills())[0]

    async def put(amount: object) -> None:
        async with signed.postgres.transaction() as connection:
            await use_schema(connection, await live_schema(connection))
            assert await connection.execute(_CHANGE, bill["id"], f'"{amount}"') == "UPDATE 1"

    organization = signed.wire.organization
    was = (await export_bill(signed.postgres, signed.cluster, organization, bill["id"])).lines[0].amount
    await put(was + 7)
    try:
        [wrong] = verify(await export_bill(signed.postgres, signed.cluster, organization, bill["id"])).wrong
    finally:
        await put(was)
    assert wrong.startswith("line 1: ") and f"amount is shown as {was + 7}, and was issued as {was}" in wrong


async def test_the_api_proves_records_and_checkpoints(signed: Played) -> None:
    [bill, *_] = await signed.bills()
    [line, *_] = [line for line in bill["lineItems"] if line["lineItemType"] == "USAGE"]
    told = await signed.get(f"bills/{bill['id']}/lineitems/{line['id']}/explain", limit=1)
    [event] = told["events"]
    where = {"partition": int(event["partition"])}
    proof = Inclusion.model_validate(await signed.get("audit/inclusion", offset=int(event["offset"]), **where))
    assert verify(proof, SIGNER.key).wrong == [] and event["id"] in proof.value
    page = await signed.get("audit/checkpoints", pageSize=1, **where)
    [newest] = page["data"]
    assert newest["token"] == proof.checkpoint and newest["size"] > 1 and newest["tick"]
    [next_newest] = (await signed.get("audit/checkpoints", pageSize=1, nextToken=page["nextToken"], **where))["data"]
    assert next_newest["size"] == newest["size"] - 1
    going_on = Consistency.model_validate(await signed.get("audit/consistency", first=1, **where))
    assert verify(going_on, SIGNER.key).wrong == [] and going_on.second == newest["token"]
    assert (await signed.get("audit/checkpoints", topic="billing.catalog"))["data"][0]["topic"] == "billing.catalog"


async def test_the_api_proves_no_record_of_others_and_says_what_is_not_there(signed: Played) -> None:
    newest = (await signed.get("audit/checkpoints"))["data"][0]
    for query, status, said in (
        ({"offset": newest["end"] - 1}, 404, "there is no record with id billing.events/0"),  # a tick belongs to nobody
        ({"offset": 9_999_999}, 409, "is not signed yet"),
        ({"partition": 1_000}, 404, "there is no partition with id billing.events/1000"),
        ({"topic": "usage"}, 400, "must be one of billing.events, billing.catalog"),
    ):
        refused = await signed.wire.ask("GET", "audit/inclusion", **query)
        assert refused.status_code == status and said in refused.text, refused.text
    refused = await signed.wire.ask("GET", "audit/consistency", first=2, second=1)
    assert refused.status_code == 404 and "the first has to come before the second" in refused.text


async def test_the_whole_log_is_what_was_signed(signed: Played) -> None:
    async with KafkaAdmin(signed.cluster) as admin, LogReader(signed.cluster) as reader:
        for topic_partition in await signed_partitions(admin):
            await check_partition(reader, topic_partition, SIGNER.key)
            assert len(await all_heads(reader, topic_partition)) > 1


async def test_a_bill_that_no_checkpoint_reaches_is_told(signed: Played) -> None:
    """A new key signs the log from its beginning; so far it has signed one segment."""
    bill = (await signed.bills())[0]
    async with LogReader(signed.cluster) as reader, BatchWriter(signed.cluster) as writer:
        for place in [(EVENTS, partition) for partition in range(PARTITIONS)]:
            first = (await all_heads(reader, place))[0].head
            await writer.append(TREE_HEADS, place[1], [Record(None, sign_head(OTHER_SIGNER, first).encode())])
    with pytest.raises(NotSignedYetError, match="try again when the quarter hour is over"):
        await export_bill(signed.postgres, signed.cluster, signed.wire.organization, bill["id"])
