"""The event names of facts, by which rules wait for events."""

from collections.abc import Iterator

from events.facts.base import Fact
from events.facts.bills import BillIssued, BillOpened, BillVoided
from events.facts.commitments import (
    BalanceTransacted,
    BalanceUpdated,
    CommitmentCancelled,
    CommitmentToppedUp,
    CommitmentUpdated,
)
from events.resources.notifications import (
    AMENDED,
    BILL_ISSUED,
    BILL_PENDING,
    BILL_TRUE_UP,
    BILL_VOIDED,
    CANCELLED,
    TOPPED_UP,
)

#: By event name, the types of facts that may have it.
FACTS_OF: dict[str, tuple[type[Fact], ...]] = {
    BILL_PENDING: (BillOpened,),
    BILL_ISSUED: (BillIssued,),
    BILL_VOIDED: (BillVoided,),
    BILL_TRUE_UP: (BillIssued,),
    TOPPED_UP: (CommitmentToppedUp, BalanceTransacted),
    CANCELLED: (CommitmentCancelled,),
    AMENDED: (CommitmentUpdated, BalanceUpdated),
}


def names_of(fact: Fact) -> Iterator[str]:
    """The event names of a fact; a bill must be whole."""
    for name, facts in FACTS_OF.items():
        if isinstance(fact, facts) and _is_so(name, fact):
            yield name


def _is_so(name: str, fact: Fact) -> bool:
    if name == BILL_TRUE_UP:
        assert isinstance(fact, BillIssued)
        return any(line.true_up for line in fact.lines)
    return not isinstance(fact, BalanceTransacted) or fact.amount > 0
