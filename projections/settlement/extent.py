"""How much a settlement goes through, counted before it is made: what nobody reads is not worked out for a read.

An account plan owes something for each of its billing periods. Periods of a day since 1970 are some twenty thousand
lines, and a burn-down settles all of them again for each of its days. Bill runs and the read models settle whatever
there is.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date

from projections.calendar import ONE_DAY
from projections.rating.terms import PlanTerms
from projections.settlement.family import Family, FamilyTerms

#: Most charges beside usage that a read brings to light, some seconds of work; and most that all days of a burn-down go
#: through together, two dozen seconds. Its forecasts take ninety days, so that is of thirty thousand charges.
MOST_UNBILLED, MOST_BY_DAYS = 25_000, 3_000_000


class TooMuchError(ValueError):
    """A read asks for more than is settled for it; the message says how much, and what to ask for instead."""


def charges_by(terms: FamilyTerms, through: date) -> int:
    """An upper bound for the number of charges, fees and true-ups beside usage that are due by the day."""
    of_plans = sum(_periods(plan, through) * _in_each(plan) for plan in terms.plans)
    fees = sum(1 for prepayment in terms.prepayments for _ in prepayment.fees_due(through))
    true_ups = sum(bisect_right(minimum.edges, through) for minimum in terms.minimums)
    return of_plans + fees + true_ups + len(terms.one_offs_due(through))


def _periods(plan: PlanTerms, through: date) -> int:
    """The number of the plan's billing periods that start by the day."""
    last = through if plan.end is None else min(through, plan.end - ONE_DAY)
    return 0 if last < plan.start else plan.grid.number(last) - plan.grid.number(plan.start) + 1


def _in_each(plan: PlanTerms) -> int:
    """The most charges beside usage that one billing period has."""
    minimums = [span.pricing.minimum for series in plan.series for span in series.spans]
    asked = [plan.standing.is_asked, plan.minimum.is_asked, *(minimum.is_asked for minimum in minimums)]
    return sum(asked) + len(plan.counters)


def check_unbilled(family: Family, through: date) -> None:
    """Check, before anything is settled, that the family does not have very much by this day that no bill has.

    Raises: TooMuchError.
    """
    unbilled = charges_by(family.terms, through) - len(family.billed.by_key)
    if unbilled > MOST_UNBILLED:
        raise TooMuchError(
            f"some {unbilled} charges beside usage would be settled that no bill has by {through}, and for one answer "
            f"{MOST_UNBILLED} are settled at most: ask for an earlier day, or bill what is due first"
        )


def check_days(terms: FamilyTerms, days: Sequence[date]) -> None:
    """Check that the family's charges by the last of these ascending days, times the days, are not very many.

    Raises: TooMuchError.
    """
    if days and (work := len(days) * charges_by(terms, days[-1])) > MOST_BY_DAYS:
        raise TooMuchError(
            f"{len(days)} days would be settled, which go through {work} charges together, and for one answer "
            f"{MOST_BY_DAYS} are gone through at most: ask for fewer days, or as of an earlier day"
        )
