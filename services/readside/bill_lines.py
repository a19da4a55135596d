"""Lines of issued bills across bills, as table `bill_line_items` has them."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from events.facts.bills import BillIssued
from services.store.listing import Condition, placed

#: More lines than a bill has, so that a line's place among all lines is one number, and a page token names it.
_LINES_MAX = 100_000_000
#: Newer bills stand higher; the lines of a bill stand in its order.
PLACE = f"(b.position * {_LINES_MAX} + {_LINES_MAX} - l.number)"
#: Column `commitment_id` has the ids of commitments and balances, and the index.
IS_OF_COMMITMENT = "l.commitment_id = {0} AND l.line->>'commitmentId' = {0}"
HAS_TYPE, IS_ON_BILL = "l.type = {}", "l.bill_id = {}"
_PLACES = f"""
SELECT l.bill_id, l.number, {PLACE} AS place
FROM bill_line_items l JOIN bills b ON b.bill_id = l.bill_id
WHERE l.organization = $1 AND NOT b.voided"""
#: What a line says is looked up for those of the page alone: a bill may have tens of thousands.
_LINES = """
SELECT l.line::text, b.bill::text, page.place FROM ({places} ORDER BY place DESC LIMIT {size}) AS page
JOIN bill_line_items l ON l.bill_id = page.bill_id AND l.number = page.number
JOIN bills b ON b.bill_id = page.bill_id
ORDER BY page.place DESC
"""


class ListedLine(NamedTuple):
    """A bill with one line alone, and the line's place among all lines."""

    bill: BillIssued
    place: int


async def read_lines(
    connection: Any, organization: str, conditions: Sequence[Condition], size: int
) -> list[ListedLine]:
    """Up to `size` lines of bills that stand and fulfil all conditions, newest bill first, each bill's in their order.

    The connection's transaction reads the live schema.
    """
    arguments: list[Any] = [organization]
    places = _PLACES + "".join(f" AND {placed(condition, arguments)}" for condition in conditions)
    rows = await connection.fetch(_LINES.format(places=places, size=size), *arguments)
    return [ListedLine(_bill(row), int(row["place"])) for row in rows]


def _bill(row: Mapping[str, Any]) -> BillIssued:
    line = json.loads(row["line"], parse_float=Decimal)
    return BillIssued.model_validate(json.loads(row["bill"]) | {"lines": [line]})
