"""Explain a line of a bill: its family is folded to the bill's positions, settled again, and the derivation written
out.

The line belongs to an issued bill, or to a pending one as approval would issue it now: that is explained like an issued
one, at the positions from which its lines were derived.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from events.codec import decode
from events.facts.bills import BillIssued, BillLine, Positions
from events.topics import CATALOG, EVENTS
from projections.explain import Explanation, explain_line
from projections.readmodels.facts import CATALOG_PARTITION
from projections.settlement import issue, settled_again
from services.billing.approving import Pending, load_pending
from services.billing.issuing import issued_bill
from services.billing.life import BillLife, load_life
from services.billing.selection import BillRequest
from services.billing.stored_bills import known_bill
from services.commands.refused import UnknownResource
from services.concurrency import compute
from services.explain.usage_events import corrected_usage, count_events, read_events
from services.kafka import Cluster, LogReader
from services.postgres import Postgres
from services.readside.live import reading_live
from services.readside.loading import bill_as_issued
from services.readside.past import PastFamily, load_past
from services.readside.past.cut import Cut, facts_known, offsets_of
from services.readside.waiter import Waiter

LIMIT_DEFAULT, LIMIT_MAX = 100, 10_000


@dataclass(frozen=True, slots=True)
class LineAsked:
    """A line of a bill, by its id or its number on the bill. `limit`: most events to name, after the one at the offset
    `after`; `cut`: the bill as known then, None: as it is.
    """

    organization: str
    bill_id: str
    line: str
    limit: int = LIMIT_DEFAULT
    after: int | None = None
    cut: Cut | None = None


class FoundLine(NamedTuple):
    """A line with its bill. A pending bill's line is derived: its positions are those of the live read models."""

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
        pending = await load_pending(postgres, waiter, life)
        if pending is not None:
            bill = _as_issued(pending, named)
            return FoundLine(bill, _line(bill, named), pending=True)
        life = await _life(postgres, organization, bill_id)
    # It was issued a moment ago: the read models do not have the bill yet, but they have passed its positions.
    assert life.issued is not None
    return FoundLine(life.issued, _line(life.issued, named), pending=False)


async def _known_line(postgres: Postgres, cluster: Cluster, waiter: Waiter, question: LineAsked, cut: Cut) -> FoundLine:
    """The line as it was known then. Raises: UnknownResource, ProjectionStalledError."""
    bill_then = await known_bill(postgres, cluster, waiter, question.organization, question.bill_id, cut)
    if bill_then.family is None:
        assert bill_then.life.issued is not None
        return FoundLine(bill_then.life.issued, _line(bill_then.life.issued, question.line), pending=False)
    if bill_then.draft is None:
        raise _unknown(question.line)
    bill = issue(bill_then.draft, bill_id=question.bill_id, positions=bill_then.family.positions)
    return FoundLine(bill, _line(bill, question.line), pending=True)


async def _projected(postgres: Postgres, organization: str, bill_id: str) -> BillIssued | None:
    """The bill in the read models, even if voided, because its lines may still be questioned."""
    async with reading_live(postgres) as connection:
        return await bill_as_issued(connection, organization, bill_id)


async def _life(postgres: Postgres, organization: str, bill_id: str) -> BillLife:
    async with postgres.connection() as connection:
        return await load_life(connection, organization, bill_id)


def _as_issued(pending: Pending, named: str) -> BillIssued:
    """The fact that approval would append now. Raises: UnknownResource for a line of a bill without due amounts."""
    if pending.draft is None:
        raise _unknown(named)
    return issued_bill(BillRequest(pending.life.organization, pending.draft.bill_date), pending.loaded, pending.draft)


def _line(bill: BillIssued, named: str) -> BillLine:
    for line in bill.lines:
        if named in (line.id, str(line.number)):
            return line
    raise _unknown(named)


def _unknown(named: str) -> UnknownResource:
    return UnknownResource(kind="line item", id=named)


async def explain_stored(postgres: Postgres, cluster: Cluster, waiter: Waiter, question: LineAsked) -> dict[str, Any]:
    """The explanation with its events. Raises: UnknownResource, ProjectionStalledError."""
    if question.cut is None:
        line_of = await find_line(postgres, waiter, question.organization, question.bill_id, question.line)
    else:
        line_of = await _known_line(postgres, cluster, waiter, question, question.cut)
    bill, line, pending = line_of
    async with LogReader(cluster) as reader:
        past = await load_past(postgres, reader, question.organization, bill.root_id, bill.positions)
        explanation = await compute(question.organization, _explained, past, bill, line)
        events = await read_events(reader, past, explanation.usage, question.limit, question.after)
    return {
        "billId": bill.bill_id,
        "billDate": bill.bill_date,
        "status": "PENDING" if pending else "APPROVED",
        "currency": bill.currency,
        **explanation.document(),
        "positions": bill.positions.model_dump(),
        "eventCount": count_events(past, explanation.usage),
        "events": events,
        "corrected": list(islice(corrected_usage(past, line, explanation.usage), question.limit)),
        "terms": await _terms(postgres, past, explanation, bill.positions),
    }


def _explained(past: PastFamily, bill: BillIssued, line: BillLine) -> Explanation:
    return explain_line(settled_again(past.family, bill), bill, line)


async def _terms(
    postgres: Postgres, past: PastFamily, explanation: Explanation, positions: Positions
) -> list[dict[str, Any]]:
    """The facts behind the line's terms, as far as the bill knew them."""
    ids = sorted(explanation.resources | _adjustments(past, explanation.resources))
    async with reading_live(postgres) as connection:
        rows = await facts_known(connection, past.organization, ids, offsets_of(positions))
    return [
        {
            "id": str(decode(bytes(row["record"])).id),
            "type": row["type"],
            "resourceId": row["resource_id"],
            "topic": CATALOG if row["partition"] == CATALOG_PARTITION else EVENTS,
            "partition": max(row["partition"], 0),
            "offset": row["log_offset"],
        }
        for row in rows
    ]


def _adjustments(past: PastFamily, resources: frozenset[str]) -> set[str]:
    """A counter's adjustments are among the facts behind its charges."""
    adjustments = past.resources.counter_adjustments.values()
    return {adjustment.id for adjustment in adjustments if adjustment.body.counter_id in resources}
