"""Which fields of an entry name other entities, by code where the wire has ids."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from services.commands.table import KINDS


def reference_fields(kind: str) -> dict[str, tuple[str, str]]:
    """Scenario field -> (wire field, kind referred to)."""
    row = KINDS[kind]
    single = {field.removesuffix("Id"): (field, to) for field, to in row.model.references.items()}
    return single | {field.removesuffix("Ids") + "s": (field, to) for field, to in row.reference_lists}


def references(kind: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, code) of everything that the fields refer to."""
    for field, (_, to) in reference_fields(kind).items():
        value = fields.get(field)
        for code in value if isinstance(value, list) else [value]:
            if isinstance(code, str):
                yield to, code


@cache
def parent_field(kind: str) -> str | None:
    """Scenario field that names another one of the same kind; None: no field does."""
    return next((name for name, (_, to) in reference_fields(kind).items() if to == kind), None)


def parent_of(kind: str, fields: Mapping[str, Any]) -> Any:
    """The code of the one of the same kind that it names; None: it names none."""
    name = parent_field(kind)
    return None if name is None else fields.get(name)


@cache
def only_of(kind: str, other: str) -> frozenset[str]:
    """Fields of an entry of this kind that one of the other kind has not."""
    ours, theirs = (
        {field.alias or name for name, field in KINDS[one].model.model_fields.items()} for one in (kind, other)
    )
    named = reference_fields(kind)
    return frozenset(
        (ours - theirs - {wire for wire, _ in named.values()}) | named.keys() - reference_fields(other).keys()
    )
