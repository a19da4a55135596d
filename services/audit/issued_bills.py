"""Derives issued bills again at the positions that they recorded: the same part of log and catalog gives the same
lines.
"""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from events.codec import decode
from events.facts.bills import BillIssued
from projections.resources import Resources
from projections.settlement import DraftBill, Family, draft_again, issue, together
from projections.settlement.billed import content_of, in_words, key_of
from services.kafka import LogReader
from services.projection.projection import Projection
from services.readside.family_state import FamilyState
from services.readside.loading import bill_as_issued
from services.readside.past import past_of

_ISSUED = """
SELECT organization, record FROM (
    SELECT organization, record, log_offset, convert_from(record, 'UTF8')::json #> '{{data,positions}}' AS at
    FROM {schema}.facts WHERE partition = $1 AND type = 'BillIssued' AND log_offset >= $2
) AS issued ORDER BY (at->>'log')::bigint, (at->>'catalog')::bigint, log_offset
"""


@dataclass(frozen=True, slots=True)
class IssuedBill:
    """An issued bill to derive again."""

    organization: str
    bill: BillIssued


async def issued_bills(connection: Any, schema: str, partition: int, start: int = 0) -> AsyncIterator[IssuedBill]:
    """The bills of a partition that were issued at offset `start` or later, ordered by the positions that they were
    settled at, because a log is folded in one direction only.

    They come from the live facts, only to know where to stop; those facts are themselves compared with the log. The
    connection's transaction reads the schema.
    """
    async for row in connection.cursor(_ISSUED.format(schema=schema), partition, start, prefetch=200):
        bill = decode(bytes(row["record"])).data
        assert isinstance(bill, BillIssued)
        whole = await bill_as_issued(connection, row["organization"], bill.bill_id) if bill.lines_before else bill
        assert whole is not None
        yield IssuedBill(row["organization"], whole)


async def derive_again(projection: Projection, issued: IssuedBill) -> str | None:
    """The difference between the bill and what follows from the folded log; None if there is none. The projection has
    folded exactly up to the bill's positions.
    """
    bill = issued.bill
    state = await projection.family(bill.root_id, issued.organization, bill.positions.partition)
    return _differs(bill, family_of(projection, state))


async def derive_again_from_past(projection: Projection, reader: LogReader, issued: IssuedBill) -> str | None:
    """The same for a bill whose positions the projection has already passed. Everything folded must be written
    before.
    """
    bill = issued.bill
    async with projection.target.reading() as connection:
        past = await past_of(connection, reader, issued.organization, bill.root_id, bill.positions)
    return _differs(bill, past.family)


def _differs(bill: BillIssued, family: Family) -> str | None:
    draft = draft_again(family, bill)
    if draft is not None:
        return difference(bill, draft)
    return f"bill {bill.bill_id} of account {bill.account_id}: at its positions nothing is due"


def resources_of(projection: Projection, state: FamilyState) -> Resources:
    """The catalog as far as the projection has folded it, with the family's own resources."""
    clock = projection.partitions[state.partition].clocks.get(state.organization)
    return together(projection.catalog.resources(state.organization), state.own, clock)


def family_of(projection: Projection, state: FamilyState) -> Family:
    """A family to settle, with the catalog as far as the projection has folded it."""
    return state.family(resources_of(projection, state), projection.catalog.index(state.organization))


def difference(bill: BillIssued, draft: DraftBill) -> str | None:
    """The first difference of a draft from an issued bill, in words; None if they are equal. The order of lines is not
    compared, because an issued bill keeps the one it was issued in.
    """
    again = issue(draft, bill_id=bill.bill_id, positions=bill.positions)
    if again.lines == bill.lines and again.total == bill.total:
        return None
    named = f"bill {bill.bill_id} of account {bill.account_id}"
    issued, derived = Counter(map(content_of, bill.lines)), Counter(map(content_of, again.lines))
    ours = [line for line in bill.lines if issued[content_of(line)] > derived[content_of(line)]]
    theirs = [line for line in again.lines if derived[content_of(line)] > issued[content_of(line)]]
    if ours:
        of_key = [line for line in theirs if key_of("", "", line) == key_of("", "", ours[0])]
        again_as = in_words(of_key[0]) if of_key else "nothing"
        return f"{named}, line {ours[0].number}: issued {in_words(ours[0])}, derived {again_as}"
    if theirs:
        return f"{named}: issued nothing, derived {in_words(theirs[0])}"
    return None if bill.total == again.total else f"{named}: issued total {bill.total}, derived {again.total}"
