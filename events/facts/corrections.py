"""Facts about single events of usage that were wrong: taken out, or changed (decision 32)."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from events.decimals import Number
from events.facts.base import Fact, FactModel


class UsageFields(FactModel):
    """What an event of usage says in its fields, by category as `UsageRated` has them."""

    measure: dict[str, Number] = Field(default_factory=dict)
    who: dict[str, str] = Field(default_factory=dict)
    what: dict[str, str] = Field(default_factory=dict)
    where: dict[str, str] = Field(default_factory=dict)
    other: dict[str, str] = Field(default_factory=dict)
    metadata: dict[str, str] = Field(default_factory=dict)


class UsageCorrection(Fact):
    """An event of the envelope's account was corrected. `was` is what stood until then: of one that was amended before,
    what the last amendment gave it.
    """

    #: Id of the envelope of the event's `UsageRated`, and its offset in the account's partition of `billing.events`.
    event_id: UUID
    log_offset: int = Field(ge=0)
    usage_id: str
    usage_source: str
    meter_id: str
    ts: datetime
    was: UsageFields
    reason: str | None = None


class UsageVoided(UsageCorrection):
    """From now on the event counts for nothing."""


class UsageAmended(UsageCorrection):
    """From now on the event counts with these fields instead; its meter and its time stay."""

    now: UsageFields
