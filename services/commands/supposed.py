"""What-if: supposed terms, applied to the resources in memory. Nothing is decided or stored.

Bodies are as on the wire: one with an `id` replaces that resource's terms, one without is added. They pass the same
models and the same `decide` as real commands, so the same bodies are refused. Terms with a day, such as a plan's
standing charge (rules 8.8), also apply from that day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any
from uuid import uuid5

from events.envelope import NAMESPACE, seal
from projections.entities import SUPPOSED
from projections.resources import Resources
from projections.settlement import Family, compile_terms
from services.commands.bodies import effective_date_of, parse_body
from services.commands.catalog_rules import DATED
from services.commands.checks import existing
from services.commands.decide import decide
from services.commands.kind import Kind
from services.commands.messages import CreateResource, UpdateResource
from services.commands.refused import (
    InvalidBody,
    InvalidField,
    OverlappingPlan,
    TooFineAmount,
    UnknownReference,
)
from services.commands.table import KINDS

#: The kinds that may be supposed, by the name of their list in the body; each after the kinds it refers to.
SUPPOSABLE = {f"{kind.name}s": kind for kind in KINDS.values() if kind.supposable}
#: Documents by these lists.
Supposed = Mapping[str, Sequence[Any]]
#: Refusals that begin with a field; the document's name is put before them.
_OF_A_FIELD = (InvalidBody, InvalidField, UnknownReference, TooFineAmount, OverlappingPlan)


def supposed_family(family: Family, resources: Resources, supposed: Supposed, now: datetime) -> Family:
    """The family under these terms, with the same quantities and bills; unchanged without any. Raises: CommandError."""
    if not any(supposed.values()):
        return family
    terms = compile_terms(supposed_resources(resources, supposed, now), family.root_id)
    return replace(family, terms=terms)


def supposed_resources(resources: Resources, supposed: Supposed, now: datetime) -> Resources:
    """The resources with these terms; the given ones are left unchanged. Raises: CommandError.

    `now` is the organization's time, as for a command.
    """
    copies: dict[str, Any] = {kind.attribute: dict(kind.held(resources)) for kind in SUPPOSABLE.values()}
    changed, sequence = replace(resources, **copies), count(SUPPOSED)
    for name, kind in SUPPOSABLE.items():
        for number, document in enumerate(supposed.get(name, ())):
            try:
                _suppose(changed, kind, document, str(uuid5(NAMESPACE, f"what-if/{name}/{number}")), now, sequence)
            except _OF_A_FIELD as error:
                raise InvalidBody(problems=f"{name}[{number}]: {error}") from error
    return changed


def _suppose(
    resources: Resources, kind: Kind, document: Any, new_id: str, now: datetime, sequence: "count[int]"
) -> None:
    """Apply a supposed document: to the resource with its `id`, else as a new resource."""
    effective = None
    if kind.name in DATED and isinstance(document, dict):
        document, effective = effective_date_of(document)
    body = parse_body(kind.name, document)
    id = document.get("id")
    command: CreateResource | UpdateResource
    if id is None and effective is not None:
        raise InvalidField(field="effectiveDate", rule="goes with the id of what changes from that day on")
    if id is None:
        command = CreateResource(kind.name, new_id, body, now)
    elif isinstance(id, str):
        current = existing(resources, kind, id)
        command = UpdateResource(kind.name, id, body, current.version, now, effective)
    else:
        raise InvalidField(field="id", rule="must be text")
    for fact in decide(resources, command, 1):
        resources.evolve(
            seal(fact, source="what-if", sequence=next(sequence), organization=resources.organization, time=now)
        )
