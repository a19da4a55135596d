"""Usage of a story in memory, judged by ingest's own rules: what those refuse is refused here in the same words."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from projections.resources import Resources
from services.ingest.arrival import LATEST, Arrival
from services.ingest.cloudevent import CloudEvent, UsageData
from services.ingest.directory import directory_of
from services.ingest.instants import utc_text
from services.ingest.lane import find_account, lane_of
from services.ingest.refusal import Refused
from services.ingest.validate import Usage, accept
from services.simulate.player import RefusedError, UsageRecord

TEXTS = ("who", "what", "where", "other", "metadata")
NUMBERS = ("measure", "income", "cost")
#: Time stands still in memory, so no usage is too far in the future.
_ARRIVED = Arrival(0, LATEST, utc_text(LATEST), LATEST)


def accepted(resources: Resources, record: UsageRecord) -> Usage:
    """The record as ingest takes it. Raises: RefusedError."""
    directory = directory_of(resources)
    event = _event(resources.organization, record)
    try:
        return accept(event, lane_of(event, find_account(event, directory), directory), _ARRIVED)
    except Refused as error:
        raise RefusedError(f"usage was refused: {error.rule}") from error


def texts_of(usage: Usage) -> dict[str, str]:
    """Its texts of all categories, by field."""
    return {field: text for texts in usage.texts.values() for field, text in texts.items()}


def _event(organization: str, record: UsageRecord) -> CloudEvent:
    """The event as ingest decodes it: fractions by their text, and anything as text where a text stands."""
    values = record.values
    numbers = {name: {field: _number(one) for field, one in values.get(name, {}).items()} for name in NUMBERS}
    texts = {name: {field: str(one) for field, one in values.get(name, {}).items()} for name in TEXTS}
    return CloudEvent(
        specversion="1.0",
        id=record.uid,
        source="/simulate",
        type="trueup.usage",
        subject=record.account,
        time=_utc(record.ts),
        organization=organization,
        data=UsageData(meter=record.meter, **numbers, **texts),  # type: ignore[arg-type]
    )


def _number(value: Any) -> Any:
    return (str(value),) if isinstance(value, Decimal) else value


def _utc(moment: datetime) -> str:
    return utc_text(moment.astimezone(UTC))
