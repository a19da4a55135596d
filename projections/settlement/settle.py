"""Settlement: one pure function from terms and quantities by day to everything that is due (rules 3 to 7, decision 17).

The bill run, the preview, the unbilled view, the live projector and the auditor all call `settle`; the order in which
usage or facts arrived never matters.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from projections.line_types import CHARGES
from projections.rating.charges import Charge
from projections.rating.rated_family import Moved, RatedKey, rate_family
from projections.rating.recurring import minimum_spends
from projections.rating.terms import PlanTerms
from projections.rating.usage_charges import RatedUsage
from projections.settlement.drawdown import draw_again, draw_down
from projections.settlement.family import Family, FamilyTerms
from projections.settlement.pieces import apply_credits, moved_pieces, pieces_of
from projections.settlement.settled import SettledState, Settlement, is_due


def settle(
    family: Family, *, through: date, accrued: bool, kept: SettledState | None = None, moved: Moved | None = None
) -> Settlement:
    """Settle a family by `through`.

    `accrued` False: only the charges that are due by then, as on a bill. True: all usage that has arrived, and every
    other charge from the day it is due (amountSpent, unbilled).

    `kept` is the state of an earlier settlement: only changed usage is rated, and slices are drawn again from the first
    changed one. `moved` are the totals and days that changed since, if the caller knows them; otherwise all are
    compared. Usage that only adds to charges is then all that is looked at. Neither argument changes the result.
    """
    if kept is not None and kept.terms is not family.terms:
        kept = None
    if kept is not None and moved is not None and _adds_to_charges(kept, moved, through, accrued):
        return _settle_moved(family, kept, moved)
    return _settle_all(family, through, accrued, kept)


def settled(family: Family, day: date, *, kept: SettledState | None = None, moved: Moved | None = None) -> Settlement:
    """A family as of a day, with all usage that has arrived: never before its latest bill (rules 8.3)."""
    return settle(family, through=family.billed.through(day), accrued=True, kept=kept, moved=moved)


def _adds_to_charges(kept: SettledState, moved: Moved, through: date, accrued: bool) -> bool:
    """Whether the changes affect only usage charges of the kept settlement, on the same day, and no credit or
    minimum.
    """
    if kept.through != through or kept.accrued != accrued or kept.credits:
        return False
    return all(kept.terms.only_charges(key) for key in moved)


def _settle_all(family: Family, through: date, accrued: bool, kept: SettledState | None) -> Settlement:
    """Usage rated where it differs from what was kept, then all charges that are due: credited, and drawn."""
    terms = family.terms
    rated = rate_family(terms.readers, terms.cuts, family.totals, kept.rated if kept else None)
    due = _all_due(terms, rated.in_order, through, accrued)
    credited = apply_credits(pieces_of([*due.usage, *due.others]), due.credits)
    drawn = draw_down(terms, credited.pieces, kept.drawn if kept else None)
    return Settlement(
        family, SettledState(terms, through, accrued, rated, due.others, due.credits, credited.worth, drawn)
    )


class _Due(NamedTuple):
    """The charges that are due: those of usage, the others, and what reduces either."""

    usage: list[Charge]
    others: list[Charge]
    credits: list[Charge]


def _all_due(terms: FamilyTerms, rated: list[RatedUsage], through: date, accrued: bool) -> _Due:
    """What is due by `through` of all that is rated, and of all that is no usage."""
    usage, credits, others = list[Charge](), list[Charge](), list[Charge]()
    for charge in rated:
        if is_due(charge, through, accrued):
            (credits if charge.is_credit else usage).extend(charge.parts)
    beside = [charge for plan in terms.plans for charge in _others(terms, plan, rated, through)]
    for charge_beside in (*beside, *terms.one_offs_due(through)):
        (credits if CHARGES[charge_beside.type].credit else others).append(charge_beside)
    return _Due(usage, others, credits)


def _settle_moved(family: Family, kept: SettledState, moved: Moved) -> Settlement:
    """Rate the changed usage charges again, and draw again from the first of their slices that differs."""
    terms = kept.terms
    rated = rate_family(terms.readers, terms.cuts, family.totals, kept.rated, moved)
    removed, added = moved_pieces(_due_of(kept, kept.rated.usage, rated.again), _due_of(kept, rated.usage, rated.again))
    drawn = draw_again(terms, kept.drawn, removed, added) if removed or added else kept.drawn
    return Settlement(family, replace(kept, rated=rated, drawn=drawn))


def _due_of(
    kept: SettledState, usage: dict[RatedKey, tuple[RatedUsage, ...]], keys: Iterable[RatedKey]
) -> list[Charge]:
    """Those of the usage charges that are due."""
    return [part for key in keys for rated in usage.get(key, ()) if kept.is_due(rated) for part in rated.parts]


def _others(terms: FamilyTerms, plan: PlanTerms, rated: list[RatedUsage], through: date) -> Iterator[Charge]:
    """The due charges of an account plan that are not usage, by `through`."""
    has_minimum = plan.has_minimum
    if not (plan.standing.is_asked or plan.counters or has_minimum) or plan.start > through:
        return
    usage: dict[date, list[RatedUsage]] = {}
    for rated_usage in rated if has_minimum else ():
        if rated_usage.pool.plan in plan.minimum_counts:
            within = plan.period(plan.grid.number(rated_usage.pool.period.start))
            usage.setdefault(within.start, []).append(rated_usage)
    number = plan.grid.number(plan.start)
    while (period := plan.period(number)).start <= through and period.start < period.end:
        for charge in terms.fixed_charges(plan, number):
            if charge.due <= through:
                yield charge
        if has_minimum:
            for charge in _minimums(terms, plan, number, usage.get(period.start, ()), through):
                if charge.due <= through:
                    yield charge
        number += 1


def _minimums(
    terms: FamilyTerms, plan: PlanTerms, number: int, used: Sequence[RatedUsage], through: date
) -> Iterable[Charge]:
    """The minimum spends of a billing period with this usage."""
    return minimum_spends(plan, number, used, through) if used else terms.unused_minimums(plan, number, through)
