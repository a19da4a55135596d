"""The event names of facts, by which rules wait for events."""

from collections.abc import Iterator

from events.facts.base import Fact
from events.facts.bills import BillIssued
from events.facts.commitments import BalanceTransacted
from events.resources.notifications import BILL_TRUE_UP, OF_FACTS


def names_of(fact: Fact) -> Iterator[str]:
    """The event names of a fact; a bill must be whole."""
    for name, types in OF_FACTS.items():
        if type(fact).__name__ in types and _is_so(name, fact):
            yield name


def _is_so(name: str, fact: Fact) -> bool:
    """Whether this fact is one: not every issued bill has a true-up, and not every transaction pays in."""
    if name == BILL_TRUE_UP:
        assert isinstance(fact, BillIssued)
        return any(line.true_up for line in fact.lines)
    return not isinstance(fact, BalanceTransacted) or fact.amount > 0
