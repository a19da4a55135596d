"""m3ter's names for events of resources, such as `configuration.plan.updated`, and the facts behind each name."""

from typing import Literal, NamedTuple

from events.facts.resources import OrganizationConfigured, ResourceFact
from services.commands.kind import Kind
from services.commands.table import KINDS, OTHER_FACTS

Ending = Literal["created", "updated", "deleted"]
CONFIGURATION = "organizationconfig"


class Happening(NamedTuple):
    """An event's name, and a type of facts with that name; `first`: only the first fact of a stream, or only later
    ones.
    """

    name: str
    fact_type: str
    first: bool | None = None


def group_of(kind: Kind) -> str:
    """The prefix of the names of a kind's events."""
    return f"{kind.group}.{kind.name.lower()}"


def _happenings() -> list[Happening]:
    happenings = [
        Happening(f"{group_of(kind)}.{ending.lower()}", kind.model.__name__ + ending)
        for kind in KINDS.values()
        for ending in ("Created", "Updated", "Deleted")
    ]
    happenings += [Happening(f"{group_of(kind)}.updated", fact_type) for fact_type, kind in OTHER_FACTS.items()]
    for ending, first in (("created", True), ("updated", False)):
        happenings.append(Happening(f"configuration.{CONFIGURATION}.{ending}", OrganizationConfigured.__name__, first))
    return happenings


HAPPENINGS = _happenings()
#: All names, sorted.
NAMES = sorted({happening.name for happening in HAPPENINGS})


def name_of(fact: ResourceFact) -> str:
    """The event name of a fact about a resource or the configuration."""
    happenings = (happening for happening in HAPPENINGS if happening.fact_type == type(fact).__name__)
    return next(happening.name for happening in happenings if happening.first in (None, fact.version == 1))


def kind_named(name: str) -> Kind | None:
    """The kind whose events have this name; None for the organization's configuration."""
    return next((kind for kind in KINDS.values() if name.startswith(f"{group_of(kind)}.")), None)
