"""The fields of an entry that name other entities, by code where the API uses ids."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from services.commands.table import KINDS


def reference_fields(kind: str) -> dict[str, tuple[str, str]]:
    """For each scenario field that refers to others: the wire field, and the kind referred to."""
    row = KINDS[kind]
    single = {field.removesuffix("Id"): (field, to) for field, to in row.model.references.items()}
    return single | {field.removesuffix("Ids") + "s": (field, to) for field, to in row.reference_lists}


def references(kind: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, code) of every entity that the fields refer to."""
    for field, (_, to) in reference_fields(kind).items():
        value = fields.get(field)
        for code in value if isinstance(value, list) else [value]:
            if isinstance(code, str):
                yield to, code


@cache
def parent_field(kind: str) -> str | None:
    """The scenario field that names another entity of the same kind; None if there is none."""
    return next((name for name, (_, to) in reference_fields(kind).items() if to == kind), None)


def parent_of(kind: str, fields: Mapping[str, Any]) -> Any:
    """The code of the entity of the same kind that this one names; None if it names none."""
    name = parent_field(kind)
    return None if name is None else fields.get(name)


@cache
def only_of(kind: str, other: str) -> frozenset[str]:
    """The fields of this kind's entries that entries of the other kind do not have."""
    ours, theirs = (
        {field.alias or name for name, field in KINDS[one].model.model_fields.items()} for one in (kind, other)
    )
    named = reference_fields(kind)
    return frozenset(
        (ours - theirs - {wire for wire, _ in named.values()}) | named.keys() - reference_fields(other).keys()
    )
