"""What became of a commitment or balance: spent, remaining, rolled over, lapsed (domain.md 8, api.md E1)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from projections.settlement.agreements import Fund
from projections.settlement.minimums import Minimum, MinimumPeriod

Status = Literal["UPCOMING", "ACTIVE", "EXHAUSTED", "ENDED", "CANCELLED"]


@dataclass(frozen=True, slots=True)
class PeriodState:
    """A commitment period of a MINIMUM, as the wire shows it."""

    start_date: date
    end_date: date
    amount: Decimal
    counted: Decimal
    shortfall: Decimal
    true_up: Decimal
    state: str


@dataclass(frozen=True, slots=True)
class AgreementState:
    """A commitment or balance as of a day.

    Always: amount + top_ups = amount_spent + amount_rolled_over + amount_lapsed + amount_remaining.
    """

    id: str
    status: Status
    amount: Decimal
    top_ups: Decimal
    amount_spent: Decimal
    amount_remaining: Decimal
    amount_rolled_over: Decimal
    amount_lapsed: Decimal
    periods: tuple[PeriodState, ...] = ()


def fund_state(fund: Fund, in_term: int, rolled: int, as_of: date) -> AgreementState:
    """The state of a prepayment or balance. `in_term` and `rolled` is what was drawn."""
    total, left = fund.total, fund.total - in_term
    remaining = rolled_over = lapsed = 0
    if as_of < fund.end:
        remaining = left - rolled
    else:
        usable = fund.rolled(in_term)
        over = fund.rollover_end is None or as_of >= fund.rollover_end
        rolled_over = 0 if over else usable - rolled
        lapsed = left - rolled - rolled_over
    money = fund.rounding.decimal
    return AgreementState(
        fund.id,
        _status(fund, as_of, remaining),
        money(fund.amount),
        money(total - fund.amount),
        money(in_term + rolled),
        money(remaining),
        money(rolled_over),
        money(lapsed),
    )


def _status(fund: Fund, as_of: date, remaining: int) -> Status:
    if fund.cancelled is not None and as_of >= fund.cancelled:
        return "CANCELLED"
    if as_of >= fund.end:
        return "ENDED"
    if as_of < fund.start:
        return "UPCOMING"
    return "ACTIVE" if remaining > 0 else "EXHAUSTED"


def minimum_state(minimum: Minimum, periods: tuple[MinimumPeriod, ...], as_of: date) -> AgreementState:
    """The state of a MINIMUM: nothing is drawn of it, and nothing of it is left once it has ended."""
    end = minimum.end if minimum.cancelled is None else minimum.cancelled
    status: Status = "ACTIVE"
    if minimum.cancelled is not None and as_of >= end:
        status = "CANCELLED"
    elif as_of >= end:
        status = "ENDED"
    elif as_of < minimum.start:
        status = "UPCOMING"
    total, money = minimum.amount + minimum.topped_up, minimum.rounding.decimal
    left = total if as_of < end else 0
    return AgreementState(
        minimum.id,
        status,
        money(minimum.amount),
        money(minimum.topped_up),
        money(0),
        money(left),
        money(0),
        money(total - left),
        tuple(
            PeriodState(
                one.start,
                one.end,
                money(one.owed),
                money(one.counted),
                money(one.shortfall),
                money(one.true_up),
                one.state,
            )
            for one in periods
        ),
    )
