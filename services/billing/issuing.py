"""Issuing the bills of one family: settle, append `BillIssued` if nobody was faster, else settle again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from events.envelope import Envelope
from events.facts.bills import BillIssued
from projections.settlement import DraftBill, draft_bills, issue
from services.billing.progress import Waiter
from services.failures import ExpectedFailure
from services.families import LoadedFamily, load_family
from services.postgres import Postgres
from services.store.events import NewEvent, StreamMovedError, append, stream_version
from services.store.generations import load_generations

#: Somebody else issued a bill of the same family each time we had settled it.
ATTEMPTS = 20

_NEXT_NUMBER = """
INSERT INTO store.invoice_numbers AS held (organization, last) VALUES ($1, $2 + 1)
ON CONFLICT (organization) DO UPDATE SET last = greatest(held.last, $2) + 1
RETURNING last
"""


class BillContentionError(ExpectedFailure):
    """The bills of account {root_id} changed during each of {attempts} attempts to issue one."""

    def __init__(self, root_id: str) -> None:
        super().__init__(f"the bills of account {root_id} changed during each of {ATTEMPTS} attempts to issue one")


@dataclass(frozen=True, slots=True)
class BillRequest:
    """What to bill: everything due on or before `through`, of one account only if `account_id` is given."""

    organization: str
    through: date
    account_id: str | None = None
    due_date: date | None = None
    bill_job_id: str | None = None


def stream_of(root_id: str) -> str:
    """The stream of a family's bills: its version is what makes two bill runs at once bill once."""
    return f"bills-{root_id}"


async def issue_family(
    postgres: Postgres, waiter: Waiter, request: BillRequest, root_id: str, now: datetime
) -> list[BillIssued]:
    """Settle the family and issue what is due; returns the bills, durable. An empty list: nothing was due.

    Raises: BillContentionError. On conflict the family is settled again from what the other run issued; what was
    settled before is never appended (design, decision 18).
    """
    for _ in range(ATTEMPTS):
        async with postgres.connection() as connection:
            loaded = await load_family(connection, request.organization, root_id)
        drafts = draft_bills(loaded.family, date=request.through, account_id=request.account_id)
        if not drafts:
            return []
        try:
            async with postgres.transaction() as connection:
                return await _append(connection, request, loaded, drafts, now)
        except StreamMovedError:
            await waiter.until_commands_projected()
    raise BillContentionError(root_id)


async def _append(
    connection: Any, request: BillRequest, loaded: LoadedFamily, drafts: Sequence[DraftBill], now: datetime
) -> list[BillIssued]:
    generations = await load_generations(connection)
    stream = stream_of(loaded.root_id)
    version = await stream_version(connection, request.organization, stream)
    if version != loaded.bills_version:
        raise StreamMovedError(request.organization, stream, version)
    bills = [await _bill(connection, request, loaded, draft) for draft in drafts]
    events = [
        NewEvent(
            organization=request.organization,
            stream=stream,
            version=version + place,
            fact=bill,
            time=now,
            account=bill.account_id,
            partition=loaded.positions.partition,
            correlation=request.bill_job_id,
        )
        for place, bill in enumerate(bills, start=1)
    ]
    appended: list[Envelope] = await append(connection, events, generations.commands)
    assert len(appended) == len(bills)
    return bills


async def _bill(connection: Any, request: BillRequest, loaded: LoadedFamily, draft: DraftBill) -> BillIssued:
    config = loaded.resources.config
    number = None
    if config is not None and config.body.bill_prefix:
        start = config.body.sequence_start_number or 0
        number = f"{config.body.bill_prefix}{await connection.fetchval(_NEXT_NUMBER, request.organization, start)}"
    bill = issue(
        draft,
        bill_id=str(uuid4()),
        positions=loaded.positions,
        bill_job_id=request.bill_job_id,
        invoice_number=number,
    )
    return bill if request.due_date is None else bill.model_copy(update={"due_date": request.due_date})
