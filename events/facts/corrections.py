"""Facts about single usage events that were wrong: voided or amended (decision 32)."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from events.decimals import Number
from events.facts.base import Fact, FactModel


class UsageFields(FactModel):
    """The fields of a usage event, by category as in `UsageRated`."""

    measure: dict[str, Number] = Field(default_factory=dict)
    who: dict[str, str] = Field(default_factory=dict)
    what: dict[str, str] = Field(default_factory=dict)
    where: dict[str, str] = Field(default_factory=dict)
    other: dict[str, str] = Field(default_factory=dict)
    metadata: dict[str, str] = Field(default_factory=dict)


class UsageCorrection(Fact):
    """A usage event of the envelope's account was corrected. `was` holds its fields until then: the original fields, or
    those of the last amendment.
    """

    #: Envelope id of the event's `UsageRated`, and its offset in the account's partition of `billing.events`.
    event_id: UUID
    log_offset: int = Field(ge=0)
    usage_id: str
    usage_source: str
    meter_id: str
    ts: datetime
    was: UsageFields
    reason: str | None = None


class UsageVoided(UsageCorrection):
    """From now on the usage event does not count."""


class UsageAmended(UsageCorrection):
    """From now on the usage event counts with these fields; its meter and its time stay."""

    now: UsageFields
