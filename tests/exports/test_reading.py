"""What is read of the event store between two watermarks: every line once, whoever writes beside it."""

import asyncio
from decimal import Decimal

import pytest

from events.facts.base import Fact
from services.exports.reading import IssuedLines, end_of_log, read_issued
from services.exports.watermark import Range, Watermark
from services.postgres import Role, open_postgres
from services.store.events import append, head
from tests.exports.issuing import bill_of, events_of, in_parts, void_of
from tests.store.kit import Store

pytestmark = pytest.mark.stack


async def issue(store: Store, root: str, first: int, *facts: Fact) -> int:
    """Append facts of a family; returns the position of the last one."""
    async with store.postgres.transaction() as connection:
        events = await append(connection, events_of(store.organization, root, first, list(facts)), store.generations)
    return events[-1].sequence


def between(store: Store, since: int, until: int) -> Range:
    name = store.generations.commands
    return Range(Watermark(name, since), Watermark(name, until))


async def read(store: Store, since: int, until: int) -> list[IssuedLines]:
    span = between(store, since, until)
    return [issued async for issued in read_issued(store.postgres.connection, store.organization, span)]


async def now(store: Store) -> int:
    async with store.postgres.connection() as connection:
        return await head(connection)


async def test_ranges_that_follow_each_other_have_each_line_once_under_writers_that_commit_late(store: Store) -> None:
    """Six writers, some of which hold their transaction open after they have their positions, and some roll back."""
    kept, seen, done = set[str](), list[str](), asyncio.Event()
    begin = await now(store)

    async def write(root: str) -> None:
        version = 1
        for turn in range(8):
            bill = bill_of(lines=2, root=root)
            async with store.postgres.connection() as connection:
                transaction = connection.transaction()
                await transaction.__aenter__()
                await append(connection, events_of(store.organization, root, version, [bill]), store.generations)
                await asyncio.sleep(0.004 * (turn % 3))
                if turn % 4 == 3:
                    error = RuntimeError("rolled back")
                    assert not await transaction.__aexit__(RuntimeError, error, None)
                    continue
                await transaction.__aexit__(None, None, None)
            version += 1
            kept.update(line.id for line in bill.lines)

    async def follow() -> None:
        since = begin
        while True:
            finished = done.is_set()
            until = await now(store)
            seen.extend(line.id for issued in await read(store, since, until) for line in issued.lines)
            if finished and since == until:
                return
            since = until

    follower = asyncio.create_task(follow())
    async with asyncio.timeout(60):
        await asyncio.gather(*(write(f"root-{number}") for number in range(6)))
        done.set()
        await follower
    assert len(seen) == len(set(seen)) and set(seen) == kept and len(kept) == 6 * 6 * 2


async def test_a_voided_bill_comes_again_with_what_it_was_called_then(store: Store) -> None:
    account = await store.account("acme")
    product = await store.create("product", code="api", name="API")
    bill = bill_of(product_id=product).model_copy(update={"account_id": account})
    issued_at = await issue(store, account, 1, bill)
    await store.create("product", code="other", name="Other")
    voided_at = await issue(store, account, 2, void_of(bill))
    [issued, voided] = await read(store, 0, voided_at)
    assert (issued.position, issued.voided, voided.position, voided.voided) == (issued_at, False, voided_at, True)
    assert issued.lines == voided.lines == bill.lines and issued.codes == voided.codes
    assert issued.codes[account] == "acme" and issued.codes[product] == "api"
    assert [happened.position for happened in await read(store, issued_at, voided_at)] == [voided_at]
    assert not await read(store, voided_at, voided_at + 1)


async def test_a_divided_bill_is_read_part_by_part_and_parts_that_nothing_follows_are_not(store: Store) -> None:
    whole = bill_of(lines=100)
    parts = in_parts(whole, 4_000)
    assert len(parts) > 3
    torn = await issue(store, "root", 1, *parts[:2])
    end = await issue(store, "root", 3, *parts, void_of(whole))
    for is_voided in (False, True):
        read_parts = [issued for issued in await read(store, 0, end) if issued.voided == is_voided]
        assert len(read_parts) == len(parts)
        assert [line for issued in read_parts for line in issued.lines] == list(whole.lines)
        assert {issued.bill.total for issued in read_parts} == {Decimal(100)}
    assert not await read(store, 0, torn)


async def test_nobody_reads_another_organizations_lines(store: Store, opened: Store) -> None:
    end = await issue(store, "root", 1, bill_of())
    async with open_postgres(store.endpoints.database_url, role=Role.API) as postgres:
        for organization, rows in ((store.organization, 1), (opened.organization, 0)):
            connect = postgres.of(organization).connection
            issued_bills = [issued async for issued in read_issued(connect, store.organization, between(store, 0, end))]
            assert len(issued_bills) == rows


async def test_an_export_ends_where_kafka_has_acknowledged(store: Store) -> None:
    await issue(store, "root", 1, bill_of())
    async with store.postgres.connection() as connection:
        relayed = await connection.fetchval("SELECT position FROM store.relay")
        assert await end_of_log(connection) == Watermark(store.generations.commands, relayed)
