"""Exports of a real system, over HTTP and by the command: late usage, a voided bill, a prepayment that is over."""

import asyncio
import csv
import io
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.exports.places import ExportFiles
from services.exports.sweeping import Sweeper
from services.postgres import open_postgres
from services.run.process import environment_of
from tests.api_client import stranger
from tests.billing.conftest import Shop
from tests.forked import started, trueup
from tests.modules import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

Rows = list[dict[str, Any]]


def environment(shop: Shop) -> dict[str, str]:
    return environment_of(shop.system.settings, shop.system.endpoints)


async def export(shop: Shop, what: str, folder: Path, *more: str) -> Rows:
    """The rows that an export adds to the folder; none if there is nothing new."""
    files_before = set(folder.rglob("*.parquet"))
    arguments = ("--organization", shop.organization, "--out", str(folder), "--format", "parquet", *more)
    ran = await trueup("export", what, *arguments, environment=environment(shop))
    assert ran.status == 0, ran.err
    return [row for path in set(folder.rglob("*.parquet")) - files_before for row in pq.read_table(path).to_pylist()]


async def job(shop: Shop, source: str = "OPERATIONAL", **more: Any) -> tuple[dict[str, Any], bytes]:
    """An export over HTTP, once it has succeeded, and its file as its link gives it to whoever has that."""
    body = body_of() if source == "OPERATIONAL" else {"sourceType": source}
    made = await shop.do("POST", "dataexports/adhoc", body | more)
    async with asyncio.timeout(60):
        while (job := await shop.do("GET", f"dataexports/jobs/{made['jobId']}"))["status"] != "SUCCEEDED":
            assert job["status"] != "FAILED", job
            await asyncio.sleep(0.05)
    link = await shop.do("GET", f"dataexports/jobs/{job['id']}/getdownloadurl")
    async with stranger() as nobody:
        answer = await nobody.get(link["url"])
    assert answer.status_code == 200, answer.text
    return job, answer.content


def by_month(rows: Rows, recognition: str = "REVENUE") -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        for part in row["months"] if row["recognition"] == recognition else ():
            sums[f"{part['month']:%Y-%m}"] += part["amount"]
    return {month: amount for month, amount in sorted(sums.items()) if amount}


def by_ledger(rows: Rows) -> dict[str, Decimal]:
    """Debit less credit."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row["ledger_account"]] += row["debit"] - row["credit"]
    return {ledger: amount for ledger, amount in sorted(sums.items()) if amount}


async def in_a_warehouse(folder: Path) -> dict[str, Decimal]:
    """What the example for DuckDB says of revenue by month; it ends with another status if a bill does not balance."""
    arguments = (sys.executable, "examples/warehouse.py", str(folder))
    process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    told = [line.split() for line in said.splitlines() if line.startswith("revenue")]
    return {month: Decimal(amount) for _, month, _, amount in told}


async def billed_by_month(shop: Shop) -> dict[str, Decimal]:
    """What the API says that charges of monthly periods came to, by the month of their service."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for bill in await shop.bills():
        for line in (await shop.exact(f"bills/{bill['id']}"))["lineItems"]:
            if line["lineItemType"] not in ("COMMITMENT_FEE", "COMMITMENT_CONSUMED"):
                sums[line["servicePeriodStartDate"][:7]] += Decimal(line["subtotal"])
    return {month: amount for month, amount in sorted(sums.items()) if amount}


async def test_a_year_of_a_customer(shop: Shop, tmp_path: Path) -> None:
    """Prepaid 100 for January and February; usage of January comes late; February's bill is voided and made again."""
    account = await shop.account("acme")
    dates = [{
        "date": "2026-01-01", "amount": 100,
        "servicePeriodStartDate": "2026-01-01T00:00:00Z", "servicePeriodEndDate": "2026-03-01T00:00:00Z",
    }]  # fmt: skip
    await shop.create(
        "commitments", accountId=account, currency="USD", amount=100, feeDates=dates, startDate="2026-01-01",
        endDate="2026-03-01",
    )  # fmt: skip
    await shop.use("acme", "2026-01-10", 60)
    await shop.bill("2026-01-31")
    first = await export(shop, "bill-lines", tmp_path)
    assert by_month(first) == await billed_by_month(shop) == {"2026-01": 40}
    assert by_month(first, "RELEASE") == {"2026-01": -40}
    assert await export(shop, "bill-lines", tmp_path) == []

    await shop.clock("2026-03-01T00:00:00Z")
    await shop.use("acme", "2026-01-11", 20)
    await shop.use("acme", "2026-02-10", 4)
    [wrong] = (await shop.bill("2026-02-28"))["billIds"]
    second = await export(shop, "bill-lines", tmp_path)
    assert by_month([*first, *second]) == await billed_by_month(shop) == {"2026-01": 50, "2026-02": 12}
    journal = await export(shop, "journal", tmp_path, "--closed", "2026-02-27")
    assert by_ledger(journal) == {"1200": 100, "2410": -38, "4000": -62}

    await shop.do("DELETE", f"bills/{wrong}")
    [right] = (await shop.bill("2026-02-28"))["billIds"]
    third = await export(shop, "bill-lines", tmp_path)
    taken_back = [row for row in third if row["row_type"] == "VOIDED"]
    assert {row["bill_id"] for row in taken_back} == {wrong} and {row["bill_id"] for row in third} == {wrong, right}
    assert sorted(-row["amount"] for row in taken_back) == sorted(row["amount"] for row in second)
    rows = [*first, *second, *third]
    assert by_month(rows) == await billed_by_month(shop) == {"2026-01": 50, "2026-02": 12}
    assert await in_a_warehouse(tmp_path) == by_month(rows)
    assert len({row["row_id"] for row in rows}) == len(rows)

    closing = await export(shop, "journal", tmp_path, "--closed", "2026-02-28")
    assert {row["source"] for row in closing} == {"ISSUED", "VOIDED", "CLOSING"}
    assert by_ledger([*journal, *closing]) == {"1200": 100, "4000": -62, "4900": -38}
    for bill in {row["bill_id"] for row in (*journal, *closing)}:
        assert not sum(by_ledger(row for row in (*journal, *closing) if row["bill_id"] == bill).values())  # type: ignore[arg-type]

    whole, file = await job(shop, exportFileFormat="PARQUET")
    assert pq.read_table(pa.BufferReader(file)).to_pylist() == rows and whole["rows"] == len(rows)
    assert (await job(shop, exportFileFormat="PARQUET", until=whole["until"]))[1] == file
    _, text = await job(shop, since=whole["since"], until=whole["until"])
    assert [Decimal(row["amount"]) for row in told_by(text)] == [row["amount"] for row in rows]
    nothing, header = await job(shop, since=whole["until"])
    assert nothing["rows"] == 0 and header.count(b"\n") == 1
    assert (await shop.do("GET", "dataexports/jobs", pageSize=1))["data"] == [nothing]
    _, usage = await job(shop, "USAGE", startDate="2026-01-11", accountIds=[account])
    days = [(row["account_code"], row["aggregation_code"], row["day"], row["quantity"]) for row in told_by(usage)]
    assert days == [("acme", "calls", "2026-01-11", "20"), ("acme", "calls", "2026-02-10", "4")]
    for wrong_mark in ("0", "ffffffff-1", whole["until"].replace("-", "-9")):
        answer = await shop.ask("POST", "dataexports/adhoc", body_of(since=wrong_mark))
        assert answer.status_code == 400 and "since" in answer.json()["message"]
    await _a_journal_over_http_is_the_commands(shop, tmp_path / "another")


async def _a_journal_over_http_is_the_commands(shop: Shop, folder: Path) -> None:
    """To the byte, for the same range; in one file what two added up to, and in the accounts that it names."""
    rows = await export(shop, "journal", folder, "--closed", "2026-02-28")
    [file] = folder.rglob("*.parquet")
    named: dict[str, Any] = {"operationalDataTypes": ["JOURNAL"], "exportFileFormat": "PARQUET"}
    made, told = await job(shop, **named, closedDate="2026-02-28")
    assert told == file.read_bytes() and made["rows"] == len(rows) and made["until"].endswith("@2026-02-28")
    assert by_ledger(rows) == {"1200": 100, "4000": -62, "4900": -38}
    again, told = await job(shop, **named, until=made["until"], chart={"receivables": "1300"})
    assert by_ledger(pq.read_table(pa.BufferReader(told)).to_pylist()) == {"1300": 100, "4000": -62, "4900": -38}
    assert again["chart"] == {"receivables": "1300"}
    nothing, _ = await job(shop, **named, since=made["until"], closedDate="2026-03-01")
    assert nothing["rows"] == 0
    for wrong, why in (
        ({"since": made["until"], "closedDate": "2026-02-27"}, "since: cannot be: there is nothing from"),
        ({"until": made["until"], "closedDate": "2026-02-27"}, "closedDate: does not go with until"),
        *(({name: made["until"].partition("@")[0]}, f"{name}: cannot be: watermark") for name in ("since", "until")),
        ({"operationalDataTypes": ["BILL_LINE_ITEMS"], "closedDate": "2026-02-27"}, "closedDate: is of a JOURNAL"),
        ({"chart": {"cash": "1000"}}, "chart.cash"),
    ):
        assert why in await shop.refused(400, "POST", "dataexports/adhoc", body_of() | named | wrong)
    reversed_days = {"sourceType": "USAGE", "startDate": "2026-02-02", "endDate": "2026-02-01"}
    assert "endDate: must not be before" in await shop.refused(400, "POST", "dataexports/adhoc", reversed_days)
    await _a_file_that_was_kept_for_long_enough_is_gone(shop, made["id"])


async def _a_file_that_was_kept_for_long_enough_is_gone(shop: Shop, job_id: str) -> None:
    """As the API's process would find it in a month; whoever asks is told so, and the job stays."""
    async with open_postgres(shop.system.endpoints.database_url) as postgres:
        folder = str(shop.system.settings.home / "exports")
        await Sweeper(postgres, postgres, ExportFiles(folder)).sweep(datetime.now(UTC) + timedelta(days=31))
    kept = await shop.do("GET", f"dataexports/jobs/{job_id}")
    assert kept["status"] == "SUCCEEDED" and "fileRemovedAt" in kept
    for path in ("getdownloadurl", "file"):
        assert "was kept until" in await shop.refused(404, "GET", f"dataexports/jobs/{job_id}/{path}")


def told_by(file: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.decode())))


def body_of(**more: Any) -> dict[str, Any]:
    return {"sourceType": "OPERATIONAL", "operationalDataTypes": ["BILL_LINE_ITEMS"]} | more


async def test_an_export_that_is_killed_in_the_middle_misses_nothing(shop: Shop, tmp_path: Path) -> None:
    """As soon as it has begun its file it is killed; bills go on, and so does the next export."""
    await shop.account("acme")
    await shop.bill("2026-01-31")
    arguments = ("--organization", shop.organization, "--out", str(tmp_path), "--format", "parquet")
    child = await started("export", "bill-lines", *arguments, environment=environment(shop), log=tmp_path / "log")
    async with asyncio.timeout(60):
        while not list(tmp_path.rglob("*.part")) and child.returncode is None:
            await asyncio.sleep(0.002)
    await child.kill()
    await shop.clock("2026-03-01T00:00:00Z")
    await shop.bill("2026-02-28")
    await export(shop, "bill-lines", tmp_path)
    rows = [row for path in sorted(tmp_path.rglob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    assert by_month(rows) == await billed_by_month(shop) == {"2026-01": 10, "2026-02": 10}


async def test_a_place_that_cannot_be_written_to_ends_the_export_at_once(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    asked = ("export", "bill-lines", "--organization", shop.organization, "--out", str(file))
    ran = await trueup(*asked, environment=environment(shop), timeout_s=30)
    assert ran.status == 1 and f"Error: {file}/" in ran.err and "Not a directory" in ran.err, ran.err
