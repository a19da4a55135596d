"""Writes rows to a file in groups, so that little is in memory. The same rows give the same bytes, however they are
grouped.

CSV is for people, and for programs that read nothing else. Parquet, which needs the extra `archive`, has types: exact
decimals, days, and amounts by month as a list.
"""

import csv
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from typing import IO, TYPE_CHECKING, Any, Literal

from events.dates import instant_text
from events.decimals import plain
from projections.revenue.recognition import MonthPart
from services.exports.columns import Column, Row, Value
from services.statement.spreadsheet import harmless

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["csv", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "parquet")
#: Rows of a group of a Parquet file: only one group is in memory at a time.
GROUP_ROWS = 10_000
#: Most digits after the point in amounts of money (of a currency's minor unit) and in quantities; 38 digits in all fit
#: in 128 bits.
_MONEY_DIGITS, _NUMBER_DIGITS, _DIGITS = 4, 18, 38


class Sheet(ABC):
    """A file that rows are written to; `finish` ends it and leaves it open."""

    @abstractmethod
    def write(self, rows: Iterable[Row]) -> None:
        """Add the rows, in order."""

    @abstractmethod
    def finish(self) -> None:
        """Write the remaining rows; no more rows may follow."""


def open_sheet(format: Format, file: IO[bytes], columns: Sequence[Column], about: dict[str, str]) -> Sheet:
    """A sheet of this format. `about`: names and values that describe the whole file; CSV has no place for them.

    Raises: ImportError for Parquet without the extra.
    """
    return CsvSheet(file, columns) if format == "csv" else ParquetSheet(file, columns, about)


class CsvSheet(Sheet):
    """A table with a line of headings, in UTF-8. Texts are written so that no program that opens them takes one for a
    formula.
    """

    def __init__(self, file: IO[bytes], columns: Sequence[Column]) -> None:
        self._file, self._columns = file, columns
        self._write([[column.name for column in columns]])

    def write(self, rows: Iterable[Row]) -> None:
        self._write([_spelled(column, value) for column, value in zip(self._columns, row, strict=True)] for row in rows)

    def _write(self, rows: Iterable[Sequence[str]]) -> None:
        text = StringIO()
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        self._file.write(text.getvalue().encode())

    def finish(self) -> None:
        """Nothing remains to be written."""


def _spelled(column: Column, value: Value) -> str:
    """The value as text: None is empty, amounts by month are `2026-01=10.00;2026-02=9.00`."""
    if isinstance(value, str):
        return harmless(value) if column.kind == "TEXT" else value
    return "" if value is None else _number_or_day(value)


def _number_or_day(value: bool | int | date | datetime | Decimal | list[MonthPart]) -> str:
    match value:
        case Decimal():
            return plain(value)
        case list():
            return ";".join(f"{part.month:%Y-%m}={plain(part.amount)}" for part in value)
        case datetime():
            return instant_text(value)
        case date():
            return value.isoformat()
        case _:
            return str(value).lower()


class ParquetSheet(Sheet):
    """A Parquet file in groups of GROUP_ROWS rows; the last group has the remaining rows."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column], about: dict[str, str]) -> None:
        import pyarrow.parquet as pq

        self._schema = schema_of(columns, about)
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd", version="2.6")
        self._rows = list[Row]()

    def write(self, rows: Iterable[Row]) -> None:
        self._rows += rows
        while len(self._rows) >= GROUP_ROWS:
            self._write(self._rows[:GROUP_ROWS])
            del self._rows[:GROUP_ROWS]

    def _write(self, rows: Sequence[Row]) -> None:
        import pyarrow as pa

        columns = zip(*rows, strict=True)
        arrays = [
            pa.array([_stored(value) for value in column], field.type)
            for column, field in zip(columns, self._schema, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema), row_group_size=GROUP_ROWS)

    def finish(self) -> None:
        if self._rows:
            self._write(self._rows)
        self._writer.close()


def schema_of(columns: Sequence[Column], about: dict[str, str]) -> "pa.Schema":
    """The schema of a Parquet file with these columns."""
    import pyarrow as pa

    money, number = pa.decimal128(_DIGITS, _MONEY_DIGITS), pa.decimal128(_DIGITS, _NUMBER_DIGITS)
    part = [pa.field("month", pa.date32(), nullable=False), pa.field("amount", money, nullable=False)]
    types = {
        "TEXT": pa.string(),
        "FLAG": pa.bool_(),
        "WHOLE": pa.int64(),
        "DAY": pa.date32(),
        "MOMENT": pa.timestamp("us", tz="UTC"),
        "MONEY": money,
        "NUMBER": number,
        "MONTHS": pa.list_(pa.struct(part)),
    }
    return pa.schema([pa.field(column.name, types[column.kind]) for column in columns], metadata=dict(about))


def _stored(value: Value) -> Any:
    """The value as Arrow takes it: amounts by month become a month and an amount each."""
    return [{"month": part.month, "amount": part.amount} for part in value] if isinstance(value, list) else value
