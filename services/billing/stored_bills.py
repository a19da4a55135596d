"""Bills as the live read models hold them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from events.facts.bills import BillIssued
from services.billing.bill_document import Names, Stamps
from services.readside.table_rows import bill_with, lines_of_bills
from services.store.listing import Condition, Search

_BILLS = """
SELECT bill_id, bill::text, status, version, locked_at, opened_at, issued_at, position,
    created_by, approved_by, locked_by, modified_by
FROM bills
WHERE organization = $1 AND NOT voided"""
_NAMES = """
SELECT id, body->>'code' AS code, body->>'name' AS name FROM store.entities WHERE organization = $1 AND id = ANY ($2)
"""


@dataclass(frozen=True, slots=True)
class StoredBill:
    """A bill's row. `bill` None: it is pending, so what is on it has to be derived."""

    bill_id: str
    bill: BillIssued | None
    #: None: it is pending, so it is calculated when it is read.
    stamps: Stamps | None
    position: int


def newest_first(conditions: Sequence[Condition], size: int) -> Search:
    """The newest bills that fulfil all conditions."""
    return Search(tuple(conditions), all_of=True, order="position", ascending=False, offset=0, size=size)


async def read_bills(connection: Any, organization: str, wanted: Search) -> list[StoredBill]:
    """The bills found, without voided ones. The connection's transaction reads the live schema."""
    arguments: list[Any] = [organization]
    query = _BILLS + wanted.placed(arguments)
    query += f" ORDER BY {wanted.order} {'ASC' if wanted.ascending else 'DESC'} NULLS LAST, position DESC"
    rows = await connection.fetch(f"{query} OFFSET {wanted.offset} LIMIT {wanted.size}", *arguments)
    lines = await lines_of_bills(connection, [row["bill_id"] for row in rows])
    return [_stored(row, lines[row["bill_id"]]) for row in rows]


def _stored(row: Mapping[str, Any], lines: list[Any]) -> StoredBill:
    if row["status"] != "APPROVED":
        return StoredBill(row["bill_id"], None, None, row["position"])
    stamps = Stamps(
        version=row["version"],
        opened_at=row["opened_at"],
        approved_at=row["issued_at"],
        locked_at=row["locked_at"],
        calculated_at=row["issued_at"],
        **{name: row[name] for name in ("created_by", "approved_by", "locked_by", "modified_by")},
    )
    return StoredBill(row["bill_id"], bill_with(row["bill"], lines), stamps, row["position"])


async def read_names(connection: Any, organization: str, ids: Sequence[str]) -> Names:
    """Codes and names of resources by id."""
    rows = await connection.fetch(_NAMES, organization, list(ids))
    return {row["id"]: {key: row[key] for key in ("code", "name") if row[key] is not None} for row in rows}
