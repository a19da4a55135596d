"""Rules for corrections of single usage events (rules 3.27, decision 32)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from events.envelope import Envelope
from events.facts.corrections import UsageAmended, UsageCorrection, UsageFields, UsageVoided
from events.facts.usage import UsageRated
from events.resources.catalog import Meter
from services.commands.refused import InvalidField, UsageIsVoided

#: Category of a meter's fields -> the map of a measurement that has them; derived ones have none.
_MAPS = {
    **{name.upper(): name for name in ("measure", "cost", "income")},
    **{name.upper(): name for name in ("who", "what", "where", "other", "metadata")},
}
NUMBERS, TEXTS = ("measure", "cost", "income"), ("who", "what", "where", "other", "metadata")


@dataclass(frozen=True, slots=True)
class LoggedUsage:
    """A usage event found in the log: its account's partition and its offset there."""

    organization: str
    account_id: str
    partition: int
    offset: int
    event_id: UUID
    rated: UsageRated

    @property
    def fields(self) -> UsageFields:
        """The event's original fields, before any correction."""
        return UsageFields(**{name: value for name in UsageFields.model_fields if (value := getattr(self.rated, name))})


def stands_of(usage: LoggedUsage, corrections: Iterable[Envelope]) -> UsageFields | None:
    """The event's fields after these corrections, which must be complete; None: it was voided."""
    stands: UsageFields | None = usage.fields
    for envelope in corrections:
        stands = envelope.data.now if isinstance(envelope.data, UsageAmended) else None
    return stands


def void(usage: LoggedUsage, stands: UsageFields | None, reason: str | None) -> UsageVoided | None:
    """The fact that voids the event; None if it is already voided."""
    return None if stands is None else UsageVoided(**_told(usage, stands, reason))


def amend(usage: LoggedUsage, stands: UsageFields | None, now: UsageFields, reason: str | None) -> UsageAmended | None:
    """The fact that gives the event these fields; None if it already has them. Raises: UsageIsVoided."""
    if stands is None:
        raise UsageIsVoided(id=usage.rated.usage_id, source=usage.rated.usage_source)
    return None if stands == now else UsageAmended(**_told(usage, stands, reason), now=now)


def fields_of(meter: Meter, given: Mapping[str, Mapping[str, Any] | None]) -> UsageFields:
    """The fields in the maps of a measurement, in the log's form: all numbers in one map. Raises: InvalidField."""
    category = {field.code: _MAPS.get(field.category) for field in meter.data_fields}
    numbers: dict[str, Any] = {}
    texts: dict[str, Mapping[str, Any]] = {}
    for name, values in given.items():
        for code in values or ():
            if category.get(code) != name:
                raise InvalidField(field=f"{name}.{code[:80]}", rule=f"is no field of meter {meter.code} in this map")
        if name in NUMBERS:
            numbers |= values or {}
        elif values:
            texts[name] = values
    maps = {"measure": numbers, **texts}
    return UsageFields(**{name: dict(given) for name, given in maps.items() if given})


def _told(usage: LoggedUsage, was: UsageFields, reason: str | None) -> dict[str, Any]:
    """The members of every correction about its event; without a reason, the member is missing."""
    rated = usage.rated
    told = {
        "event_id": usage.event_id,
        "log_offset": usage.offset,
        "usage_id": rated.usage_id,
        "usage_source": rated.usage_source,
        "meter_id": rated.meter_id,
        "ts": rated.ts,
        "was": was,
    }
    return told if reason is None else told | {"reason": reason}


def latest(corrections: Iterable[Envelope]) -> Envelope | None:
    """The last correction, which applies, if there is any."""
    last = None
    for envelope in corrections:
        assert isinstance(envelope.data, UsageCorrection)
        last = envelope
    return last
