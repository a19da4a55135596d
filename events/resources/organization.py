"""The organization's configuration: zone, currency, epochs and the defaults that entities inherit."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from events.decimals import NonNegative
from events.resources.base import Day, Model, Resource

CreditKind = Literal["PREPAYMENT", "BALANCE"]


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("must be an IANA time zone name, such as Europe/Berlin") from error
    return value


def _check_order(value: tuple[CreditKind, ...]) -> tuple[CreditKind, ...]:
    if len(set(value)) != len(value):
        raise ValueError("must name each of PREPAYMENT and BALANCE at most once")
    return value


Timezone = Annotated[str, AfterValidator(_check_zone)]
CreditOrder = Annotated[tuple[CreditKind, ...], Field(min_length=1, max_length=2), AfterValidator(_check_order)]
Currency = Annotated[str, Field(min_length=1)]


class CurrencyConversion(Model):
    """A rate between two currencies; kept as given."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    multiplier: NonNegative | None = None


class OrganizationConfig(Resource):
    """One per organization; an organization exists from its first PUT of this."""

    timezone: Timezone
    currency: Currency
    year_epoch: Day
    month_epoch: Day
    week_epoch: Day
    day_epoch: Day
    days_before_bill_due: Annotated[int, Field(ge=1, le=3650)]
    commitment_fee_bill_in_advance: bool | None = None
    minimum_spend_bill_in_advance: bool | None = None
    standing_charge_bill_in_advance: bool | None = None
    credit_application_order: CreditOrder | None = None
    rounding_mode: Literal["HALF_EVEN", "HALF_UP"] | None = None
    suppressed_empty_bills: bool | None = None
    consolidate_bills: bool | None = None
    allow_overlapping_plans: bool | None = None
    allow_negative_balances: bool | None = None
    auto_approve_bills_grace_period: Annotated[int, Field(ge=0)] | None = None
    auto_approve_bills_grace_period_unit: Literal["MINUTES", "HOURS", "DAYS"] | None = None
    auto_generate_statement_mode: Literal["NONE", "JSON", "JSON_AND_CSV"] | None = None
    bill_prefix: str | None = None
    sequence_start_number: Annotated[int, Field(ge=0)] | None = None
    scheduled_bill_interval: NonNegative | None = None
    scheduled_bill_offset: Annotated[int, Field(ge=0, le=23)] | None = None
    external_invoice_date: Literal["FIRST_DAY_OF_NEXT_PERIOD", "LAST_DAY_OF_ARREARS"] | None = None
    default_statement_definition_id: str | None = None
    currency_conversions: tuple[CurrencyConversion, ...] | None = None
    #: Ours: an organization with a test clock starts at this instant and is moved by POST .../clock. Set at creation.
    test_clock: Annotated[bool, Field()] | None = None
