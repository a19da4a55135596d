"""Issued bills as the live read models hold them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from events.facts.bills import BillIssued
from services.billing.wire import Names

_COLUMNS = "bill_id, bill::text, locked, voided, issued_at, position"
_BILLS = f"""
SELECT {_COLUMNS} FROM bills
WHERE organization = $1 AND NOT voided AND ($2::text[] IS NULL OR account_id = ANY ($2))
    AND ($3::text[] IS NULL OR bill_id = ANY ($3)) AND ($4::date IS NULL OR bill_date = $4)
    AND ($5::bigint IS NULL OR position < $5)
    AND ($6::boolean IS NULL OR locked = $6) AND ($7::text IS NULL OR bill->>'billJobId' = $7)
ORDER BY position DESC LIMIT $8
"""
_LINES = "SELECT bill_id, line::text FROM bill_line_items WHERE bill_id = ANY ($1::text[]) ORDER BY bill_id, number"
_NAMES = """
SELECT id, body->>'code' AS code, body->>'name' AS name FROM store.entities WHERE organization = $1 AND id = ANY ($2)
"""


@dataclass(frozen=True, slots=True)
class StoredBill:
    """An issued bill with what happened to it since."""

    bill: BillIssued
    issued_at: datetime
    locked: bool
    voided: bool
    position: int


@dataclass(frozen=True, slots=True)
class BillFilter:
    """Which bills to list; None: any."""

    account_ids: Sequence[str] | None = None
    ids: Sequence[str] | None = None
    bill_date: date | None = None
    locked: bool | None = None
    bill_job_id: str | None = None


async def read_bills(
    connection: Any, organization: str, wanted: BillFilter, limit: int, before: int | None = None
) -> list[StoredBill]:
    """Newest first, those before a position. The connection's transaction reads the live schema."""
    rows = await connection.fetch(
        _BILLS,
        organization,
        wanted.account_ids,
        wanted.ids,
        wanted.bill_date,
        before,
        wanted.locked,
        wanted.bill_job_id,
        limit,
    )
    lines: dict[str, list[Any]] = {row["bill_id"]: [] for row in rows}
    for row in await connection.fetch(_LINES, list(lines)):
        lines[row["bill_id"]].append(json.loads(row["line"], parse_float=Decimal))
    return [
        StoredBill(
            BillIssued.model_validate(json.loads(row["bill"]) | {"lines": lines[row["bill_id"]]}),
            row["issued_at"],
            row["locked"],
            row["voided"],
            row["position"],
        )
        for row in rows
    ]


async def read_names(connection: Any, organization: str, ids: Sequence[str]) -> Names:
    """Codes and names of resources by id."""
    rows = await connection.fetch(_NAMES, organization, list(ids))
    return {row["id"]: {key: row[key] for key in ("code", "name") if row[key] is not None} for row in rows}
