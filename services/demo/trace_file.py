"""Reads a trace of LLM requests from CSV, and stretches it over a month."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.failures import ExpectedFailure

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
SHIPPED = Path(__file__).with_name("trace") / "azure-llm-trace-2023-conv.csv"


class TraceError(ExpectedFailure):
    """A trace file cannot be used; the message names file, line and what is wrong."""


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """One request of the trace: its number from 1, its time, and how many tokens went in and came out."""

    number: int
    moment: datetime
    context_tokens: int
    generated_tokens: int


def read_trace(path: Path) -> list[TraceRequest]:
    """The requests in the file's order, numbered from 1. Raises: TraceError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise TraceError(f"{path}: line 1: column {missing[0]} is missing; wanted {', '.join(COLUMNS)}")
            requests = [_request(path, rows.line_num, number, row) for number, row in enumerate(rows, start=1)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{path}: cannot be read: {error}") from error
    if not requests:
        raise TraceError(f"{path}: holds no requests")
    return requests


def _request(path: Path, line: int, number: int, row: dict[str, str]) -> TraceRequest:
    try:
        moment = datetime.fromisoformat(row["TIMESTAMP"])
    except (TypeError, ValueError) as error:
        raise TraceError(f"{path}: line {line}: TIMESTAMP must be a date-time, it is {row['TIMESTAMP']!r}") from error
    tokens = []
    for column in COLUMNS[1:]:
        text = (row[column] or "").strip()
        if not (text.isascii() and text.isdigit()) or len(text) > 15:
            raise TraceError(f"{path}: line {line}: {column} must be a whole number from 0, it is {row[column]!r}")
        tokens.append(int(text))
    return TraceRequest(number, moment if moment.tzinfo else moment.replace(tzinfo=UTC), *tokens)


def stretched(requests: list[TraceRequest], start: datetime, end: datetime) -> list[TraceRequest]:
    """The requests with their times moved so that they fill `[start, end)`, in the same order and proportions.

    `requests` must not be empty.
    """
    first = min(request.moment for request in requests)
    span = max(request.moment for request in requests) - first
    room = end - start - timedelta(seconds=1)
    return [
        TraceRequest(
            request.number,
            start + (room * ((request.moment - first) / span) if span else timedelta()),
            request.context_tokens,
            request.generated_tokens,
        )
        for request in requests
    ]
