"""What if: commitments and prices as they might be, put over the resources in memory. Nothing is decided or stored.

Bodies are as the wire has them: one with an `id` replaces that resource's terms, one without is added. They pass the
same models and the same `decide` as real commands, so what is refused here would be refused there.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid5

from events.envelope import NAMESPACE, seal
from projections.entities import SUPPOSED
from projections.resources import Resources
from projections.settlement import Family, compile_terms
from services.commands.bodies import parse_body
from services.commands.checks import existing
from services.commands.decide import decide
from services.commands.errors import InvalidBody, InvalidField
from services.commands.messages import CreateResource, UpdateResource
from services.commands.table import KINDS


def supposed_family(
    family: Family, resources: Resources, commitments: Sequence[Any], pricings: Sequence[Any], now: datetime
) -> Family:
    """The family under these terms, over the same quantities and bills; itself without any. Raises: CommandError."""
    if not commitments and not pricings:
        return family
    terms = compile_terms(supposed(resources, commitments, pricings, now), family.root_id)
    return replace(family, terms=terms)


def supposed(resources: Resources, commitments: Sequence[Any], pricings: Sequence[Any], now: datetime) -> Resources:
    """The resources with these terms; the given ones are left as they are. Raises: CommandError.

    `now` must be later than whatever happened to the resources.
    """
    supposed_resources = replace(resources, commitments=dict(resources.commitments), pricings=dict(resources.pricings))
    for kind, documents in (("pricing", pricings), ("commitment", commitments)):
        for number, document in enumerate(documents):
            try:
                _suppose(supposed_resources, kind, document, number, now)
            except (InvalidBody, InvalidField) as error:
                raise InvalidBody(problems=f"{KINDS[kind].path}[{number}]: {error}") from error
    return supposed_resources


def _suppose(resources: Resources, kind: str, document: Any, number: int, now: datetime) -> None:
    body = parse_body(kind, document)
    id = document.get("id")
    command: CreateResource | UpdateResource
    if id is None:
        command = CreateResource(kind, str(uuid5(NAMESPACE, f"what-if/{kind}/{number}")), body, now)
    elif isinstance(id, str):
        current = existing(resources, KINDS[kind], id)
        command = UpdateResource(kind, id, body, current.version, now)
    else:
        raise InvalidField(field="id", rule="must be text")
    for fact in decide(resources, command, 1):
        envelope = seal(
            fact, source="what-if", sequence=SUPPOSED + number, organization=resources.organization, time=now
        )
        resources.evolve(envelope)
