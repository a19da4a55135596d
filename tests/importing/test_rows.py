"""Rows of a file become measurements, or are told to be wrong by their line."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.importing.files import (
    BrokenHeaderError,
    NoHeaderError,
    UnknownFormatError,
    rows_of,
)
from services.importing.layout import (
    Layout,
    RowError,
    UnknownFieldError,
    UnmappedColumnError,
    check_field,
    measurement_of,
)
from services.importing.sending import MeasurementsRequest, Wrong, requests_of


def rows(path: Path, text: str | bytes, layout: Layout | None = None) -> list[tuple[int, Any]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [(line, str(row) if isinstance(row, ValueError) else row) for line, row in rows_of(path, layout or Layout())]


def test_a_row_says_its_fields_by_column() -> None:
    row = {"account": "acme", "meter": "api", "ts": "2026-01-01 10:00:00Z", "measure.calls": " 1.50 ", "who.user": ""}
    assert measurement_of(row, Layout(), "id-7") == {
        "uid": "id-7", "account": "acme", "meter": "api", "ts": "2026-01-01T10:00:00Z",
        "measure": {"calls": Decimal("1.50")},
    }  # fmt: skip


def test_columns_are_mapped_left_out_and_fixed() -> None:
    layout = Layout({"when": "ts", "n": "measure.calls", "junk": ""}, {"meter": "api", "who.user": "ada", "uid": "x"})
    row = {"when": "2026-01-01T00:00:00Z", "n": "3", "junk": "1", "who.user": "bob", "uid": "mine"}
    measurement = measurement_of(row, layout, "id-7")
    assert measurement["uid"] == "mine" and measurement["meter"] == "api" and measurement["who"] == {"user": "bob"}
    assert measurement["measure"] == {"calls": Decimal(3)} and "junk" not in measurement


def test_a_json_row_may_have_maps_of_its_own() -> None:
    row = {"account": "acme", "measure": {"calls": Decimal("0.1"), "bytes": 7}, "other.x": "y"}
    measurement = measurement_of(row, Layout(), "id-7")
    assert measurement["measure"] == {"calls": Decimal("0.1"), "bytes": Decimal(7)} and measurement["other"] == {
        "x": "y"
    }


@pytest.mark.parametrize("text", ["1,000", "three", "NaN", "1e30"])
def test_a_cell_that_is_no_number_is_told(text: str) -> None:
    with pytest.raises(RowError, match=r"measure\.calls: must "):
        measurement_of({"measure.calls": text}, Layout(), "id")


def test_what_is_no_field_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(UnmappedColumnError, match="column 'colour' is no field of usage: say which with --map colour="):
        rows(tmp_path / "u.csv", "account,colour\nacme,red\n")
    for name in ("colour", "measure", "measure.", "sizes.big"):
        with pytest.raises(UnknownFieldError):
            check_field(name)


def test_a_header_that_is_no_csv_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BrokenHeaderError, match=r"the first line of .*u\.csv must be CSV"):
        rows(tmp_path / "u.csv", '"account"x,ts\nacme,2026-01-01\n')


def test_lines_of_csv_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    text = '\ufeffaccount,who.user\nacme,"two\nlines"\n\nacme\nacme,last\n'
    assert rows(tmp_path / "u.csv", text) == [
        (3, {"account": "acme", "who.user": "two\nlines"}),
        (5, "must have 2 cells, not 1"),
        (6, {"account": "acme", "who.user": "last"}),
    ]


def test_lines_of_json_are_told_one_by_one(tmp_path: Path) -> None:
    assert rows(tmp_path / "u.jsonl", '{"account": "acme", "n": 0.10}\n\n[1]\n') == [
        (1, {"account": "acme", "n": Decimal("0.10")}),
        (3, "must be a JSON object"),
    ]
    [(line, message)] = rows(tmp_path / "u.jsonl", "nope\n")
    assert line == 1 and "must be JSON" in message


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormatError):
        rows(tmp_path / "u.xlsx", "")
    with pytest.raises(NoHeaderError):
        rows(tmp_path / "u.csv", "")


def test_requests_have_at_most_a_thousand_items_and_less_bytes_than_m3ter_takes() -> None:
    small: list[Any] = [(line, {"account": "acme"}) for line in range(1, 2501)]
    parts = list(requests_of(small))
    assert [(len(part.items), part.reached) for part in parts if isinstance(part, MeasurementsRequest)] == [
        (1000, 1000), (1000, 2000), (500, 2500),
    ]  # fmt: skip
    large: list[Any] = [(line, {"account": "x" * 110_000}) for line in range(1, 11)]
    assert [len(part.items) for part in requests_of(large) if isinstance(part, MeasurementsRequest)] == [4, 4, 2]
    [wrong, _] = requests_of([(1, {"account": "x" * 600_000})])
    assert wrong == Wrong(1, "is too large, or not in UTF-8")


def test_what_is_no_utf8_is_told_by_line(tmp_path: Path) -> None:
    path = tmp_path / "u.csv"
    path.write_bytes(b"account\nacme\n\xff\n")
    positions = [
        (line, measurement_of(row, Layout(), "i")) for line, row in rows_of(path, Layout()) if isinstance(row, dict)
    ]
    assert [part.line for part in requests_of(positions) if isinstance(part, Wrong)] == [3]
