"""Charges: money owed by one account for a service period (rules 1.3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from events.facts.bills import ChargeType
from projections.line_types import CHARGES
from projections.rating.terms import AccountTerms, ChargeTerms, PlanTerms


class ChargeKey(NamedTuple):
    """The identity of a charge: its type, account, account plan, pricing ("" for a plan's own charge) and first day.

    A one-off charge or a schedule's charge has no account plan, and its own id in the pricing's place. `plan_id` tells
    the plans of one account plan apart: the id of the plan, or of the plan group for the group's own charge.
    """

    type: ChargeType
    account_id: str
    account_plan_id: str
    pricing_id: str
    start: date
    plan_id: str = ""


class Slice(NamedTuple):
    """The part of a charge, in minor units, whose service starts on `start`."""

    start: date
    amount: int


@dataclass(frozen=True, slots=True, eq=False)
class Charge:
    """One charge of one account; of a pooled charge, the account's part.

    `amount` is in minor units. It is >= 0, a credit's worth included; only usage with a negative total has a negative
    amount. `slices` sum to it. `start` to `end` are the charge's own days of a billing period. `in_advance` is the
    amount first billed for a minimum spend in advance, once it is restated to the shortfall.
    """

    key: ChargeKey
    plan: ChargeTerms
    account: AccountTerms
    end: date
    due: date
    amount: int
    slices: tuple[Slice, ...]
    quantity: Fraction
    units: Fraction
    description: str
    #: Code of the pricing, counter or one-off charge, "" for a plan's own charge; part of the draw order.
    item_code: str = ""
    unit: str = ""
    aggregation_id: str | None = None
    compound_id: str | None = None
    meter_id: str | None = None
    segment: str = ""
    counter_id: str | None = None
    #: For a BALANCE_FEE: the balance, and the schedule that makes the fee.
    balance_id: str | None = None
    schedule_id: str | None = None
    accounting_product_id: str | None = None
    in_advance: int | None = None
    #: GLOBAL_CREDIT pricings credit every product's charges.
    every_product: bool = False

    def with_usage(self, slices: tuple[Slice, ...], quantity: Fraction, units: Fraction) -> "Charge":
        """This usage charge, with another quantity."""
        return Charge(
            self.key,
            self.plan,
            self.account,
            self.end,
            self.due,
            sum([slice.amount for slice in slices]),
            slices,
            quantity,
            units,
            self.description,
            self.item_code,
            self.unit,
            self.aggregation_id,
            self.compound_id,
            self.meter_id,
            self.segment,
            accounting_product_id=self.accounting_product_id,
            every_product=self.every_product,
        )

    @property
    def type(self) -> ChargeType:
        """The type of the charge; its rank and rule stand in `projections/line_types.py`."""
        return self.key.type

    @property
    def start(self) -> date:
        """First day of its service period."""
        return self.key.start

    @property
    def is_one_off(self) -> bool:
        """Whether it was put on the account directly, without a plan."""
        return CHARGES[self.key.type].one_off

    @property
    def account_plan(self) -> PlanTerms:
        """The account plan of a charge that is not one-off."""
        assert isinstance(self.plan, PlanTerms)
        return self.plan

    @property
    def pricing_id(self) -> str | None:
        """The pricing or counter pricing; None for a charge without one."""
        return None if self.is_one_off else self.key.pricing_id or None

    @property
    def charge_id(self) -> str | None:
        """The id of a one-off charge."""
        return self.key.pricing_id if self.is_one_off else None


def one_slice(start: date, amount: int) -> tuple[Slice, ...]:
    """The whole amount as one slice on a day; no slice for 0."""
    return (Slice(start, amount),) if amount else ()


def absorb(slices: Iterable[Slice]) -> tuple[Slice, ...]:
    """Slices in order of start, where a negative slice first takes away from earlier ones, newest first (rules 4.1)."""
    slices = tuple(slices)
    if all([slice.amount > 0 for slice in slices]):
        return slices
    absorbed: list[Slice] = []
    for slice in slices:
        rest = slice.amount
        for index in range(len(absorbed) - 1, -1, -1):
            if rest >= 0:
                break
            taken = min(-rest, max(0, absorbed[index].amount))
            absorbed[index] = Slice(absorbed[index].start, absorbed[index].amount - taken)
            rest += taken
        absorbed.append(Slice(slice.start, rest))
    return tuple(slice for slice in absorbed if slice.amount)


def summed(slices: Iterable[tuple[date, int]]) -> list[Slice]:
    """Slices of one start as one; they come in order of start."""
    summed: list[Slice] = []
    for start, amount in slices:
        if summed and summed[-1].start == start:
            summed[-1] = Slice(start, summed[-1].amount + amount)
        else:
            summed.append(Slice(start, amount))
    return summed


def weights_of(quantities: Sequence[Fraction]) -> list[Fraction]:
    """Weights for dividing a pooled charge: each account's own quantity, 0 for a negative one beside a positive one.

    So an account below zero pays and receives nothing, even in a pool whose total is negative. Only if no account is
    above zero do negative quantities become weights.
    """
    positive = [max(quantity, Fraction(0)) for quantity in quantities]
    return positive if any(positive) else [abs(quantity) for quantity in quantities]
