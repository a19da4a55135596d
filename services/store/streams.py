"""Streams of the event store: one per resource, test clock, configuration, and family's bills."""

from events.facts.base import Fact
from events.facts.bills import BillFact
from events.facts.clock import ClockTicked
from events.facts.resources import OrganizationConfigured, ResourceFact
from services.commands.table import kind_of
from services.store.view import CONFIG

CLOCK = "clock"


def stream_of(fact: Fact) -> str:
    """The name of the fact's stream in its organization."""
    match fact:
        case OrganizationConfigured():
            return CONFIG
        case ClockTicked():
            return CLOCK
        case BillFact(root_id=root_id):
            return bills_of(root_id)
        case ResourceFact(id=id):
            kind = kind_of(fact)
            assert kind is not None
            return f"{kind.name}-{id}"
        case _:
            raise TypeError(f"{type(fact).__name__} is not a fact of the event store")


def bills_of(root_id: str) -> str:
    """The stream of a family's bills: its version is what makes two bill runs at once bill once."""
    return f"bills-{root_id}"
