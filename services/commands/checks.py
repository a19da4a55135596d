"""Checks that hold for every kind: existence, versions, references, uniqueness, precision. None changes anything."""

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
    """What is changed by who names its version: a resource, a line item."""

    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...


def check_version(kind: str, current: Versioned, given: int | None) -> None:
    """THE version check: the client has seen what it changes. Raises: VersionMissing, VersionConflict."""
    if given is None:
        raise VersionMissing(kind=kind)
    if given != current.version:
        raise VersionConflict(kind=kind, id=current.id, current=current.version, given=given)


def check_id_free(resources: Resources, id: str) -> None:
    """Ids are unique over all kinds: references and read models name a resource by its id alone. Raises: IdInUse."""
    if any(id in kind.held(resources) for kind in KINDS.values()):
        raise IdInUse(id=id)


def check_references(resources: Resources, kind: Kind, body: Resource) -> None:
    """Every id in the body names a resource of the right kind. Raises: UnknownReference."""
    for field, other, id in kind.references(body):
        if id not in KINDS[other].held(resources):
            raise UnknownReference(field=field, kind=other, id=id)


def check_unique(resources: Resources, kind: Kind, id: str, body: Resource) -> None:
    """No other resource of the kind has the same values in the fields of a uniqueness key. Raises: NotUnique."""
    for fields in kind.unique:
        key = [value_of(body, field) for field in fields]
        if None in key:
            continue
        for other in kind.held(resources).values():
            if other.id != id and [value_of(other.body, field) for field in fields] == key:
                value = ", ".join(str(part) for part in key)
                raise NotUnique(field=", ".join(fields), value=value, kind=kind.name, id=other.id)


def check_fixed(kind: Kind, current: Entity[Any], body: Resource) -> None:
    """Fields that are set for life are as they were. Raises: InvalidField."""
    for field in kind.fixed:
        if value_of(body, field) != value_of(current.body, field):
            raise InvalidField(field=field, rule="is set at creation and never changes")


def check_unreferenced(resources: Resources, kind: Kind, id: str) -> None:
    """Nothing refers to the resource. Raises: Referenced, naming of what does what was created first."""
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
    """The amount can be paid in the currency. Raises: TooFineAmount."""
    if amount is not None and not is_whole_minor(amount, currency):
        raise TooFineAmount(field=field, amount=plain(amount), currency=currency, digits=minor_digits(currency))


def check_term(
    start: date | datetime, end: date | datetime | None, zone: str, names: tuple[str, str] = ("startDate", "endDate")
) -> None:
    """`[start, end)` in days of the zone does not end before it starts; it may hold no day. Raises: InvalidField."""
    if end is not None and named_day(end, zone) < named_day(start, zone):
        raise InvalidField(field=names[1], rule=f"must not be before {names[0]}")


def check_aware(now: datetime) -> datetime:
    """The instant in UTC. Raises: InvalidField for one without an offset, which could mean anything."""
    if now.tzinfo is None:
        raise InvalidField(field="now", rule="must have an offset or Z")
    return now.astimezone(UTC)
