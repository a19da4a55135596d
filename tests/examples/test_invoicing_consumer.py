"""`invoicing_consumer.py` has every line exactly once, wherever it is killed; late usage comes as further lines."""

import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from events.topics import BILL_LINES
from services.kafka import LogReader
from tests.examples.conftest import ROOT, Reader
from tests.killed_at import loaded

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
CONSUMER = "examples/invoicing_consumer.py"


@pytest_asyncio.fixture(loop_scope="session")
async def database(customer: Reader) -> AsyncIterator[Any]:
    """The database, where no consumer has been yet."""
    connection = await asyncpg.connect(customer.system.endpoints.database_url)
    await connection.execute("DROP SCHEMA IF EXISTS invoicing CASCADE")
    yield connection
    await connection.close()


async def topic(customer: Reader) -> dict[int, list[str]]:
    """The ids of all lines that were published, by partition."""
    lines_by_partition = {}
    async with LogReader(customer.system.endpoints.kafka) as reader:
        for partition, end in (await reader.end_offsets(BILL_LINES, range(2))).items():
            polls = [records async for records in reader.read(BILL_LINES, partition, 0, end)]
            lines_by_partition[partition] = [json.loads(record.value)["id"] for records in polls for record in records]
    return lines_by_partition


async def invoiced(database: Any, customer: Reader) -> list[tuple[str, str, Decimal]]:
    """The organization's lines in the consumer's table."""
    rows = await database.fetch(
        "SELECT bill_date, type, amount FROM invoicing.lines WHERE organization = $1 ORDER BY bill_date, type, amount",
        customer.organization,
    )
    return [(row["bill_date"].isoformat(), row["type"], row["amount"]) for row in rows]


async def progress(database: Any) -> dict[int, int]:
    """Up to where each partition was read; nothing before there are tables."""
    if await database.fetchval("SELECT to_regclass('invoicing.progress')") is None:
        return {}
    return dict(map(tuple, await database.fetch("SELECT partition, next_offset FROM invoicing.progress")))


async def assert_exactly(database: Any, published: dict[int, list[str]], read: dict[int, int]) -> None:
    """The table has what was published up to here, and nothing else."""
    wanted = {id for partition, ids in published.items() for id in ids[: read.get(partition, 0)]}
    there = await database.fetch("SELECT id FROM invoicing.lines") if read else []
    assert {row["id"] for row in there} == wanted


async def test_late_usage_comes_as_further_lines_and_a_restart_reads_on(customer: Reader, database: Any) -> None:
    await customer.until_projected()
    await customer.runs("python", CONSUMER, "--once")
    first = [("2026-02-01", "COMMITMENT_CONSUMED", Decimal(-75)), ("2026-02-01", "USAGE", Decimal(75))]
    assert await invoiced(database, customer) == first
    await customer.example("publish_usage.sh", "examples/measurements.json")
    bills = await customer.bill("2026-02-28")
    said = await customer.runs("python", CONSUMER, "--once")
    assert said.count("\n") == 1, "only what is new was read"
    late = [("COMMITMENT_CONSUMED", "-25"), ("OVERAGE_SURCHARGE", "2.50"), ("USAGE", "50")]
    assert await invoiced(database, customer) == [*first, *(("2026-03-01", kind, Decimal(sum)) for kind, sum in late)]
    [total] = await database.fetchrow(
        "SELECT sum(amount) FROM invoicing.lines WHERE organization = $1", customer.organization
    )
    assert total == sum(Decimal(str(bill["billTotal"])) for bill in bills) == Decimal("27.50")
    assert await customer.runs("python", CONSUMER, "--once") == "", "nothing is read twice"


async def test_of_several_at_once_one_reads_and_the_others_stand_by(customer: Reader, database: Any) -> None:
    await customer.until_projected()
    async with AsyncExitStack() as runs:
        started = [await runs.enter_async_context(customer.starts("python", CONSUMER, "--once")) for _ in range(3)]
        said = [(await process.communicate())[0].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    assert sum("lines, up to offset" in text for text in said) == 1, said
    published = await topic(customer)
    read = await progress(database)
    assert read == {partition: len(ids) for partition, ids in published.items()}
    await assert_exactly(database, published, read)


async def test_who_was_overtaken_stores_nothing(customer: Reader, database: Any) -> None:
    """A process that slept while another one read on still believes that it stands at the beginning."""
    await customer.runs("python", CONSUMER, "--once")
    [partition, *_] = [number for number, offset in (await progress(database)).items() if offset]
    line = {"id": "late", "organization": customer.organization, "billId": "b", "billAccountId": "a"}
    line |= {"billDate": "2026-02-01", "type": "USAGE", "description": "", "currency": "USD", "amount": "1"}
    record = SimpleNamespace(offset=0, value=json.dumps(line))
    assert await loaded(ROOT / CONSUMER).take(database, partition, 0, [record]) is False
    assert await database.fetchval("SELECT count(*) FROM invoicing.lines WHERE id = 'late'") == 0
    assert (await progress(database))[partition] > 1


@asynccontextmanager
async def forks(customer: Reader) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Runs the consumer, killed at the moment of this number; returns the signal that ended it."""
    async with customer.starts("python", "tests/killed_at.py", CONSUMER, "--once") as process:
        assert process.stdin is not None and process.stdout is not None
        requests, answers = process.stdin, process.stdout

        async def run(moment: int) -> int:
            requests.write(f"{moment}\n".encode())
            status = (await answers.readline()).decode().strip()
            assert status in ("0", str(int(signal.SIGKILL))), status
            return int(status)

        yield run


async def test_killed_at_any_line_it_has_every_line_once(customer: Reader, database: Any) -> None:
    """Whatever a kill left, the next start goes on from; states that were left before need not be finished again."""
    await customer.until_projected()
    published = await topic(customer)
    whole = {partition: len(ids) for partition, ids in published.items()}
    left: set[frozenset[tuple[int, int]]] = set()
    moment = 0
    async with forks(customer) as run:
        while await run(moment := moment + 1) == signal.SIGKILL:
            read = await progress(database)
            await assert_exactly(database, published, read)
            if frozenset(read.items()) not in left:
                left.add(frozenset(read.items()))
                assert await run(0) == 0
                assert await progress(database) == whole
                await assert_exactly(database, published, whole)
            await database.execute("DROP SCHEMA IF EXISTS invoicing CASCADE")
    assert moment > 40, "it was killed at every line"
    assert len(left) > 2, "before anything was stored, and after some of it"
