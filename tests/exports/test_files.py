"""What is written: exact, the same bytes for the same rows, whole or not at all."""

import io
import multiprocessing
import os
import signal
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from projections.revenue.journal import Chart
from services.exports import writing
from services.exports.columns import JOURNAL, LINES, Column, Row, journal_rows, line_rows
from services.exports.folder import Folder, GapError
from services.exports.reading import IssuedLines
from services.exports.watermark import Range, Watermark
from services.exports.writing import FORMATS, Format, open_sheet
from tests.exports.issuing import bill_of

MARK = Watermark("0a1b2c3d", 0)
RANGE = Range(MARK, MARK._replace(position=12))
ABOUT = {"since": RANGE.since.text, "until": RANGE.until.text}


def issued(*, voided: bool = False, **more: Any) -> IssuedLines:
    bill = bill_of(lines=3, bill_id="a" * 8, **more)
    head, codes = bill.model_copy(update={"lines": ()}), {"account": "=acme", "product": "api"}
    return IssuedLines(12, datetime(2026, 2, 1, tzinfo=UTC), voided, head, bill.lines, codes)


def written(format: Format, rows: Sequence[Row], columns: Sequence[Column] = LINES, *, at_once: int = 1) -> bytes:
    file = io.BytesIO()
    sheet = open_sheet(format, file, columns, ABOUT)
    for start in range(0, len(rows), at_once):
        sheet.write(rows[start : start + at_once])
    sheet.finish()
    return file.getvalue()


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_rows_are_the_same_bytes_however_they_come(format: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "GROUP_ROWS", 4)
    rows = [row for voided in (False, True) for _ in range(3) for row in line_rows(issued(voided=voided))]
    assert len({written(format, rows, at_once=size) for size in (1, 3, 5, 100)}) == 1


def test_a_sheet_holds_no_more_than_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "GROUP_ROWS", 4)
    file = io.BytesIO()
    sheet = open_sheet("parquet", file, LINES, ABOUT)
    sizes = [file.tell()]
    for _ in range(4):
        sheet.write(line_rows(issued()))
        sizes.append(file.tell())
    assert sizes[0] == sizes[1] < sizes[2] < sizes[3] < sizes[4]
    sheet.finish()
    assert pq.ParquetFile(io.BytesIO(file.getvalue())).num_row_groups == 3


def test_parquet_is_exact_to_the_last_digit(tmp_path: Path) -> None:
    amount, quantity = "123456789012345678.9999", Decimal("0.000000000000000001")
    rows = line_rows(issued(amount=amount, quantity=quantity))
    (tmp_path / "lines.parquet").write_bytes(written("parquet", rows))
    table = pq.read_table(tmp_path / "lines.parquet")
    [first, *_] = table.to_pylist()
    assert (first["amount"], first["quantity"]) == (Decimal(amount), quantity)
    assert first["months"] == [{"month": date(2026, 1, 1), "amount": Decimal(amount)}]
    assert (first["account_code"], first["service_end"]) == ("=acme", date(2026, 2, 1))
    kept = table.schema.metadata
    assert (kept[b"since"], kept[b"until"]) == (b"0a1b2c3d-0", b"0a1b2c3d-12")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("voided", [False, True])
def test_a_quantity_keeps_all_its_digits(format: Format, voided: bool) -> None:
    quantity = "123456789012345678.123456789012345678"
    text = f"-{quantity}" if voided else quantity
    content = written(format, line_rows(issued(quantity=quantity, units=quantity, voided=voided)))
    if format == "csv":
        assert content.decode().count(f",{text},{text},") == 3
    else:
        assert pq.read_table(io.BytesIO(content)).column("units").to_pylist() == [Decimal(text)] * 3


def test_an_export_of_nothing_is_a_file_with_columns() -> None:
    table = pq.read_table(io.BytesIO(written("parquet", [])))
    assert table.num_rows == 0 and table.column_names == [column.name for column in LINES]
    assert written("csv", []).decode().strip().split(",") == table.column_names


def test_csv_has_no_formula_and_tells_months() -> None:
    [_, first, *_] = written("csv", line_rows(issued(amount="10.00"))).decode().splitlines()
    assert "'=acme" in first and "2026-01=10.00" in first and "2026-02-01T00:00:00Z" in first


def test_what_was_voided_is_every_number_the_other_way_and_another_row() -> None:
    before, after = line_rows(issued()), line_rows(issued(voided=True))
    places = [column_number for column_number, column in enumerate(LINES) if column.kind in ("MONEY", "NUMBER")]
    for line_row, other in zip(before, after, strict=True):
        for column_number in places:
            amount, back = line_row[column_number], other[column_number]
            assert isinstance(amount, Decimal) and amount == -back  # type: ignore[operator]
    ids = [row[0] for row in (*before, *after)]
    assert len(set(ids)) == len(ids) == 6 and after == line_rows(issued(voided=True))


def test_the_rows_of_a_journal_balance() -> None:
    rows = [row for voided in (False, True) for row in journal_rows(issued(voided=voided, amount="7.00"), Chart())]
    names = [column.name for column in JOURNAL]
    debit, credit, entry = names.index("debit"), names.index("credit"), names.index("row_id")
    assert sum(row[debit] for row in rows) == sum(row[credit] for row in rows) == 2 * 2 * 3 * 7  # type: ignore[misc]
    assert len({row[entry] for row in rows}) == len(rows)


def half_a_file(url: str, ready: Any) -> None:
    with Folder(url, "org", "bill-lines").file_of(RANGE, "csv") as (file, _):
        file.write(b"half")
        ready.set()
        signal.pause()


def test_a_killed_export_leaves_no_file_and_the_next_one_goes_on_from_where_files_end(tmp_path: Path) -> None:
    url, context = str(tmp_path), multiprocessing.get_context("fork")
    folder, ready = Folder(url, "org", "bill-lines"), context.Event()
    with folder.file_of(Range(MARK, MARK._replace(position=5)), "csv") as (file, first):
        file.write(b"whole")
    child = context.Process(target=half_a_file, args=(url, ready))
    child.start()
    assert ready.wait(30)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join(30)
    assert folder.newest() == folder.since(None) == MARK._replace(position=5)
    with folder.file_of(Range(MARK._replace(position=5), RANGE.until), "csv") as (file, second):
        file.write(b"whole, too")
    assert folder.newest() == RANGE.until
    assert [Path(id).read_bytes() for id in (first, second)] == [b"whole", b"whole, too"]
    with pytest.raises(GapError, match="0a1b2c3d-12"):
        folder.since(MARK)


def test_an_error_leaves_nothing_and_is_what_is_told(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path), "org/../x", "journal")
    with pytest.raises(ZeroDivisionError), folder.file_of(RANGE, "csv") as (file, _):
        file.write(b"half")
        raise ZeroDivisionError
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_journals_files_say_up_to_which_day_they_close(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path), "org", "journal")
    for day in (31, 30):
        until = RANGE.until._replace(closed=date(2026, 1, day))
        with folder.file_of(Range(MARK, until), "parquet") as (file, _):
            file.write(b"")
    assert folder.newest() == RANGE.until._replace(closed=date(2026, 1, 31))


def test_a_folder_is_one_however_it_is_spelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its address one export keeps others out: two at once would write the same lines."""
    monkeypatch.chdir(tmp_path)
    spelled = (str(tmp_path / "out"), f"{tmp_path}/out/", "out", "./out", f"file://{tmp_path}/out")
    assert len({Folder(url, "org", "journal").address for url in spelled}) == 1
