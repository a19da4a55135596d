"""Answers that look behind the numbers: explanations, balances as of and as known, conservation."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from events.facts.bills import LineType
from projections.settlement.states import Status
from services.api.shown import Period, Shown

#: The first day, and the day after the last.
Span = Annotated[tuple[date, ...], Field(min_length=2, max_length=2)]


class PositionsShown(Shown):
    """The offsets up to which the log and the catalog had been folded."""

    partition: int
    log: int
    catalog: int


class BurnDayShown(Shown):
    """A day on which something changed. A MINIMUM tells what has counted, the others what rolled over and lapsed."""

    day: date
    spent: Decimal
    remaining: Decimal
    counted: Decimal | None = None
    rolled_over: Decimal | None = None
    lapsed: Decimal | None = None


class ChargeShown(Shown):
    """A charge that drew."""

    type: str
    account_id: str
    account_code: str | None = None
    product_id: str | None = None
    plan_id: str | None = None
    plan_group_id: str | None = None
    account_plan_id: str | None = None
    contract_id: str | None = None
    pricing_id: str | None = None
    aggregation_id: str | None = None
    compound_aggregation_id: str | None = None
    segment: str | None = None
    counter_id: str | None = None
    service_period: Span
    due: date
    amount: Decimal


class DrawnSlice(Shown):
    """The amount that a slice of a charge drew, and its place in the draw order."""

    start: date
    amount: Decimal
    place: int
    rolled_over: bool


class DrawPlace(Shown):
    """A commitment or balance, and its place in the draw order."""

    id: str
    place: int


class DrawsOfCharge(Shown):
    """The draws of a charge, slice by slice, and the order in which it had to draw."""

    charge: ChargeShown
    amount: Decimal
    slices: tuple[DrawnSlice, ...]
    order: tuple[DrawPlace, ...]


class CommitmentBalance(Shown):
    """The spent and remaining amounts as of a day, as known at a moment, with the burn-down."""

    commitment_id: str
    account_id: str
    currency: str
    as_of: date
    known_at: datetime | None = None
    positions: PositionsShown
    version: int
    status: Status
    amount: Decimal
    top_ups: Decimal
    spent: Decimal
    remaining: Decimal
    rolled_over: Decimal | None = None
    lapsed: Decimal | None = None
    days: tuple[BurnDayShown, ...]
    draws: tuple[DrawsOfCharge, ...]
    periods: tuple[Period, ...] | None = None


class Summand(Shown):
    """A summand of a part, and its meaning."""

    what: str
    amount: Decimal


class PartShown(Shown):
    """The amount that one charge, fee or commitment period puts on a line; `inputs` and `slices` depend on the rule."""

    amount: Decimal
    inputs: dict[str, Any]
    adds: tuple[Summand, ...]
    slices: tuple[dict[str, Any], ...]


class EarlierShown(Shown):
    """The amount that an earlier bill charged for the same key."""

    bill_id: str
    bill_date: date
    line_id: str
    amount: Decimal
    quantity: Decimal


class AddedQuantity(Shown):
    """The quantity that an event adds to a total."""

    aggregation_id: str
    segment: str
    quantity: Decimal


class EventBehind(Shown):
    """A usage event behind a line."""

    id: str
    topic: str
    partition: int
    offset: int
    account_id: str
    usage_id: str
    ts: datetime
    day: date
    measure: dict[str, str]
    adds: tuple[AddedQuantity, ...]


class CorrectedBehind(Shown):
    """A corrected usage event of the line's meters and days: its fields before the correction, and now."""

    status: Literal["VOIDED", "AMENDED"]
    id: str
    topic: str
    partition: int
    offset: int
    account_id: str
    usage_id: str
    ts: datetime
    day: date
    was: dict[str, str]
    now: dict[str, str] | None = None
    correction_id: str
    dt_created: datetime
    created_by: str
    reason: str | None = None


class TermBehind(Shown):
    """A fact that gave the terms behind a line."""

    id: str
    type: str
    resource_id: str
    topic: str
    partition: int
    offset: int


class ExplanationAnswer(Shown):
    """The explanation of a line: `amount` is the amount due by its bill's date less the amount billed before."""

    bill_id: str
    bill_date: date
    status: Literal["PENDING", "APPROVED"]
    currency: str
    line_id: str
    sequence_number: int
    line_item_type: LineType
    charge_type: LineType | None = None
    description: str
    service_period: Span
    amount: Decimal
    rule: str
    due: Decimal
    billed_before: Decimal
    adds_up: bool
    parts: tuple[PartShown, ...]
    earlier: tuple[EarlierShown, ...]
    positions: PositionsShown
    event_count: int
    events: tuple[EventBehind, ...]
    corrected: tuple[CorrectedBehind, ...]
    next_token: str | None = None
    terms: tuple[TermBehind, ...]


class FailingLaw(Shown):
    """A law of conservation that does not hold, and the amount that it leaves unexplained."""

    law: str
    commitment_id: str | None = None
    account_id: str | None = None
    period_start: date | None = None
    residue: Decimal


class ConservationAnswer(Shown):
    """Whether every law of every family holds."""

    holds: bool
    unexplained: Decimal
    families: int
    commitments_and_balances: int
    families_waiting: int
    failing: int
    failures: tuple[FailingLaw, ...]
