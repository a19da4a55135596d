"""The life of one bill as the event store has it: what commands on it are decided from, and what a GET shows of it.

It never waits for a projection: whoever approved or locked a bill sees that at once.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from events.bill_parts import BillParts
from events.envelope import Envelope
from events.facts.bills import (
    BillDropped,
    BillFact,
    BillIssued,
    BillLocked,
    BillOpened,
    BillVoided,
    MemoAdded,
    MemoChanged,
    MemoRemoved,
)
from events.resources.memos import Memo
from projections.settlement import PendingBill
from projections.settlement.pending import evolve_pending
from services.commands.errors import CommandError, UnknownResource
from services.store.events import NewEvent, append, stream_version
from services.store.generations import load_generations
from services.store.rows import COLUMNS, envelope_of
from services.store.streams import bills_of

_FACTS = f"""
SELECT {COLUMNS} FROM store.events
WHERE organization = $1 AND stream LIKE 'bills-%' AND data->>'billId' = $2 ORDER BY position
"""


class BillNotPending(CommandError):
    """bill {id} is approved; only a pending bill {rule}"""


class BillStillPending(CommandError):
    """bill {id} is pending; approve it before it is locked"""


class BillIsLocked(CommandError):
    """bill {id} is locked and cannot be voided any more"""


class BillIsEmpty(CommandError):
    """bill {id} has no lines: nothing is due for it any more; delete it, or recalculate it"""


@dataclass(frozen=True, slots=True)
class MemoState:
    """A memo of the bill; it stays when the bill is issued."""

    id: str
    version: int
    body: Memo
    created: datetime
    modified: datetime


@dataclass(slots=True)
class BillLife:
    """One bill. `version` counts the facts about it, its lines before `BillIssued` as a part of that one."""

    organization: str
    bill_id: str
    account_id: str
    root_id: str
    partition: int
    version: int = 0
    opened_at: datetime | None = None
    pending: PendingBill | None = None
    issued: BillIssued | None = None
    issued_at: datetime | None = None
    locked_at: datetime | None = None
    #: Dropped or voided: for the wire it is not there any more.
    gone: bool = False
    memos: dict[str, MemoState] = field(default_factory=dict)
    modified: datetime | None = None

    def evolve(self, fact: BillFact, time: datetime) -> None:
        """Apply a fact about the bill."""
        self.version += 1
        self.modified = time
        held = {} if self.pending is None else {self.bill_id: self.pending}
        evolve_pending(held, fact)
        self.pending = held.get(self.bill_id)
        match fact:
            case BillOpened():
                self.opened_at = time
            case BillIssued():
                self.issued, self.issued_at = fact, time
            case BillLocked():
                self.locked_at = time
            case BillDropped() | BillVoided():
                self.gone = True
            case MemoAdded():
                self.memos[fact.memo_id] = MemoState(fact.memo_id, 1, fact.body, time, time)
            case MemoChanged():
                created = self.memos[fact.memo_id].created
                self.memos[fact.memo_id] = MemoState(fact.memo_id, fact.version, fact.body, created, time)
            case MemoRemoved():
                del self.memos[fact.memo_id]
            case _:
                pass


async def load_life(connection: Any, organization: str, bill_id: str) -> BillLife:
    """The bill. Raises: UnknownResource if there is none, or if it was dropped or voided."""
    rows = await connection.fetch(_FACTS, organization, bill_id)
    life: BillLife | None = None
    parts = BillParts()
    for row in rows:
        envelope = envelope_of(row, "")
        assert isinstance(envelope.data, BillFact)
        fact = parts.whole(envelope.data)
        if fact is None:
            continue
        if life is None:
            life = BillLife(organization, bill_id, fact.account_id, fact.root_id, row["partition"])
        life.evolve(fact, envelope.time)
    if life is None or life.gone:
        raise UnknownResource(kind="bill", id=bill_id)
    return life


async def load_to_change(connection: Any, organization: str, bill_id: str) -> tuple[BillLife, int]:
    """The bill, with a version of its stream that is not newer than what was loaded.

    A fact that comes between the two is then found by the append. Raises: UnknownResource.
    """
    root_id = (await load_life(connection, organization, bill_id)).root_id
    version = await stream_version(connection, organization, bills_of(root_id))
    return await load_life(connection, organization, bill_id), version


async def append_fact(
    connection: Any, life: BillLife, version: int, fact: BillFact, now: datetime, correlation: str | None = None
) -> None:
    """Append a fact about the bill behind this version of its stream, and evolve the bill. Raises: StreamMovedError."""
    stream, generations = bills_of(life.root_id), await load_generations(connection)
    event = NewEvent(life.organization, stream, version + 1, fact, now, life.account_id, life.partition, correlation)
    [envelope] = await append(connection, [event], generations)
    _evolve(life, envelope)


def _evolve(life: BillLife, envelope: Envelope) -> None:
    assert isinstance(envelope.data, BillFact)
    life.evolve(envelope.data, envelope.time)
