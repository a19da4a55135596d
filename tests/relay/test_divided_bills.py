"""A bill in parts on its way out of the store: its lines reach invoicing once, and are written the same again."""

import itertools
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from events.bill_parts import divided
from events.envelope import Envelope
from events.facts.bills import BillFact, BillIssued
from events.topics import BILL_LINES, EVENTS, partition_of
from services.kafka import BatchWriter, FetchedRecord, LogReader
from services.postgres import PostgresUnreachableError
from services.rebuild.rederived import write_lines
from services.relay import cursor
from services.relay.relay import line_records
from services.store.events import NewEvent, append, whole_bill
from tests.relay.driving import caught_up_head, log_of, relay, relayed_all, until
from tests.store.kit import NOW, Store

pytestmark = pytest.mark.stack
PARTITION = 3
LINES = 30
MOST = 2_000


def bill_of(account: str) -> BillIssued:
    line = {
        "type": "USAGE", "accountId": account, "amount": "1.50", "quantity": "3", "units": "3",
        "periodStart": "2026-01-01", "periodEnd": "2026-02-01",
    }  # fmt: skip
    return BillIssued.model_validate(
        {
            "billId": f"bill-{account}", "accountId": account, "rootId": account, "billDate": "2026-02-01",
            "dueDate": "2026-02-15", "startDate": "2026-01-01", "endDate": "2026-02-01", "billingFrequency": "MONTHLY",
            "currency": "USD", "timezone": "UTC", "total": "45.00",
            "lines": [line | {"id": f"line-{number}", "number": number} for number in range(1, LINES + 1)],
            "positions": {"partition": PARTITION, "log": 1, "catalog": 1},
        }
    )  # fmt: skip


async def account_of(store: Store) -> str:
    """An account whose facts lie where its bill's do: whoever replays the log must know it."""
    partitions = store.generations.partitions
    codes = (f"{PARTITION}-{uuid4().hex}" for _ in itertools.count())
    return await store.account(
        next(code for code in codes if partition_of(store.organization, code, partitions) == PARTITION)
    )


async def issued(store: Store, facts: Sequence[BillFact], first: int = 1) -> list[Envelope]:
    """Append the facts of one bill from this version of its stream on, in one transaction."""
    events = [
        NewEvent(store.organization, f"bills-{fact.root_id}", version, fact, NOW, fact.account_id, PARTITION)
        for version, fact in enumerate(facts, first)
    ]
    async with store.postgres.transaction() as connection:
        return await append(connection, events, store.generations)


async def lines_since(reader: LogReader, start: int) -> list[FetchedRecord]:
    end = (await reader.end_offsets(BILL_LINES, [PARTITION]))[PARTITION]
    return [record async for batch in reader.read(BILL_LINES, PARTITION, start, end) for record in batch]


def once(records: Sequence[FetchedRecord]) -> list[FetchedRecord]:
    """What a consumer keeps that goes by (position, line)."""
    kept: list[FetchedRecord] = []
    last = (-1, -1)
    for record in records:
        headers = dict(record.headers)
        place = (int(headers["position"]), int(headers["line"]))
        if place > last:
            kept.append(record)
            last = place
    return kept


async def test_a_relay_that_ends_between_the_parts_exports_every_line_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caught_up_head(store)
    bill = bill_of(await account_of(store))
    facts = divided(bill, MOST)
    assert len(facts) > 3
    failing, move = set[int](), cursor.move

    async def fails_after_its_append(connection: Any, old: int, new: int, marks: Any) -> None:
        if new in failing:  # the records stand in Kafka, and the relay does not know
            failing.remove(new)
            raise PostgresUnreachableError("postgresql://there/db", OSError("gone"))
        await move(connection, old, new, marks)

    monkeypatch.setattr(cursor, "_NEXT", cursor._NEXT.replace(f"LIMIT {cursor.STEP_EVENTS}", "LIMIT 1"))
    monkeypatch.setattr(cursor, "move", fails_after_its_append)
    async with LogReader(store.endpoints.kafka) as reader, log_of(store) as log:
        start = (await reader.end_offsets(BILL_LINES, [PARTITION]))[PARTITION]
        envelopes = await issued(store, facts)
        failing |= {envelopes[1].sequence, envelopes[-1].sequence}
        async with relay(store):
            await until(lambda: relayed_all(store))
        written = await lines_since(reader, start)
        logged = (await log.written())[EVENTS, PARTITION]
    assert not failing
    assert [
        envelope.data for envelope in logged if isinstance(envelope.data, BillFact)
    ] == facts  # a tail holds what stands there
    expected = line_records(envelopes[-1], bill)
    assert len(written) == 2 * LINES and len(expected) == LINES
    assert [(record.value, list(record.headers)) for record in once(written)] == [
        (record.value, record.headers) for record in expected
    ]


async def test_lines_that_were_lost_are_written_again_as_the_relay_wrote_them(store: Store) -> None:
    await caught_up_head(store)
    small, large = bill_of(await account_of(store)), bill_of(await account_of(store))
    [alone] = await issued(store, [small])
    *_, ending = await issued(store, divided(large, MOST))
    cluster = store.endpoints.kafka
    async with LogReader(cluster) as reader, BatchWriter(cluster) as writer:
        start = (await reader.end_offsets(BILL_LINES, [PARTITION]))[PARTITION]
        async with relay(store):
            await until(lambda: relayed_all(store))
        relayed = await lines_since(reader, start)
        async with store.postgres.transaction() as connection:
            place = (PARTITION, alone.sequence, ending.sequence, store.generations.commands)
            count, mark = await write_lines(connection, writer, *place)
        again = (await lines_since(reader, start))[len(relayed) :]
    assert count == len(relayed) == 2 * LINES
    assert [(record.key, record.value, record.headers) for record in again] == [
        (record.key, record.value, record.headers) for record in relayed
    ]
    assert mark is not None and mark.offset == again[-1].offset


async def test_a_bill_that_was_begun_twice_is_the_one_that_was_issued(store: Store) -> None:
    bill = bill_of(await account_of(store))
    begun = divided(bill.model_copy(update={"lines": bill.lines[:20]}), 1_000)[:-1]
    await issued(store, begun)
    *_, ending = await issued(store, divided(bill, MOST), first=len(begun) + 1)
    async with store.postgres.connection() as connection:
        assert await whole_bill(connection, ending) == bill
