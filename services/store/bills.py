"""A bill as it was issued, with all of its lines, whether or not the first of them stand in facts of their own."""

from typing import Any

from events.bill_parts import BillParts
from events.envelope import Envelope
from events.facts.bills import BillFact, BillIssued
from services.store.rows import COLUMNS, envelope_of

_PARTS = f"""
SELECT {COLUMNS} FROM store.events
WHERE organization = $1 AND stream LIKE 'bills-%' AND data->>'billId' = $2 AND type = 'BillLinesIssued'
    AND position < $3
ORDER BY position
"""


async def whole_bill(connection: Any, envelope: Envelope) -> BillIssued:
    """The bill that an event of the store issues. Raises: BrokenBillError."""
    bill = envelope.data
    assert isinstance(bill, BillIssued)
    if not bill.lines_before:
        return bill
    parts = BillParts()
    for row in await connection.fetch(_PARTS, envelope.organization, bill.bill_id, envelope.sequence):
        part = envelope_of(row, "").data
        assert isinstance(part, BillFact)
        parts.whole(part)
    whole = parts.whole(bill)
    assert isinstance(whole, BillIssued)
    return whole
