"""What facts are to rules that wait for something that happens: by which of their names they go."""

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

#: By the name that a rule waits for, the types of facts that may be it.
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
    """The names of what happened with a fact; a bill is whole."""
    for name, facts in FACTS_OF.items():
        if isinstance(fact, facts) and _is_so(name, fact):
            yield name


def _is_so(name: str, fact: Fact) -> bool:
    if name == BILL_TRUE_UP:
        assert isinstance(fact, BillIssued)
        return any(line.true_up for line in fact.lines)
    return not isinstance(fact, BalanceTransacted) or fact.amount > 0
