"""The line that is asked about: of a bill as it was issued, or of a pending one as its approval would issue it now."""

from typing import NamedTuple

from events.facts.bills import BillIssued, BillLine
from services.billing.approving import Pending, load_pending
from services.billing.issuing import BillRequest, issued_bill
from services.billing.life import BillLife, load_life
from services.commands.errors import UnknownResource
from services.postgres import Postgres
from services.readside.live import reading_live
from services.readside.loading import bill_as_issued
from services.readside.progress import Waiter


class FoundLine(NamedTuple):
    """A line with its bill. A pending bill's are derived: its positions are where the live read models stood."""

    bill: BillIssued
    line: BillLine
    pending: bool


async def find_line(postgres: Postgres, waiter: Waiter, organization: str, bill_id: str, named: str) -> FoundLine:
    """The line with this id or number. Raises: UnknownResource, ProjectionStalledError."""
    bill = await _projected(postgres, organization, bill_id)
    if bill is not None:
        return FoundLine(bill, _line(bill, named), pending=False)
    life = await _life(postgres, organization, bill_id)
    if life.pending is not None:
        await waiter.until_commands_projected()
        found = await load_pending(postgres, waiter, life)
        if found is not None:
            bill = _as_issued(found, named)
            return FoundLine(bill, _line(bill, named), pending=True)
        life = await _life(postgres, organization, bill_id)
    # It was issued a moment ago: the read models do not know it yet, but they have passed the positions it names.
    assert life.issued is not None
    return FoundLine(life.issued, _line(life.issued, named), pending=False)


async def _projected(postgres: Postgres, organization: str, bill_id: str) -> BillIssued | None:
    """The bill as the read models have it; a voided one too, for what it said is still a question."""
    async with reading_live(postgres) as connection:
        return await bill_as_issued(connection, organization, bill_id)


async def _life(postgres: Postgres, organization: str, bill_id: str) -> BillLife:
    async with postgres.connection() as connection:
        return await load_life(connection, organization, bill_id)


def _as_issued(found: Pending, named: str) -> BillIssued:
    """What approval would append now. Raises: UnknownResource for a line of a bill that nothing is due on."""
    if found.draft is None:
        raise _unknown(named)
    return issued_bill(BillRequest(found.life.organization, found.draft.bill_date), found.loaded, found.draft)


def _line(bill: BillIssued, named: str) -> BillLine:
    for line in bill.lines:
        if named in (line.id, str(line.number)):
            return line
    raise _unknown(named)


def _unknown(named: str) -> UnknownResource:
    return UnknownResource(kind="line item", id=named)
