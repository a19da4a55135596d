"""The state of a commitment or balance: spent, remaining, rolled over, lapsed (rules 6.19, 8.13, 10.2, 10.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from events.resources.organization import CreditKind
from projections.settlement.agreements import Fund
from projections.settlement.minimums import Minimum, MinimumPeriod, PeriodStatus, lacking
from projections.too_large import check_size

AgreementKind = CreditKind | Literal["MINIMUM"]
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
    state: PeriodStatus
    waived: bool

    def document(self) -> dict[str, Any]:
        """The period under the wire's names (rules 10.3)."""
        return {
            "startDate": self.start_date,
            "endDate": self.end_date,
            "amount": self.amount,
            "counted": self.counted,
            "shortfall": self.shortfall,
            "trueUp": self.true_up,
            "state": self.state,
        }


@dataclass(frozen=True, slots=True)
class AgreementState:
    """A commitment or balance as of a day.

    The law of a prepayment or balance: amount + top_ups = amount_spent + amount_rolled_over + amount_lapsed +
    amount_remaining. A MINIMUM is never drawn, and has a law per period instead: amount = min(counted, amount) +
    shortfall; its amount_spent is what has counted, and nothing rolls over or lapses.
    """

    id: str
    status: Status
    amount: Decimal
    top_ups: Decimal
    amount_spent: Decimal
    amount_remaining: Decimal
    amount_rolled_over: Decimal
    amount_lapsed: Decimal
    kind: AgreementKind
    periods: tuple[PeriodState, ...] = ()

    @property
    def counted(self) -> Decimal:
        """The amount that has counted toward a MINIMUM, in all its periods."""
        return sum((period.counted for period in self.periods), Decimal(0))

    @property
    def drawn(self) -> Decimal:
        """The drawn amount; always 0 for a MINIMUM."""
        return Decimal(0) if self.kind == "MINIMUM" else self.amount_spent


def fund_state(fund: Fund, in_term: int, rolled: int, as_of: date) -> AgreementState:
    """The state of a prepayment or balance. `in_term` and `rolled` are the amounts drawn in its term and after
    rollover.

    A scheduled top-up counts from its day on; before that day, only as far as a charge of a later day has drawn it.
    Raises: TooLargeError; no other amount of a fund exceeds what was paid in, with top-ups.
    """
    total = max(fund.paid_in.by(as_of), in_term + rolled)
    left = total - in_term
    remaining = rolled_over = lapsed = 0
    if as_of < fund.end:
        remaining = left - rolled
    else:
        usable = fund.rolled(in_term)
        over = fund.rolls_until is None or as_of >= fund.rolls_until
        rolled_over = 0 if over else usable - rolled
        lapsed = left - rolled - rolled_over
    money = fund.rounding.decimal
    check_size(fund.account.id, (fund.kind, fund.id), money(total))
    return AgreementState(
        fund.id,
        _status(fund.start, fund.end, fund.cancelled, as_of, is_used_up=total > 0 and remaining <= 0),
        money(fund.amount),
        money(total - fund.amount),
        money(in_term + rolled),
        money(remaining),
        money(rolled_over),
        money(lapsed),
        fund.kind,
    )


def _status(start: date, end: date, cancelled: date | None, as_of: date, *, is_used_up: bool = False) -> Status:
    """The status. `end` is the cancel date of a cancelled agreement. EXHAUSTED never applies to a MINIMUM, which is not
    drawn, nor to a balance that nothing was paid into yet.
    """
    if cancelled is not None and as_of >= cancelled:
        return "CANCELLED"
    if as_of >= end:
        return "ENDED"
    if as_of < start:
        return "UPCOMING"
    return "EXHAUSTED" if is_used_up else "ACTIVE"


def minimum_state(minimum: Minimum, periods: tuple[MinimumPeriod, ...], as_of: date) -> AgreementState:
    """The state of a MINIMUM: the amount counted in all its periods, and the amount that the running period still
    lacks. Raises: TooLargeError.
    """
    end = minimum.end if minimum.cancelled is None else minimum.cancelled
    money, counted = minimum.rounding.decimal, sum(period.counted for period in periods)
    largest = max([minimum.amount + minimum.topped_up, counted, *(period.owed for period in periods)])
    check_size(minimum.account.id, ("MINIMUM", minimum.id), money(largest))
    return AgreementState(
        minimum.id,
        _status(minimum.start, end, minimum.cancelled, as_of),
        money(minimum.amount),
        money(minimum.topped_up),
        money(counted),
        money(_lacking(periods, as_of)),
        money(0),
        money(0),
        "MINIMUM",
        tuple(
            PeriodState(
                period.start,
                period.end,
                money(period.owed),
                money(period.counted),
                money(period.shortfall),
                money(period.true_up),
                period.state,
                period.waived,
            )
            for period in periods
        ),
    )


def _lacking(periods: Sequence[MinimumPeriod], as_of: date) -> int:
    """The amount that the running period lacks; before the first period its whole amount, after the last one 0. A
    waived period lacks nothing.
    """
    if periods and as_of < periods[0].start:
        return lacking(periods[0], 0)
    return next((period.shortfall for period in periods if period.start <= as_of < period.end), 0)
