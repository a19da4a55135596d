"""`auditor.py` derives an account's bills from the log alone; what was changed in the database, or forged, it names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from events.topics import EVENTS
from services.kafka import BatchWriter, LogReader, Record
from services.postgres import open_postgres
from services.readside.live import live_schema, reading_live
from tests.examples.conftest import Reader

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@asynccontextmanager
async def changed(customer: Reader, statement: str, bill: str) -> AsyncIterator[None]:
    """For the length of a block the live read models have a bill otherwise than the log."""
    url = customer.system.endpoints.database_url
    async with open_postgres(url, most=2) as postgres, reading_live(postgres) as connection:
        schema = await live_schema(connection)
    connection = await asyncpg.connect(url, server_settings={"search_path": schema})
    try:
        before = await kept(connection, bill)
        await connection.execute(statement, bill)
        yield
        await connection.execute("DELETE FROM bill_line_items WHERE bill_id = $1", bill)
        await connection.executemany(
            "INSERT INTO bill_line_items SELECT * FROM jsonb_populate_record(NULL::bill_line_items, $1::jsonb)",
            [(row,) for row in before],
        )
        assert await kept(connection, bill) == before
    finally:
        await connection.close()


async def kept(connection: Any, bill: str) -> list[str]:
    """The rows of a bill's lines, as JSON."""
    rows = await connection.fetch(
        "SELECT to_jsonb(one)::text AS row FROM bill_line_items one WHERE bill_id = $1 ORDER BY number", bill
    )
    return [row["row"] for row in rows]


async def test_bills_are_what_the_log_says_late_usage_included(customer: Reader) -> None:
    assert (await customer.example("auditor.py", "acme")).endswith("1 bills, 0 differences\n")
    await customer.example("publish_usage.sh", "examples/measurements.json")
    await customer.bill("2026-02-28")
    said = (await customer.example("auditor.py", "acme")).splitlines()
    assert [line.split(" of ")[1] for line in said[:2]] == ["2026-02-01, 0.00 USD", "2026-03-01, 27.50 USD"]
    assert said[2] == "2 bills, 0 differences"


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        (
            "UPDATE bill_line_items SET line = jsonb_set(line, '{amount}', '\"74.99\"')"
            " WHERE bill_id = $1 AND type = 'USAGE'",
            ["the log says USAGE 75.00 for 150 from 2026-01-01", "shown is USAGE 74.99 for 150 from 2026-01-01"],
        ),
        (
            "DELETE FROM bill_line_items WHERE bill_id = $1 AND type = 'COMMITMENT_CONSUMED'",
            ["the log says COMMITMENT_CONSUMED -75.00 for 0 from 2026-01-01"],
        ),
    ],
    ids=["an amount is changed", "a line is taken away"],
)
async def test_a_bill_that_was_tampered_with_is_named(customer: Reader, statement: str, wrong: list[str]) -> None:
    bill = (await customer.bill("2026-01-31"))[0]
    async with changed(customer, statement, bill["id"]):
        said = await customer.example("auditor.py", "acme", status=1)
    assert said.count(f"bill {bill['id']}: ") == len(wrong) and said.endswith(f", {len(wrong)} differences\n")
    assert all(f"bill {bill['id']}: {one}" in said for one in wrong)
    await customer.example("auditor.py", "acme")


async def test_a_forged_bill_in_the_log_is_named(customer: Reader) -> None:
    cluster = customer.system.endpoints.kafka
    partition, forged = await issued(customer)
    async with BatchWriter(cluster) as writer:
        [(offset, _, _)] = await writer.append(EVENTS, partition, [Record(None, forged)])
    said = await customer.example("auditor.py", "acme", status=1)
    assert "the log says" in said and said.endswith(", 2 differences\n")
    # Whoever audits all finds the record too; it is acknowledged, so that nobody else here stumbles over it.
    await customer.until_projected()
    await customer.runs("trueup", "foreign", f"{EVENTS}/{partition}/{offset}")


async def issued(customer: Reader) -> tuple[int, bytes]:
    """The record of the organization's bill, as somebody would write it who wants another one; and its partition."""
    from events.codec import decode, encode
    from events.envelope import seal

    async with LogReader(customer.system.endpoints.kafka) as reader:
        for partition, end in (await reader.end_offsets(EVENTS, range(2))).items():
            async for records in reader.read(EVENTS, partition, 0, end):
                for record in records:
                    fact = decode(record.value)
                    if fact.organization == customer.organization and fact.type == "BillIssued":
                        again = fact.data.model_copy(update={"bill_id": "00000000-0000-4000-8000-000000000000"})
                        forged = seal(
                            again, source="commands/forger", sequence=1, organization=fact.organization,
                            time=fact.time, account=fact.account,
                        )  # fmt: skip
                        return partition, encode(forged)
    raise AssertionError("no bill")
