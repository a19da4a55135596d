"""Bills in the event store itself: the valid ones that refer to a resource, and the date up to which bills are
locked.
"""

from datetime import date
from typing import Any

from projections.settlement import Billed
from services.commands.table import KINDS
from services.store.generations import load_generations
from services.store.rows import COLUMNS, envelope_of
from services.store.streams import bills_of
from services.store.view import get

#: Of a stream of bills those that have an id in them at all, and what was voided: a family may have very many others.
_BILLS = f"""
SELECT {COLUMNS} FROM store.events
WHERE organization = $1 AND stream = $2
    AND (type IN ('BillLinesIssued', 'BillIssued') AND data->>'billId' IN (
        SELECT data->>'billId' FROM store.events
        WHERE organization = $1 AND stream = $2
            AND type IN ('BillLinesIssued', 'BillIssued') AND strpos(data::text, $3) > 0
    ) OR type = 'BillVoided')
ORDER BY position
"""


async def bills_with(connection: Any, organization: str, root_id: str, id: str) -> Billed:
    """The bills of a root that contain this id, without voided ones."""
    billed, generations = Billed(), await load_generations(connection)
    for row in await connection.fetch(_BILLS, organization, bills_of(root_id), id):
        billed.evolve(envelope_of(row, generations.commands).data)
    return billed


async def read_lock_date(connection: Any, organization: str) -> date | None:
    """The lock date as of the last command; None if there is none."""
    config = await get(connection, organization, "billConfig", KINDS["billConfig"].single_id(organization))
    locked_to: date | None = None if config is None else config.body.bill_lock_date
    return locked_to
