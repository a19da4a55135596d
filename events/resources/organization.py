"""Resources of a whole organization: its configuration (zone, currency, epochs, defaults for entities), the
configuration of its bills, and its picklists, which people choose entries from. Picklists never change an amount.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from events.decimals import NonNegative
from events.resources.base import Code, Day, Model, Name, Resource
from events.resources.bounds import MANY, TABLE, CurrencyCode, Text, between, is_from_client, items, rule
from events.sources import WINDOW_DAYS
from events.zones import zone_names

CreditKind = Literal["PREPAYMENT", "BALANCE"]


def _check_order(value: tuple[CreditKind, ...]) -> tuple[CreditKind, ...]:
    if len(set(value)) != len(value):
        raise ValueError("must name each of PREPAYMENT and BALANCE at most once")
    return value


Timezone = Annotated[
    str, rule(lambda value: value in zone_names(), "must be an IANA time zone name, such as Europe/Berlin")
]
CreditOrder = Annotated[tuple[CreditKind, ...], Field(min_length=1, max_length=2), AfterValidator(_check_order)]


#: What an external invoice date is counted from: the bill's date, or the last day of the bill's period.
NEXT_PERIOD, LAST_DAY = "FIRST_DAY_OF_NEXT_PERIOD", "LAST_DAY_OF_ARREARS"
#: Longest grace period, in days.
GRACE_DAYS_MAX = 3650
#: Longest time, in days, for which early usage is held. It never exceeds the time for which ids are remembered, so a
#: record that was counted, lost its answer and was sent again is still recognised.
HOLD_DAYS, HOLD_DAYS_MAX = 30, WINDOW_DAYS
_GRACE_UNITS = {"MINUTES": timedelta(minutes=1), "HOURS": timedelta(hours=1), "DAYS": timedelta(days=1)}


class CurrencyConversion(Model):
    """An exchange rate between two currencies; stored as given."""

    from_: Annotated[CurrencyCode, Field(alias="from")]
    to: CurrencyCode
    multiplier: NonNegative | None = None


class OrganizationConfig(Resource):
    """The configuration of an organization; the first PUT of it creates the organization."""

    timezone: Timezone
    currency: CurrencyCode
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
    #: At most GRACE_DAYS_MAX.
    auto_approve_bills_grace_period: Annotated[int, Field(ge=0), between(0, GRACE_DAYS_MAX * 24 * 60)] | None = None
    auto_approve_bills_grace_period_unit: Literal["MINUTES", "HOURS", "DAYS"] | None = None
    auto_generate_statement_mode: Literal["NONE", "JSON", "JSON_AND_CSV"] | None = None
    bill_prefix: Text | None = None
    sequence_start_number: Annotated[int, Field(ge=0), between(0, 10**15)] | None = None
    scheduled_bill_interval: NonNegative | None = None
    scheduled_bill_offset: Annotated[int, Field(ge=0, le=23)] | None = None
    external_invoice_date: Literal["FIRST_DAY_OF_NEXT_PERIOD", "LAST_DAY_OF_ARREARS"] | None = None
    default_statement_definition_id: Text | None = None
    currency_conversions: Annotated[tuple[CurrencyConversion, ...], items(TABLE)] | None = None
    #: An extension of Trueup: how usage of an unknown account or meter is treated. By default, an account is created
    #: for usage over HTTP, and all other such usage is refused.
    usage_before_account: Literal["REFUSE", "HOLD", "CREATE"] | None = None
    usage_before_meter: Literal["REFUSE", "HOLD"] | None = None
    usage_hold_days: Annotated[int, between(1, HOLD_DAYS_MAX)] | None = None
    #: An extension of Trueup. ERASABLE: personal data is encrypted with a key per account, and erased by destroying the
    #: key. Set at creation.
    personal_data: Literal["PLAIN", "ERASABLE"] | None = None
    #: An extension of Trueup: custom fields of accounts and their resources that are personal as well.
    personal_custom_fields: Annotated[tuple[Text, ...], items(MANY)] | None = None
    #: An extension of Trueup: an organization with a test clock starts at this instant, and POST .../clock moves it on.
    #: Set at creation.
    test_clock: Annotated[bool, Field()] | None = None

    @property
    def grace_period(self) -> timedelta:
        """How long a bill stays pending. Without a grace period (the default), bills are issued at once. Without a unit
        it is in days.
        """
        unit = _GRACE_UNITS[self.auto_approve_bills_grace_period_unit or "DAYS"]
        return (self.auto_approve_bills_grace_period or 0) * unit

    @property
    def invoiced_before(self) -> timedelta:
        """How long before a bill's date its external invoice date lies; the bill's date is the first day after its
        period.
        """
        return timedelta(days=1) if self.external_invoice_date == LAST_DAY else timedelta(0)

    @property
    def makes_accounts_of_requests(self) -> bool:
        """Whether usage over HTTP creates its account before the usage is passed on."""
        return self.usage_before_account in (None, "CREATE")

    @property
    def makes_accounts_of_held(self) -> bool:
        """Whether the accounts that held usage names are created."""
        return self.usage_before_account == "CREATE"

    @property
    def holds_for_accounts(self) -> bool:
        """Whether usage of an unknown account is held until the account exists, or until the hold ends."""
        return self.usage_before_account in ("HOLD", "CREATE")

    @property
    def holds_for_meters(self) -> bool:
        """Whether usage of an unknown meter is held until the meter exists, or until the hold ends."""
        return self.usage_before_meter == "HOLD"

    @property
    def keeps_keys(self) -> bool:
        """Whether personal data is encrypted with a key per account (design 35)."""
        return self.personal_data == "ERASABLE"

    @property
    def hold(self) -> timedelta:
        """How long usage is held."""
        return timedelta(days=self.usage_hold_days or HOLD_DAYS)

    @model_validator(mode="after")
    def _rules(self, info: ValidationInfo) -> Self:
        if is_from_client(info) and self.grace_period > timedelta(days=GRACE_DAYS_MAX):
            raise ValueError(f"autoApproveBillsGracePeriod: must not be longer than {GRACE_DAYS_MAX} days")
        if is_from_client(info) and self.personal_custom_fields and not self.keeps_keys:
            raise ValueError("personalCustomFields: needs personalData ERASABLE")
        return self


class BillConfig(Resource):
    """The configuration of an organization's bills. An issued bill is locked if its date is not after
    `billLockDate`.
    """

    bill_lock_date: Day | None = None


RoundingMode = Literal["UP", "DOWN", "CEILING", "FLOOR", "HALF_UP", "HALF_DOWN", "HALF_EVEN", "UNNECESSARY"]


class Picked(Resource):
    """An entry of a picklist; an archived entry can no longer be chosen."""

    name: Name
    code: Code | None = None
    archived: bool | None = None


class Currency(Picked):
    """A currency. How amounts are rounded follows from its code and the organization, not from this resource."""

    max_decimal_places: Annotated[int, between(0, 18)] | None = None
    rounding_mode: RoundingMode | None = None


class CreditReason(Picked):
    """Why a credit line item was put on a bill."""


class DebitReason(Picked):
    """Why a debit line item was put on a bill."""


class TransactionType(Picked):
    """The reason for a balance's transaction."""
