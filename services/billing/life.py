"""The life of one bill in the event store: the state for deciding commands on it, and for a GET.

It never waits for a projection, so an approval or lock is visible at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
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
from events.resources.charges import Memo
from projections.settlement import PendingBill
from projections.settlement.billed import evolve_pending
from services.commands.refused import CommandError, UnknownResource
from services.store.conditions import OF_BILL
from services.store.events import NewEvent, append, stream_version
from services.store.generations import load_generations
from services.store.rows import COLUMNS, envelope_of
from services.store.streams import bills_of

_FACTS = f"""
SELECT {COLUMNS} FROM store.events WHERE organization = $1 AND {OF_BILL} ORDER BY position
"""


class BillNotPending(CommandError):
    """bill {id} is approved; only a pending bill {rule}"""


class BillStillPending(CommandError):
    """bill {id} is pending; approve it before it is locked"""


class BillIsLocked(CommandError):
    """bill {id} is locked and cannot be voided any more"""


class BillIsEmpty(CommandError):
    """bill {id} has no lines: nothing is due for it any more; delete it, or recalculate it"""


class BillTotalMoved(CommandError):
    """billTotal: bill {id} comes to {total} now, not to {seen}"""


@dataclass(frozen=True, slots=True)
class MemoState:
    """A memo of the bill; it stays when the bill is issued."""

    id: str
    version: int
    body: Memo
    created: datetime
    modified: datetime
    created_by: str | None
    modified_by: str | None


@dataclass(slots=True)
class BillLife:
    """One bill. `version` counts the facts about it; `BillIssued` and the lines before it count once."""

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
    #: The actors who opened it (or issued it at once), issued it, locked it, and did the last fact about it.
    created_by: str | None = None
    issued_by: str | None = None
    locked_by: str | None = None
    modified_by: str | None = None
    #: Dropped or voided: the wire no longer shows it.
    gone: bool = False
    memos: dict[str, MemoState] = field(default_factory=dict)
    modified: datetime | None = None

    @property
    def id(self) -> str:
        """The name of the id in everything that has versions."""
        return self.bill_id

    def evolve(self, fact: BillFact, time: datetime, actor: str | None) -> None:
        """Apply a fact about the bill, with its actor."""
        self.version += 1
        self.modified, self.modified_by = time, actor
        if self.version == 1:
            self.created_by = actor
        pending = {} if self.pending is None else {self.bill_id: self.pending}
        evolve_pending(pending, fact)
        self.pending = pending.get(self.bill_id)
        match fact:
            case BillOpened():
                self.opened_at = time
            case BillIssued():
                self.issued, self.issued_at, self.issued_by = fact, time, actor
            case BillLocked():
                self.locked_at, self.locked_by = time, actor
            case BillDropped() | BillVoided():
                self.gone = True
            case MemoAdded():
                self.memos[fact.memo_id] = MemoState(fact.memo_id, 1, fact.body, time, time, actor, actor)
            case MemoChanged():
                memo = self.memos[fact.memo_id]
                self.memos[memo.id] = replace(
                    memo, version=fact.version, body=fact.body, modified=time, modified_by=actor
                )
            case MemoRemoved():
                del self.memos[fact.memo_id]
            case _:
                pass


async def load_life(connection: Any, organization: str, bill_id: str) -> BillLife:
    """The bill. Raises: UnknownResource if there is none, or if it was dropped or voided."""
    rows = await connection.fetch(_FACTS, organization, bill_id)
    return life_of(organization, bill_id, ((row["partition"], envelope_of(row, "")) for row in rows))


def life_of(organization: str, bill_id: str, events: Iterable[tuple[int, Envelope]]) -> BillLife:
    """The bill from its facts, oldest first, each with its partition.

    Raises: UnknownResource if there is none, or if it was dropped or voided.
    """
    life: BillLife | None = None
    parts = BillParts()
    for partition, envelope in events:
        assert isinstance(envelope.data, BillFact)
        fact = parts.whole(envelope.data)
        if fact is None:
            continue
        if life is None:
            life = BillLife(organization, bill_id, fact.account_id, fact.root_id, partition)
        life.evolve(fact, envelope.time, envelope.actor)
    if life is None or life.gone:
        raise UnknownResource(kind="bill", id=bill_id)
    return life


async def load_to_change(connection: Any, organization: str, bill_id: str) -> tuple[BillLife, int]:
    """The bill, with a version of its stream that is not newer than the loaded facts.

    The append then finds any fact that comes in between. Raises: UnknownResource.
    """
    root_id = (await load_life(connection, organization, bill_id)).root_id
    version = await stream_version(connection, organization, bills_of(root_id))
    return await load_life(connection, organization, bill_id), version


async def append_fact(
    connection: Any,
    life: BillLife,
    version: int,
    fact: BillFact,
    now: datetime,
    correlation: str | None = None,
    actor: str | None = None,
) -> None:
    """Append a fact about the bill after this version of its stream, and evolve the bill. Raises: StreamMovedError."""
    stream, generations = bills_of(life.root_id), await load_generations(connection)
    owner = life.account_id, life.partition
    event = NewEvent(life.organization, stream, version + 1, fact, now, *owner, correlation, actor=actor)
    [envelope] = await append(connection, [event], generations)
    _evolve(life, envelope)


def _evolve(life: BillLife, envelope: Envelope) -> None:
    assert isinstance(envelope.data, BillFact)
    life.evolve(envelope.data, envelope.time, envelope.actor)
