"""What the streams of an organization are called.

A stream is of one resource, of the test clock, of the configuration, of a family's bills, of one alert, or of an
event's corrections.
"""

from uuid import UUID

from events.facts.alerts import Alert
from events.facts.base import Fact
from events.facts.bills import BillFact
from events.facts.clock import ClockTicked
from events.facts.corrections import UsageCorrection
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
        case UsageCorrection(event_id=event_id):
            return stream_of_usage(event_id)
        case Alert(id=id):
            return stream_of_alert(id)
        case ResourceFact(id=id):
            kind = kind_of(fact)
            assert kind is not None
            return stream_of_resource(kind.name, id)
        case _:
            raise TypeError(f"{type(fact).__name__} is not a fact of the event store")


def stream_of_resource(kind: str, id: str) -> str:
    """The stream of one resource, but for the configuration."""
    return f"{kind}-{id}"


def bills_of(root_id: str) -> str:
    """The stream of a family's bills: its version is what makes two bill runs at once bill once."""
    return f"bills-{root_id}"


def stream_of_alert(id: str) -> str:
    """The stream of an alert, or of an automatic rule's act; it has one version, so that neither is told twice."""
    return f"alert-{id}"


def stream_of_usage(event_id: UUID) -> str:
    """The stream of an event's corrections: its version is what makes two of them come one after the other."""
    return f"usage-{event_id}"
