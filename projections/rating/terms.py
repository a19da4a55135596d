"""The terms of the accounts of one family, compiled from the resources: plans, prices, counters, by day.

They are compiled once per family and kept until a fact about a resource arrives; rating and settlement read nothing
else of the catalog. All days are days of the account's zone.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from events.resources.accounts import ChildBillingMode
from events.resources.catalog import AggregationFunction, Frequency, PricingType
from events.resources.catalog import Rounding as UnitRounding
from events.resources.organization import CreditKind
from projections.aggregates import TotalsKey
from projections.calendar import Grid, Period
from projections.measures import Measure, Simple
from projections.money import Rounding
from projections.pricing import Price
from projections.rating.timelines import Span


@dataclass(frozen=True, slots=True, eq=False)
class AccountTerms:
    """An account of the family. `pooled_until` is the day its own first account plan starts; None means never.

    The root is never pooled. `credit_order` lists the kinds of funds it may draw on, in order (rules 4.5).
    """

    id: str
    code: str
    root_id: str
    zone: str
    days_before_due: int
    invoiced_before: timedelta
    credit_order: tuple[CreditKind, ...]
    pooled_until: date | None

    @property
    def is_child(self) -> bool:
        """Whether it has a parent."""
        return self.id != self.root_id

    def pooled_on(self, day: date) -> bool:
        """Whether its usage of the day is rated together with its parent's."""
        return self.is_child and (self.pooled_until is None or day < self.pooled_until)


@dataclass(frozen=True, slots=True)
class Recurring:
    """A standing charge or a minimum spend: an amount of money per full billing period.

    `amounts` are (from that day on, amount), by day, where the day is the first of a billing period; the first entry
    applies from the beginning of time.
    """

    amounts: tuple[tuple[date, Decimal], ...]
    in_advance: bool
    description: str
    accounting_product_id: str | None
    interval: int = 1
    offset: int = 0

    def amount_on(self, start: date) -> Decimal:
        """The amount for a billing period that starts on the day."""
        return next(amount for day, amount in reversed(self.amounts) if day <= start)

    def since(self, start: date) -> date:
        """The day from which that amount was given; `date.min` if it always applied."""
        amount, since = self.amount_on(start), start
        for day, other in reversed([change for change in self.amounts if change[0] <= start]):
            if other != amount:
                break
            since = day
        return since

    @property
    def is_asked(self) -> bool:
        """Whether any billing period has an amount other than 0."""
        return any(amount for _, amount in self.amounts)


@dataclass(frozen=True, slots=True, eq=False)
class PricingTerms:
    """One pricing of usage; each pricing makes a charge of its own."""

    id: str
    code: str
    price: Price
    overage: Price | None
    span: bool
    minimum: Recurring
    description: str
    accounting_product_id: str | None


@dataclass(frozen=True, slots=True, eq=False)
class CounterPricingTerms:
    """A price of a counter's value, and which parts of it are prorated in a period (rules 3.15)."""

    id: str
    price: Price
    in_advance: bool
    prorate_total: bool
    prorate_debit: bool
    prorate_credit: bool
    description: str
    accounting_product_id: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One aggregation and segment, or compound aggregation, under an account plan, with the pricings that succeed each
    other.

    DEBIT pricings and each kind of credit pricing are series of their own. `sources` are the aggregations whose totals
    the series reads; for a compound aggregation those of its formula, in the formula's order. `aggregation_id` or
    `compound_id` is set.
    """

    aggregation_id: str | None
    compound_id: str | None
    aggregation_name: str
    meter_id: str | None
    segment: str
    kind: PricingType
    measure: Measure
    sources: tuple[str, ...]
    quantity_per_unit: Fraction
    rounding: UnitRounding
    unit: str
    spans: tuple[Span[PricingTerms], ...]

    @property
    def is_credit(self) -> bool:
        """Whether its pricings reduce other charges (rules 3.16)."""
        return self.kind != "DEBIT"

    @property
    def function(self) -> AggregationFunction:
        """The function of a series over a single aggregation."""
        assert isinstance(self.measure, Simple)
        return self.measure.function

    def keys(self, account_id: str) -> tuple[TotalsKey, ...]:
        """The account's totals that the series reads, one for each source."""
        return tuple((account_id, source, self.segment) for source in self.sources)


@dataclass(frozen=True, slots=True, eq=False)
class CounterSeries:
    """One counter under an account plan. `values` by account: its adjustments, (day, absolute value), by day."""

    counter_id: str
    code: str
    name: str
    unit: str
    spans: tuple[Span[CounterPricingTerms], ...]
    values: dict[str, tuple[tuple[date, int], ...]]


@dataclass(frozen=True, slots=True, eq=False)
class ChargeTerms:
    """The terms behind a charge: an account plan with its ids and codes, or only the charge's own words (ids are then
    "").

    If the plan is attached through a plan group, `group_id` is that group; the group's own charges have no plan.
    """

    id: str
    plan_id: str
    group_id: str
    template_id: str
    code: str
    product_id: str
    product_code: str
    currency: str
    rounding: Rounding
    contract_id: str | None
    mode: ChildBillingMode

    @property
    def of_id(self) -> str:
        """The plan, or the plan group for the group's own charges."""
        return self.plan_id or self.group_id


@dataclass(frozen=True, slots=True, eq=False)
class PlanTerms(ChargeTerms):
    """One account plan: a plan attached to an account for `[start, end)`.

    An account plan of a plan group becomes one `PlanTerms` for each of the group's plans, and one for the group's own
    charges, which holds the others in `grouped`. `members` are the accounts whose usage it rates: its own, and for a
    root's plan the children that are or were pooled with it, ordered by account code.
    """

    account: AccountTerms
    start: date
    end: date | None
    grid: Grid
    frequency: Frequency
    interval: int
    standing: Recurring
    minimum: Recurring
    series: tuple[Series, ...]
    counters: tuple[CounterSeries, ...]
    members: tuple[AccountTerms, ...]
    grouped: tuple["PlanTerms", ...] = ()

    @property
    def minimum_counts(self) -> tuple["PlanTerms", ...]:
        """The plans whose usage counts toward its minimum spends; for a plan group's own charges, the group's plans."""
        return self.grouped or (self,)

    def period(self, number: int) -> Period:
        """The billing period with this number of the grid, clipped to the account plan."""
        return self.grid.period(number).clipped(self.start, self.end)

    def full_days(self, number: int) -> int:
        """Days of the whole, unclipped billing period."""
        return self.grid.period(number).days

    @property
    def has_minimum(self) -> bool:
        """Whether it or one of its pricings has a minimum spend."""
        return self.minimum.is_asked or any(
            span.pricing.minimum.is_asked for series in self.series for span in series.spans
        )

    def rates(self, member: AccountTerms, day: date) -> bool:
        """Whether it rates the member's usage of the day."""
        return member.id == self.account.id or member.pooled_on(day)


class Reader(NamedTuple):
    """A series of an account plan as the reader of a total; `number` is the series' number in the family."""

    plan: PlanTerms
    series: Series
    number: int = 0


#: The series that read a total; a total without an entry has no pricing.
Readers = dict[TotalsKey, tuple[Reader, ...]]
