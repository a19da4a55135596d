"""The envelope around every fact in the log."""

from datetime import datetime
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny

from events.actors import ACTOR_LENGTH_MAX
from events.facts.base import Fact

#: Namespace of every derived id; fixed for ever.
NAMESPACE = UUID("6f1d0f0e-6f0b-5c55-9d5e-0d6a6d2f3a11")


def event_id(source: str, sequence: int) -> UUID:
    """The id of the record with this source and sequence: a record that is appended twice has one id."""
    return uuid5(NAMESPACE, f"{source}/{sequence}")


class Envelope(BaseModel):
    """One record of the log.

    `source` and `sequence` say who numbered it: a reader applies a record only if its sequence is greater than the last
    it applied from that source (decision 5). `time` is the command's clock at decide, or the usage's arrival.
    """

    # Unknown members are ignored: a change of a record's meaning always raises the schema version of its fact.
    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str
    schema_version: int = Field(ge=1, alias="schema")
    source: str
    sequence: int = Field(ge=0)
    #: Empty for ticks of the real clock, which belong to no organization.
    organization: str
    #: Id of the account that the fact is about; absent on organization-wide facts.
    account: str | None = None
    time: datetime
    id: UUID
    correlation: str | None = None
    causation: str | None = None
    #: Who did it (`events.actors`); absent if nobody was named, and on records older than this member.
    actor: str | None = Field(default=None, min_length=1, max_length=ACTOR_LENGTH_MAX)
    data: SerializeAsAny[Fact]


def seal(
    fact: Fact,
    *,
    source: str,
    sequence: int,
    organization: str,
    time: datetime,
    account: str | None = None,
    correlation: str | None = None,
    causation: str | None = None,
    actor: str | None = None,
) -> Envelope:
    """Put a fact into its envelope; type, schema version and id follow from the arguments."""
    return Envelope(
        type=type(fact).__name__,
        schema=type(fact).schema_version,
        source=source,
        sequence=sequence,
        organization=organization,
        account=account,
        time=time,
        id=event_id(source, sequence),
        correlation=correlation,
        causation=causation,
        actor=actor,
        data=fact,
    )
