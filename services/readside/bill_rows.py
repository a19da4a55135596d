"""Rows of table `bills`: conditions on them, and their columns as texts, as lists, searches and approvals ask for them.

Everywhere $1 is the organization, and `{}` the place of a condition's value. The SQL is ours, the values are clients'.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from events.actors import UNNAMED
from events.resources.organization import LAST_DAY
from services.readside.live import read_live
from services.store.listing import Condition, placed

#: The external invoice date: as it was issued with, which before version 3 of the fact was the bill's date; a pending
#: bill's as it would be issued, by `OrganizationConfig.invoiced_before`.
INVOICED = f"""
coalesce((bill->>'externalInvoiceDate')::date, bill_date - CASE WHEN status = 'PENDING' AND (
    SELECT body->>'externalInvoiceDate' FROM store.entities
    WHERE organization = $1 AND kind = 'organizationConfig' AND id = $1
) = '{LAST_DAY}' THEN 1 ELSE 0 END)
"""
#: By itself, or as all are that are issued for a date up to the organization's lock date: `bill_lock.is_locked`.
LOCKED = """
(locked OR status = 'APPROVED' AND bill_date <= coalesce(
    (SELECT (body->>'billLockDate')::date FROM store.entities WHERE organization = $1 AND kind = 'billConfig'),
    '-infinity'::date
))
"""
IS_ONE_OF, IS_OF_ACCOUNT, IS_OF_ACCOUNTS = "bill_id = ANY ({})", "account_id = {}", "account_id = ANY ({})"
HAS_STATUS, IS_OF_JOB = "status = {}", "bill->>'billJobId' = {}"
#: As m3ter has it: true asks for locked ones, too, and false leaves them out.
IS_UNLOCKED_UNLESS = f"({{}}::boolean OR NOT {LOCKED})"
IS_DATED, DATED_FROM, DATED_BEFORE = "bill_date = {}", "bill_date >= {}", "bill_date < {}"
INVOICED_FROM, INVOICED_BEFORE = f"{INVOICED} >= {{}}", f"{INVOICED} < {{}}"
#: What is on a pending bill is derived when it is read, and its frequency with it.
OF_FREQUENCY = "(status = 'PENDING' OR bill->>'billingFrequency' = {})"
#: By the wire's names. All are texts: days and instants sort as their texts do.
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


async def pending_bills(connection: Any, organization: str, conditions: Sequence[Condition]) -> list[str]:
    """Ids of the pending bills that fulfil all conditions. The connection's transaction reads the live schema."""
    arguments: list[Any] = [organization]
    query = _PENDING + "".join(f" AND {placed(condition, arguments)}" for condition in conditions)
    return [row["bill_id"] for row in await connection.fetch(query, *arguments)]


async def pending_up_to(connection: Any, organization: str, day: date) -> list[str]:
    """Ids of the pending bills of a date up to this day, the oldest first, in whatever transaction this is asked."""
    live = await read_live(connection)
    with live.reading():
        rows = await connection.fetch(_PENDING_UP_TO.format(schema=live.schema), organization, day)
    return [row["bill_id"] for row in rows]
