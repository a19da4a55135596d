"""The fees of a PREPAYMENT commitment: by plan or schedule, with top-ups and cancel (rules 6.1 to 6.6, 6.14, 6.18)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

from events.facts.commitments import CommitmentCancelled, CommitmentToppedUp
from events.resources.commitments import Commitment
from projections.calendar import ONE_DAY, Grid, Period, named_day
from projections.money import Rounding

#: Cache sizes: terms with their slots, and amounts with their fees. Commitments are sold by standard offers, so most
#: accounts have equal ones.
REMEMBERED = 512


class Basis(NamedTuple):
    """The origin of a fee: its weight among the weights that share `amount` (minor units), and its original due date.

    `due` differs from the fee's if a cancel made the fee due earlier. `rule`: the automatic rule that made the top-up.
    """

    source: Literal["INSTALMENT", "FIRST_BILL", "SCHEDULE", "TOP_UP"]
    amount: int
    weight: Fraction
    weights: Fraction
    due: date
    rule: str | None = None


class Fee(NamedTuple):
    """A fee for the service period `[start, end)`, billed on `due`; `amount` in minor units.

    A part that was rounded down to 0 is a fee as well: it names the period of a refund after an amendment.
    """

    start: date
    end: date
    due: date
    amount: int
    basis: Basis
    scheduled: bool = False


class _Term(NamedTuple):
    """The values that decide a commitment's slots: its days, and which billing periods in them bear fees."""

    start: date
    end: date
    offset: int
    interval: int
    billing: Grid
    in_advance: bool


class _Slot(NamedTuple):
    """A billing period that bears a fee, with its weight: its days divided by the days of the full period."""

    period: Period
    due: date
    weight: Fraction


def fees(
    body: Commitment,
    *,
    zone: str,
    rounding: Rounding,
    billing: Grid | None,
    in_advance: bool,
    top_ups: Sequence[CommitmentToppedUp],
    cancellation: CommitmentCancelled | None,
) -> tuple[Fee, ...]:
    """All fees of the commitment, by due date. `billing`: the periods of the billing plan; None without a billing
    plan.
    """
    slots: Sequence[_Slot] = ()
    all_fees: Sequence[Fee]
    if body.fee_dates:
        all_fees = [
            Fee(
                named_day(fee.service_period_start_date, zone),
                named_day(fee.service_period_end_date, zone),
                fee.date,
                rounding.minor(fee.amount),
                _whole("SCHEDULE", rounding.minor(fee.amount), fee.date),
                True,
            )
            for fee in body.fee_dates
        ]
    elif billing is not None:
        offset, interval = body.billing_offset or 0, body.billing_interval or 1
        term = _Term(body.start_date, body.end_date, offset, interval, billing, in_advance)
        outstanding, first = rounding.minor(body.outstanding), rounding.minor(body.amount_first_bill or Fraction(0))
        slots, all_fees = _slots(term), _instalments(outstanding, first, term)
        if not top_ups and cancellation is None:
            return all_fees
    else:
        return ()
    added = [fee for top_up in top_ups for fee in _top_up_fees(body, rounding, slots, top_up)]
    return _in_order(_cancelled([*all_fees, *added], cancellation))


def _in_order(unordered: Iterable[Fee]) -> tuple[Fee, ...]:
    return tuple(sorted(unordered, key=lambda fee: (fee.due, fee.start)))


@lru_cache(REMEMBERED)
def _slots(term: _Term) -> tuple[_Slot, ...]:
    """The billing periods number billingOffset, + billingInterval, ..., counted from 0 for the period that holds
    startDate.
    """
    billing = term.billing
    first, last = billing.number(term.start), billing.number(term.end - ONE_DAY)
    slots = []
    for number in range(first + term.offset, last + 1, term.interval):
        full = billing.period(number)
        period = full.clipped(term.start, term.end)
        due = period.start if term.in_advance else period.end
        if period.start < period.end:
            slots.append(_Slot(period, due, Fraction(period.days, full.days)))
    return tuple(slots) or (_Slot(Period(term.start, term.end), term.end, Fraction(1)),)


@lru_cache(REMEMBERED)
def _instalments(outstanding: int, first: int, term: _Term) -> tuple[Fee, ...]:
    """The outstanding amount, divided over the slots; amountFirstBill, `first`, replaces the first fee unless that is
    the only fee. Minor units.
    """
    slots = _slots(term)
    if not first or len(slots) == 1:
        return _in_order(_spread(outstanding, slots, "INSTALMENT"))
    opening = slots[0]
    fee = Fee(opening.period.start, opening.period.end, opening.due, first, _whole("FIRST_BILL", first, opening.due))
    return _in_order([fee, *_spread(outstanding - first, slots[1:], "INSTALMENT")])


def _whole(source: Literal["FIRST_BILL", "SCHEDULE", "TOP_UP"], amount: int, due: date) -> Basis:
    """The basis of a fee for an undivided amount."""
    return Basis(source, amount, Fraction(1), Fraction(1), due)


def _spread(amount: int, slots: Sequence[_Slot], source: Literal["INSTALMENT", "TOP_UP"]) -> list[Fee]:
    """The amount divided by weight: each part is rounded down, and the last part takes the remainder."""
    weights = Counter(slot.weight for slot in slots)
    whole = sum((weight * count for weight, count in weights.items()), Fraction(0))
    part_of = {weight: int(amount * weight / whole) for weight in weights}
    parts = [part_of[slot.weight] for slot in slots[:-1]]
    parts.append(amount - sum(parts))
    return [
        Fee(slot.period.start, slot.period.end, slot.due, part, Basis(source, amount, slot.weight, whole, slot.due))
        for slot, part in zip(slots, parts, strict=True)
    ]


def _top_up_fees(body: Commitment, rounding: Rounding, slots: Sequence[_Slot], top_up: CommitmentToppedUp) -> list[Fee]:
    """The fees of a top-up: added to the fees whose period ends after its date and that are not yet due then; if there
    are none, one fee on its date.
    """
    amount = rounding.minor(top_up.amount)
    bearing = [slot for slot in slots if slot.period.end > top_up.date and slot.due >= top_up.date]
    if bearing:
        spread = _spread(amount, bearing, "TOP_UP")
        return [fee._replace(basis=fee.basis._replace(rule=top_up.rule_code)) for fee in spread]
    basis = _whole("TOP_UP", amount, top_up.date)._replace(rule=top_up.rule_code)
    return [Fee(top_up.date, body.end_date, top_up.date, amount, basis, not slots)]


def _cancelled(all_fees: Sequence[Fee], cancellation: CommitmentCancelled | None) -> list[Fee]:
    """The fees that remain after a cancel; those due after its date are due at once (ACCELERATE), unchanged (KEEP) or
    dropped.
    """
    if cancellation is None or cancellation.policy == "KEEP":
        return list(all_fees)
    day = cancellation.date
    if cancellation.policy == "WAIVE":
        return [fee for fee in all_fees if fee.due <= day]
    return [fee if fee.due <= day else fee._replace(due=day) for fee in all_fees]
