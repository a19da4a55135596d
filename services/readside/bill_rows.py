"""Rows of bills: SQL conditions and columns as texts for lists, searches and approvals; and rows of lines, of one bill
or across bills.

Everywhere $1 is the organization, and `{}` the place of a condition's value. The SQL is ours, the values are clients'.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from events.actors import UNNAMED
from events.facts.bills import BillIssued
from events.resources.organization import LAST_DAY
from services.commands.refused import UnknownResource
from services.postgres import Postgres
from services.readside.live import read_live, reading_live
from services.store.listing import SqlCondition, all_placed

#: The external invoice date: for an issued bill the date it was issued with (before version 3 of the fact, the bill's
#: date); for a pending bill the date it would be issued with, by `OrganizationConfig.invoiced_before`.
INVOICED = f"""
coalesce((bill->>'externalInvoiceDate')::date, bill_date - CASE WHEN status = 'PENDING' AND (
    SELECT body->>'externalInvoiceDate' FROM store.entities
    WHERE organization = $1 AND kind = 'organizationConfig' AND id = $1
) = '{LAST_DAY}' THEN 1 ELSE 0 END)
"""
#: Locked by itself, or by the organization's lock date: `bill_rules.is_locked`.
LOCKED = """
(locked OR status = 'APPROVED' AND bill_date <= coalesce(
    (SELECT (body->>'billLockDate')::date FROM store.entities WHERE organization = $1 AND kind = 'billConfig'),
    '-infinity'::date
))
"""
IS_ONE_OF, IS_OF_ACCOUNT, IS_OF_ACCOUNTS = "bill_id = ANY ({})", "account_id = {}", "account_id = ANY ({})"
HAS_STATUS, IS_OF_JOB = "status = {}", "bill->>'billJobId' = {}"
#: By m3ter's rule: true includes locked bills, and false leaves them out.
IS_UNLOCKED_UNLESS = f"({{}}::boolean OR NOT {LOCKED})"
IS_DATED, DATED_FROM, DATED_BEFORE = "bill_date = {}", "bill_date >= {}", "bill_date < {}"
INVOICED_FROM, INVOICED_BEFORE = f"{INVOICED} >= {{}}", f"{INVOICED} < {{}}"
#: A pending bill's lines are derived on reading, and so is its frequency.
OF_FREQUENCY = "(status = 'PENDING' OR bill->>'billingFrequency' = {})"
#: By the wire's names. All are texts, because days and instants sort as their texts do.
AS_TEXT = {
    "accountId": "account_id",
    "locked": f"{LOCKED}::text",
    "status": "status",
    "billDate": "bill_date::text",
    "startDate": "bill->>'startDate'",
    "endDate": "bill->>'endDate'",
    "dueDate": "bill->>'dueDate'",
    "externalInvoiceDate": f"({INVOICED})::text",
    "billingFrequency": "bill->>'billingFrequency'",
    "id": "bill_id",
    "ids": "bill_id",
    "createdBy": f"coalesce(created_by, '{UNNAMED}')",
    "lastModifiedBy": f"coalesce(modified_by, '{UNNAMED}')",
    "dtCreated": "to_char(coalesce(opened_at, issued_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')",
}
_PENDING = "SELECT bill_id FROM bills WHERE organization = $1 AND status = 'PENDING'"
_PENDING_UP_TO = """
SELECT bill_id FROM "{schema}".bills
WHERE organization = $1 AND status = 'PENDING' AND bill_date <= $2 ORDER BY position
"""
#: More lines than any bill has, so that a line's place among all lines is one number, which a page token holds.
_LINES_MAX = 100_000_000
#: Newer bills come higher; the lines of a bill keep its order.
PLACE = f"(b.position * {_LINES_MAX} + {_LINES_MAX} - l.number)"
#: Column `commitment_id` has the ids of commitments and balances, and the index.
IS_OF_COMMITMENT = "l.commitment_id = {0} AND l.line->>'commitmentId' = {0}"
HAS_TYPE, IS_ON_BILL, IS_BILLED_BEFORE = "l.type = {}", "l.bill_id = {}", "b.bill_date < {}"
_PLACES = f"""
SELECT l.bill_id, l.number, {PLACE} AS place
FROM bill_line_items l JOIN bills b ON b.bill_id = l.bill_id
WHERE l.organization = $1"""
#: The line's bill was not voided.
STANDS = SqlCondition("b.voided IS DISTINCT FROM {}", True)
#: The content of lines is read only for those on the page: a bill may have tens of thousands.
_LINES = """
SELECT l.line::text, b.bill::text, page.place FROM ({places} ORDER BY place DESC LIMIT {size}) AS page
JOIN bill_line_items l ON l.bill_id = page.bill_id AND l.number = page.number
JOIN bills b ON b.bill_id = page.bill_id
ORDER BY page.place DESC
"""
_WHOSE = "SELECT organization FROM bills WHERE bill_id = $1"
_ISSUED = """
SELECT total, log_offset FROM bills JOIN facts ON facts.organization = $1 AND resource_id = $2 AND type = 'BillIssued'
WHERE bills.organization = $1 AND bill_id = $2
"""
_LINES_OF_BILLS = """
SELECT bill_id, line::text FROM bill_line_items WHERE bill_id = ANY ($1::text[]) ORDER BY bill_id, number
"""


async def pending_bills(connection: Any, organization: str, conditions: Sequence[SqlCondition]) -> list[str]:
    """Ids of the pending bills that fulfil all conditions. The connection's transaction reads the live schema."""
    arguments: list[Any] = [organization]
    query = _PENDING + all_placed(conditions, arguments)
    return [row["bill_id"] for row in await connection.fetch(query, *arguments)]


async def pending_up_to(connection: Any, organization: str, day: date) -> list[str]:
    """Ids of the pending bills of a date up to this day, oldest first. The transaction need not read the live
    schema.
    """
    live = await read_live(connection)
    with live.reading():
        rows = await connection.fetch(_PENDING_UP_TO.format(schema=live.schema), organization, day)
    return [row["bill_id"] for row in rows]


async def organization_of_bill(postgres: Postgres, bill_id: str) -> str:
    """The organization of a bill. Raises: UnknownResource."""
    async with reading_live(postgres) as connection:
        organization: str | None = await connection.fetchval(_WHOSE, bill_id)
    if organization is None:
        raise UnknownResource(kind="bill", id=bill_id)
    return organization


async def read_issued(connection: Any, organization: str, bill_id: str) -> tuple[Decimal, int] | None:
    """The total of an issued bill, and the offset of its `BillIssued` in the log; None if there is no such bill. The
    connection's transaction reads the live schema.
    """
    row = await connection.fetchrow(_ISSUED, organization, bill_id)
    return None if row is None else (row["total"], row["log_offset"])


class ListedLine(NamedTuple):
    """A bill with only one line, and the line's place among all lines."""

    bill: BillIssued
    place: int


async def read_lines(
    connection: Any, organization: str, conditions: Sequence[SqlCondition], size: int
) -> list[ListedLine]:
    """Up to `size` lines that fulfil all conditions, newest bill first, each bill's lines in their order.

    The connection's transaction reads the live schema.
    """
    arguments: list[Any] = [organization]
    places = _PLACES + all_placed(conditions, arguments)
    rows = await connection.fetch(_LINES.format(places=places, size=size), *arguments)
    return [ListedLine(bill_with(row["bill"], [_line(row)]), int(row["place"])) for row in rows]


async def lines_of_bills(connection: Any, bill_ids: Sequence[str]) -> dict[str, list[Any]]:
    """The lines of each of these bills as JSON with exact numbers, in their order. The connection's transaction reads
    the live schema."""
    lines: dict[str, list[Any]] = {bill_id: [] for bill_id in bill_ids}
    for row in await connection.fetch(_LINES_OF_BILLS, list(bill_ids)):
        lines[row["bill_id"]].append(_line(row))
    return lines


def _line(row: Mapping[str, Any]) -> Any:
    return json.loads(row["line"], parse_float=Decimal)


def bill_with(bill: str, lines: list[Any]) -> BillIssued:
    """The bill from its JSON without lines, with these lines, whose numbers are exact."""
    return BillIssued.model_validate(json.loads(bill) | {"lines": lines})
