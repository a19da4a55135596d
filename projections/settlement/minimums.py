"""MINIMUM commitments: their periods, the amount each period owes, the charges that count, the true-up (rules 6.7 to
6.13, 6.17).
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal, NamedTuple

from events.facts.commitments import CommitmentCancelled, CommitmentToppedUp
from events.resources.accounts import ChildBillingMode
from events.resources.catalog import Frequency
from events.resources.commitments import Commitment
from projections.calendar import Grid, Period
from projections.money import Rounding
from projections.rating.charges import Charge
from projections.rating.terms import AccountTerms
from projections.rating.usage_charges import RatedUsage
from projections.settlement.agreements import drawer_of, refusal


class Owed(NamedTuple):
    """The terms of a commitment period's amount: (recurring x share + once) x elapsed, rounded.

    `recurring` is the amount with recurring top-ups, `share` the days of a partial period under `prorate`, `once` its
    one-time top-ups, `elapsed` the fraction that remains after a cancel by PRORATE.
    """

    recurring: Fraction
    share: Fraction
    once: Fraction
    elapsed: Fraction = Fraction(1)

    @property
    def money(self) -> Fraction:
        """The unrounded amount."""
        return (self.recurring * self.share + self.once) * self.elapsed


class CommitmentPeriod(NamedTuple):
    """A commitment period `[start, end)`: the amount it owes (minor units), trued up at its end unless `waived`."""

    start: date
    end: date
    owed: int
    why: Owed
    waived: bool = False


def lacking(period: "CommitmentPeriod | MinimumPeriod", counted: int) -> int:
    """The amount that a period lacks when this much has counted; a waived period lacks nothing (rules 6.11)."""
    return 0 if period.waived else max(0, period.owed - counted)


class Counted(NamedTuple):
    """The part of a charge that counts toward the commitment period with this number; it starts on `start`."""

    number: int
    charge: Charge
    start: date
    amount: int


PeriodStatus = Literal["UPCOMING", "RUNNING", "ENDED", "WAIVED"]


class MinimumPeriod(NamedTuple):
    """A commitment period with the amount that has counted; `true_up` is the part of its shortfall that is due now.

    A waived period has no shortfall: the lacking amount is never charged.
    """

    start: date
    end: date
    owed: int
    counted: int
    shortfall: int
    true_up: int
    state: PeriodStatus
    waived: bool


@dataclass(frozen=True, slots=True, eq=False)
class Minimum:
    """A MINIMUM commitment as settlement needs it."""

    id: str
    code: str
    account: AccountTerms
    currency: str
    rounding: Rounding
    contract_id: str | None
    products: frozenset[str]
    types: frozenset[str]
    mode: ChildBillingMode
    start: date
    end: date
    cancelled: date | None
    amount: int
    topped_up: int
    description: str
    accounting_product_id: str | None
    frequency: Frequency
    interval: int
    periods: tuple[CommitmentPeriod, ...]
    #: Starts of the periods and the end of the last one: usage is cut on these days for counting.
    edges: tuple[date, ...]

    def period_of(self, day: date) -> int | None:
        """Number of the period that holds the day; None outside all periods."""
        number = bisect_right(self.edges, day) - 1
        return number if 0 <= number < len(self.periods) else None


def commitment_periods(
    body: Commitment,
    *,
    rounding: Rounding,
    billing: Grid,
    top_ups: Sequence[CommitmentToppedUp],
    cancellation: CommitmentCancelled | None,
) -> tuple[CommitmentPeriod, ...]:
    """The commitment periods with the amount that each owes. `billing`: the billing periods in which they are
    counted.
    """
    recurring = Fraction(body.amount)
    owed = []
    for period, full_days in _periods(body, billing):
        recurring += sum(
            Fraction(top_up.amount) for top_up in top_ups if top_up.recurring and period.holds(top_up.date)
        )
        share = Fraction(period.days, full_days) if body.prorate else Fraction(1)
        once = sum(
            (Fraction(top_up.amount) for top_up in top_ups if not top_up.recurring and period.holds(top_up.date)),
            Fraction(0),
        )
        owed.append((period, Owed(recurring, share, once)))
    return tuple(_cut_short(owed, rounding, cancellation))


def _periods(body: Commitment, billing: Grid) -> Iterable[tuple[Period, int]]:
    """The periods clipped to the term, each with the days of the whole period; an empty term has none."""
    if body.start_date >= body.end_date:
        return
    if body.commitment_period_interval is None:
        whole = Period(body.start_date, body.end_date)
        yield whole, whole.days
        return
    number = billing.number(body.start_date)
    while billing.start(number) < body.end_date:
        after = number + body.commitment_period_interval
        full = Period(billing.start(number), billing.start(after))
        yield full.clipped(body.start_date, body.end_date), full.days
        number = after


def _cut_short(
    owed: Sequence[tuple[Period, Owed]], rounding: Rounding, cancellation: CommitmentCancelled | None
) -> Iterable[CommitmentPeriod]:
    """The periods after a cancel: the running period ends at its date, and later ones owe nothing."""
    for period, why in owed:
        if cancellation is None or period.end <= cancellation.date:
            yield CommitmentPeriod(period.start, period.end, rounding.minor(why.money), why)
        elif period.start < cancellation.date:
            elapsed = Period(period.start, cancellation.date)
            share = Fraction(elapsed.days, period.days) if cancellation.policy == "PRORATE" else Fraction(1)
            left = why._replace(elapsed=share)
            waived = cancellation.policy == "WAIVE"
            yield CommitmentPeriod(elapsed.start, elapsed.end, rounding.minor(left.money), left, waived)


def settle_minimum(
    minimum: Minimum, rated: Iterable[RatedUsage], charges: Iterable[Charge], through: date
) -> tuple[MinimumPeriod, ...]:
    """Every period with the amount that has counted toward it."""
    counted = [0] * len(minimum.periods)
    for count_of in count(minimum, rated, charges):
        counted[count_of.number] += count_of.amount
    return tuple(_settled(period, amount, through) for period, amount in zip(minimum.periods, counted, strict=True))


def count(minimum: Minimum, rated: Iterable[RatedUsage], charges: Iterable[Charge]) -> Iterator[Counted]:
    """The charges that count toward each period.

    `rated` is all usage that has arrived; `charges` are the other drawable charges that are due by now. Each counts
    with its amount on bills before draws and credits, however it is paid.
    """
    for usage in rated:
        yield from _count_usage(minimum, usage)
    for charge in charges:
        number = minimum.period_of(charge.start)
        if number is not None and refusal(minimum, drawer_of(charge)) is None:
            yield Counted(number, charge, charge.start, charge.amount)


def _count_usage(minimum: Minimum, rated: RatedUsage) -> Iterator[Counted]:
    pool = rated.pool
    if not minimum.edges or pool.end <= minimum.edges[0] or minimum.edges[-1] <= pool.start:
        return
    eligible = [refusal(minimum, drawer_of(part)) is None for part in rated.parts]
    if not any(eligible):
        return
    first = minimum.period_of(pool.start)
    if first is not None and pool.end <= minimum.periods[first].end:
        for part, counts in zip(rated.parts, eligible, strict=True):
            # A period's negative total is a credit, and a credit counts toward no commitment.
            if counts and part.amount > 0:
                yield Counted(first, part, part.start, part.amount)
        return
    divided = pool.divided(pool.steps(minimum.edges))
    for part, slices, counts in zip(rated.parts, divided, eligible, strict=True):
        for slice in slices if counts else ():
            number = minimum.period_of(slice.start)
            if number is not None and slice.amount > 0:
                yield Counted(number, part, slice.start, slice.amount)


def _settled(period: CommitmentPeriod, counted: int, through: date) -> MinimumPeriod:
    ended = period.end <= through
    shortfall = lacking(period, counted)
    due = shortfall if ended else 0
    status: PeriodStatus = "ENDED" if ended else "RUNNING"
    if ended and period.waived:
        status = "WAIVED"
    elif through < period.start:
        status = "UPCOMING"
    return MinimumPeriod(period.start, period.end, period.owed, counted, shortfall, due, status, period.waived)
