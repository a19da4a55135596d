"""Checks for every kind: existence, versions, references, uniqueness, precision. None changes anything."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol

from events.decimals import plain
from events.resources.base import Resource
from projections.calendar import named_day
from projections.entities import Entity
from projections.money import is_whole_minor, minor_digits
from projections.resources import Resources
from services.commands.kind import Kind, value_of
from services.commands.refused import (
    IdInUse,
    InvalidField,
    NotUnique,
    Referenced,
    TooFineAmount,
    UnknownReference,
    UnknownResource,
    VersionConflict,
    VersionMissing,
)
from services.commands.table import KINDS


def existing(resources: Resources, kind: Kind, id: str) -> Entity[Any]:
    """The resource with this id. Raises: UnknownResource."""
    if (entity := kind.held(resources).get(id)) is None:
        raise UnknownResource(kind=kind.name, id=id)
    return entity


class Versioned(Protocol):
    """Something that a client changes by naming its version: a resource, a line item."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...


def check_version(kind: str, current: Versioned, given: int | None) -> None:
    """THE version check: the client must have seen the version that it changes. Raises: VersionMissing,
    VersionConflict.
    """
    if given is None:
        raise VersionMissing(kind=kind)
    if given != current.version:
        raise VersionConflict(kind=kind, id=current.id, current=current.version, given=given)


def check_id_free(resources: Resources, id: str) -> None:
    """Check that the id is free. Ids are unique over all kinds, because references have only an id. Raises: IdInUse."""
    if any(id in kind.held(resources) for kind in KINDS.values()):
        raise IdInUse(id=id)


def check_references(resources: Resources, kind: Kind, body: Resource) -> None:
    """Check that every id in the body belongs to a resource of the right kind. Raises: UnknownReference."""
    for field, other, id in kind.references(body):
        if id not in KINDS[other].held(resources):
            raise UnknownReference(field=field, kind=other, id=id)


def check_unique(resources: Resources, kind: Kind, id: str, body: Resource) -> None:
    """Check that no other resource of the kind has the same values in the fields of a uniqueness key. Raises:
    NotUnique.
    """
    for fields in kind.unique:
        key = [value_of(body, field) for field in fields]
        if None in key:
            continue
        for other in kind.held(resources).values():
            if other.id != id and [value_of(other.body, field) for field in fields] == key:
                value = ", ".join(str(part) for part in key)
                raise NotUnique(field=", ".join(fields), value=value, kind=kind.name, id=other.id)


def check_fixed(kind: Kind, current: Entity[Any], body: Resource) -> None:
    """Check that fields that are fixed for life are unchanged. Raises: InvalidField."""
    for field in kind.fixed:
        if value_of(body, field) != value_of(current.body, field):
            raise InvalidField(field=field, rule="is set at creation and never changes")


def check_unreferenced(resources: Resources, kind: Kind, id: str) -> None:
    """Check that nothing refers to the resource. Raises: Referenced, naming the oldest resource that does."""
    referring = [
        (entity.position, other.name, entity.id)
        for other in KINDS.values()
        for entity in other.held(resources).values()
        if (kind.name, id) in ((name, target) for _, name, target in other.references(entity.body))
    ]
    if referring:
        _, referrer, referrer_id = min(referring)
        raise Referenced(kind=kind.name, id=id, referrer=referrer, referrer_id=referrer_id)


def check_precision(field: str, amount: Decimal | None, currency: str) -> None:
    """Check that the amount is payable in the currency. Raises: TooFineAmount."""
    if amount is not None and not is_whole_minor(amount, currency):
        raise TooFineAmount(field=field, amount=plain(amount), currency=currency, digits=minor_digits(currency))


def check_term(
    start: date | datetime, end: date | datetime | None, zone: str, names: tuple[str, str] = ("startDate", "endDate")
) -> None:
    """Check that `[start, end)` in days of the zone does not end before it starts; it may be empty. Raises:
    InvalidField.
    """
    if end is not None and named_day(end, zone) < named_day(start, zone):
        raise InvalidField(field=names[1], rule=f"must not be before {names[0]}")


def check_aware(now: datetime) -> datetime:
    """The instant in UTC. Raises: InvalidField for an instant without an offset, which is ambiguous."""
    if now.tzinfo is None:
        raise InvalidField(field="now", rule="must have an offset or Z")
    return now.astimezone(UTC)
