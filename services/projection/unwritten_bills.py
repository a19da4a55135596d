"""What was folded about bills and is not written yet."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from events.envelope import Envelope
from events.facts.bills import BillDropped, BillFact, BillIssued, BillLocked, BillMoved, BillOpened, BillVoided
from projections.readmodels import bills, columns
from projections.readmodels.bills import BillRow, LineRow, bill_row, line_rows, opened_row


@dataclass(slots=True)
class UnwrittenBills:
    """Changes by bill. A bill's life has one order, so writing them kind by kind in that order gives the same rows."""

    opened: list[BillRow] = field(default_factory=list)
    moved: dict[str, BillMoved] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    issued: list[BillRow] = field(default_factory=list)
    lines: list[LineRow] = field(default_factory=list)
    locked: dict[str, tuple[datetime, str | None]] = field(default_factory=dict)
    voided: list[str] = field(default_factory=list)
    versions: dict[str, tuple[int, str | None]] = field(default_factory=dict)

    def note(self, envelope: Envelope, fact: BillFact, number: int, version: int) -> None:
        """Remember a fact, a bill with all of its lines; `number` is its place in its stream, `version` the bill's."""
        match fact:
            case BillOpened():
                self.opened.append(opened_row(envelope, fact, number))
            case BillMoved():
                self.moved[fact.bill_id] = fact
            case BillDropped():
                self.dropped.append(fact.bill_id)
            case BillIssued():
                self.issued.append(bill_row(envelope, fact, number))
                self.lines.extend(line_rows(envelope, fact))
            case BillLocked():
                self.locked[fact.bill_id] = (envelope.time, envelope.actor)
            case BillVoided():
                self.voided.append(fact.bill_id)
            case _:
                pass
        if version > 1:
            self.versions[fact.bill_id] = (version, envelope.actor)

    async def write(self, connection: Any) -> None:
        """Into `bills` and `bill_line_items`, inside the caller's transaction."""
        moved = [(id, one.bill_date, _moved(one)) for id, one in self.moved.items()]
        for statement, rows, width in (
            (bills.PUT_BILLS, self.opened, bills.BILLS_WIDTH),
            (bills.MOVE, moved, 3),
            (bills.DROP, [(id,) for id in self.dropped], 1),
            (bills.PUT_BILLS, self.issued, bills.BILLS_WIDTH),
            (bills.INSERT_LINES, self.lines, bills.LINES_WIDTH),
            (bills.LOCK, [(id, *told) for id, told in self.locked.items()], 3),
            (bills.VOID, [(id,) for id in self.voided], 1),
            (bills.VERSIONS, [(id, *told) for id, told in self.versions.items()], 3),
        ):
            if rows:
                await connection.execute(statement, *columns(rows, width))


def _moved(fact: BillMoved) -> str:
    return json.dumps(fact.model_dump(mode="json", by_alias=True, exclude_none=True))
