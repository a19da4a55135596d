"""Facts about usage, appended by the ingest worker: one `UsageRated` per accepted record, one `UsageRead` per poll."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from events.decimals import Number
from events.facts.base import Fact, FactModel


class RatedCharge(FactModel):
    """What the record added to one charge when it was rated: C(total after) - C(total before), unrounded.

    For information only: bills rest on quantities by day, which settlement prices from the catalog (decision 16).
    """

    aggregation_id: str
    pricing_id: str
    account_plan_id: str
    segment: str = ""
    amount: Number


class UsageRated(Fact):
    """A usage record was accepted, with all fields from which a total may later be derived."""

    schema_version: ClassVar[int] = 1

    usage_id: str
    usage_source: str
    meter_id: str
    ts: datetime
    ets: datetime | None = None
    #: Numbers of the categories MEASURE, INCOME and COST by field code.
    measure: dict[str, Number] = Field(default_factory=dict)
    who: dict[str, str] = Field(default_factory=dict)
    what: dict[str, str] = Field(default_factory=dict)
    where: dict[str, str] = Field(default_factory=dict)
    other: dict[str, str] = Field(default_factory=dict)
    metadata: dict[str, str] = Field(default_factory=dict)
    charges: tuple[RatedCharge, ...] = ()
    #: Next offset of `billing.catalog` at which the charges were decided.
    catalog_offset: int = Field(ge=0)
    #: 12 bytes of hash of (organization, account, source, id), then 4 bytes of hash of the content; hexadecimal.
    digest: str = Field(min_length=32, max_length=32)


class RecordMark(FactModel):
    """How a position remembers a record: its offset, its LogAppendTime in ms, 8 bytes of its hash in hexadecimal."""

    offset: int = Field(ge=0)
    ms: int
    digest: str


class UsageRead(Fact):
    """A poll of a `usage` partition is finished: every record before `next_offset` was accepted, dropped or refused.

    `mark` is the last record before it; None before version 2, and while only ends of transactions were read.
    """

    schema_version: ClassVar[int] = 2

    next_offset: int = Field(ge=0)
    rated: int = Field(ge=0)
    duplicate: int = Field(ge=0)
    rejected: int = Field(ge=0)
    rerouted: int = Field(ge=0)
    mark: RecordMark | None = None
