"""The state of a commitment or balance by service day: when it was made, as of a day, and day by day up to a day.

The state as of a service day counts usage of that day and earlier days, and every other charge due by that day. So the
last entry of a burn-down equals the state as of its day.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from projections.aggregates import DayState, TotalsKey
from projections.calendar import ONE_DAY, Period
from projections.entities import FundEntity
from projections.resources import Resources
from projections.settlement.billed import Billed
from projections.settlement.extent import check_days
from projections.settlement.family import Family, compile_terms
from projections.settlement.settle import settle
from projections.settlement.settled import SettledState, Settlement
from projections.settlement.states import AgreementState


class BurnDay(NamedTuple):
    """The state from a day on, until the next day in the burn-down. `counted` is a MINIMUM's, over all its periods."""

    day: date
    spent: Decimal
    remaining: Decimal
    rolled_over: Decimal
    lapsed: Decimal
    counted: Decimal


def as_of_day(family: Family, day: date, kept: SettledState | None = None) -> Settlement:
    """Settle everything as of a service day, without later usage."""
    totals = {key: {at: state for at, state in days.items() if at <= day} for key, days in family.totals.items()}
    return settle(Family(family.terms, totals, family.billed), through=day, accrued=True, kept=kept)


def state_of(settlement: Settlement, agreement_id: str) -> AgreementState | None:
    """The state of a commitment or balance; None if the family does not have it."""
    return settlement.commitments.get(agreement_id) or settlement.balances.get(agreement_id)


def undrawn(resources: Resources, entity: FundEntity, through: date) -> AgreementState:
    """The state on a day of an agreement that was just made: nothing has been drawn or counted.

    It is settled alone, so the cost does not depend on how many agreements the account has. `resources` hold the
    configuration and its account.
    """
    account = resources.accounts[entity.body.account_id]
    alone = Resources(
        resources.organization,
        config=resources.config,
        clock=resources.clock,
        # A child's terms of draw-down come from its parent, but they do not matter before the first draw.
        accounts={account.id: replace(account, root_id=account.id)},
    )
    alone.put(entity)
    settlement = settle(Family(compile_terms(alone, account.id), {}, Billed()), through=through, accrued=True)
    state = state_of(settlement, entity.id)
    assert state is not None
    return state


def burn_down(family: Family, agreement_id: str, last: Settlement) -> Iterator[BurnDay]:
    """The days up to that of `last` on which the numbers changed, from the first day of the term.

    Each day is settled incrementally from the one before; days on which nothing can change are skipped.
    """
    shown: BurnDay | None = None
    for settlement in settled_on(family, change_days(family, agreement_id, last)):
        entry = _entry(settlement, agreement_id, settlement.through)
        if shown is None or entry[1:] != shown[1:]:
            shown = entry
            yield entry
    # On the day of `last`, all usage that has arrived counts, including usage of later days.
    final = _entry(last, agreement_id, last.through)
    if shown is None or final[1:] != shown[1:]:
        yield final


def settled_on(family: Family, days: Sequence[date]) -> Iterator[Settlement]:
    """Everything settled as of each of these ascending days, each incrementally from the one before.

    Raises: TooMuchError, before the first.
    """
    check_days(family.terms, days)
    cells = sorted(
        ((day, key, state) for key, of_key in family.totals.items() for day, state in of_key.items()),
        key=lambda cell: cell[0],
    )
    totals: dict[TotalsKey, Mapping[date, DayState]] = {}
    kept, next_cell = None, 0
    for day in days:
        arrived: dict[TotalsKey, dict[date, DayState]] = {}
        while next_cell < len(cells) and cells[next_cell][0] <= day:
            at, key, state = cells[next_cell]
            arrived.setdefault(key, {})[at] = state
            next_cell += 1
        # A new mapping each time, because the earlier settlements keep theirs.
        totals = {**totals, **{key: {**totals.get(key, {}), **states} for key, states in arrived.items()}}
        settlement = settle(Family(family.terms, totals, family.billed), through=day, accrued=True, kept=kept)
        kept = settlement.kept
        yield settlement


def _entry(settlement: Settlement, agreement_id: str, day: date) -> BurnDay:
    state = state_of(settlement, agreement_id)
    assert state is not None
    rest = (state.amount_remaining, state.amount_rolled_over, state.amount_lapsed)
    return BurnDay(day, state.amount_spent, *rest, state.counted)


def change_days(family: Family, agreement_id: str, last: Settlement) -> list[date]:
    """Days up to that of `last` on which the state may change: days of usage, days on which charges become due or are
    restated, and the agreement's own dates. No day lies before its term.
    """
    terms, days = family.terms, set[date]()
    start = date.max
    for fund in terms.funds:
        if fund.id == agreement_id:
            start = fund.start
            days |= {*fund.edges, *fund.paid_in.days(Period(fund.start, last.through + ONE_DAY))}
    for minimum in terms.minimums:
        if minimum.id == agreement_id:
            start = minimum.start
            days |= {minimum.start, minimum.end, *minimum.edges}
    days |= {day for days_of in family.totals.values() for day in days_of}
    for charge in last.charges.values():
        days |= {charge.due, charge.end}
        if not charge.is_one_off:
            plan = charge.account_plan
            days.add(plan.period(plan.grid.number(charge.start)).end)
    return sorted(day for day in days if start <= day <= last.through)
