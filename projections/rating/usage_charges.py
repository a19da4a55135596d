"""Rate usage: each billing period gives one charge per pricing that applies in it (rules 3.6, 3.7, 4.1, 7.5).

A slice's amount is C at its end less C at its start, each rounded to the minor unit, in order of day, so it does not
depend on when the usage arrived. Pooled usage is rated together and then divided by each account's own quantity. Slices
start on the days that `Cuts` has for the whole family (rules 4.1): single days, and those of recurring top-ups.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from events.facts.bills import ChargeType
from projections.aggregates import DayState, Totals, units
from projections.calendar import Period, days_of
from projections.measures import Compound, CompoundState, Day, State
from projections.rating.charges import Charge, ChargeKey, Slice
from projections.rating.pools import ONE, Pool, Share, Step
from projections.rating.terms import AccountTerms, PlanTerms, PricingTerms, Series
from projections.rating.timelines import held_days
from projections.schedules import Recurrence


@dataclass(frozen=True, slots=True)
class Cuts:
    """The days on which slices start, requested by billing period: a schedule of many years costs only the days within
    the period.
    """

    days: tuple[date, ...]
    recurring: tuple[Recurrence, ...]

    def within(self, period: Period) -> list[date]:
        """The days within the period, sorted."""
        inside = {day for day in self.days if period.holds(day)}
        return sorted(inside.union(*(days.within(period) for days in self.recurring)))


def cuts_of(days: Iterable[date], recurring: Iterable[Recurrence]) -> Cuts:
    """Cuts on these days only."""
    return Cuts(tuple(sorted(set(days))), tuple(recurring))


@dataclass(frozen=True, slots=True, eq=False)
class RatedUsage:
    """A pool with its slices at the family's cuts, and the charge of each account."""

    pool: Pool
    steps: tuple[Step, ...]
    parts: tuple[Charge, ...]

    @property
    def amount(self) -> int:
        """The pooled charge in minor units."""
        return sum(step.amount for step in self.steps)

    @property
    def is_credit(self) -> bool:
        """Whether it reduces other charges (rules 3.16)."""
        return self.pool.series.is_credit


#: The states that a series reads of an account, by day.
_Reading = tuple[AccountTerms, Mapping[date, State]]


def rate_usage(plan: PlanTerms, series: Series, number: int, totals: Totals, cuts: Cuts) -> tuple[RatedUsage, ...]:
    """The charges of a series for the billing period with this number. `cuts`: days at which slices start."""
    period = plan.period(number)
    days, measure = cuts.within(period), series.measure
    readings = [(member, states) for member in plan.members if (states := _states(series, member, totals))]
    rated = []
    holding = held_days(series.spans, period)
    for pricing, runs in holding:
        # A peak or a count of values exists under each of the pricings, and must not be paid more than once.
        shared = len(holding) > 1 and not (measure.adds_up or measure.runs_on)
        weight = Fraction(_days(runs), period.days) if shared else ONE
        pool = _pool(plan, series, pricing, period, runs, weight, readings)
        if pool is not None:
            steps = pool.steps(days)
            rated.append(RatedUsage(pool, steps, _parts(pool, steps)))
    return tuple(rated)


def _pool(
    plan: PlanTerms,
    series: Series,
    pricing: PricingTerms,
    period: Period,
    runs: Sequence[Period],
    weight: Fraction,
    readings: Sequence[_Reading],
) -> Pool | None:
    """The pool of usage under a pricing that applies on these runs of days; None if no account has usage on them.

    A quantity that runs on includes days under other pricings, and bands that span the plan's life continue from usage
    before the period: then days outside the runs also move the total.
    """
    measure = series.measure
    counted = Period(plan.start if pricing.span else period.start, period.end)
    shares = _shares(plan, series, counted, runs, readings)
    if not shares:
        return None
    base: State | None = None
    if pricing.span or measure.runs_on:
        every = _running(plan, series, counted, runs, readings)
        base = measure.merge_all(day.state for day in every if day.day < period.start)
        moving = tuple(day for day in every if day.day >= period.start)
        if measure.runs_on and not any(share.quantity for share in shares):
            # No source has a value alone, but together they have one; it belongs to the account of the plan.
            shares = (Share(plan.account, measure.gain(every), every),)
    else:
        moving = _held_by_any(series, shares, runs)
    return Pool(
        plan=plan,
        series=series,
        pricing=pricing,
        period=period,
        start=runs[0].start,
        end=runs[-1].end,
        base=base,
        weight=weight,
        days=moving,
        shares=shares,
    )


def _shares(
    plan: PlanTerms, series: Series, counted: Period, runs: Sequence[Period], readings: Sequence[_Reading]
) -> tuple[Share, ...]:
    """Of each account that has usage on days of the runs, its own quantity and days."""
    measure = series.measure
    counting = counted if measure.runs_on else None
    own = [(member, _own(plan, member, states, runs, counting)) for member, states in readings]
    return tuple([Share(member, measure.gain(days), days) for member, days in own if any([day.held for day in days])])


def _held_by_any(series: Series, shares: Sequence[Share], runs: Sequence[Period]) -> tuple[Day, ...]:
    """The days of all accounts together."""
    if len(shares) == 1:
        return tuple(shares[0].days)
    return _merged(series, [(day.day, day.state) for share in shares for day in share.days], runs)


def _states(series: Series, member: AccountTerms, totals: Totals) -> Mapping[date, State]:
    """The account's states by day; for a compound aggregation, those of all its sources together."""
    totals_of = [totals.get(key, _NOTHING) for key in series.keys(member.id)]
    if not isinstance(series.measure, Compound):
        return totals_of[0]
    days = {day for of_total in totals_of for day in of_total}
    return {day: CompoundState(tuple(of_total.get(day) for of_total in totals_of)) for day in days}


_NOTHING: Mapping[date, DayState] = {}


def _days(runs: Sequence[Period]) -> int:
    return sum(run.days for run in runs)


def _own(
    plan: PlanTerms, member: AccountTerms, states: Mapping[date, State], runs: Sequence[Period], counted: Period | None
) -> tuple[Day, ...]:
    """The member's states on the days that the plan rates, in order: the days in the runs, or all `counted` ones."""
    if counted is None:
        own_days = [Day(day, True, states[day]) for run in runs for day in _in(run, states)]
    else:
        own_days = [Day(day, any(run.holds(day) for run in runs), states[day]) for day in _in(counted, states)]
    if member.id == plan.account.id:
        return tuple(own_days)
    return tuple(day for day in own_days if plan.rates(member, day.day))


def _in(run: Period, days: Mapping[date, State]) -> list[date]:
    """The run's days that have a state, in order: usage may cover years, or only a few days of a long run."""
    if len(days) <= run.days:
        start, end = run
        return sorted([day for day in days if start <= day < end])
    return [day for day in days_of(run) if day in days]


def _merged(series: Series, states: list[tuple[date, State]], runs: Sequence[Period]) -> tuple[Day, ...]:
    """One state per day, in order of day."""
    by_day: dict[date, State] = {}
    merge = series.measure.merge
    for day, state in states:
        before = by_day.get(day)
        by_day[day] = state if before is None else merge(before, state)
    return tuple(Day(day, any(run.holds(day) for run in runs), by_day[day]) for day in sorted(by_day))


def _running(
    plan: PlanTerms,
    series: Series,
    counted: Period,
    runs: Sequence[Period],
    readings: Sequence[_Reading],
) -> tuple[Day, ...]:
    """Every `counted` day with usage of any account, inside or outside the runs."""
    states = [
        (day, state)
        for member, days in readings
        for day, state in days.items()
        if counted.holds(day) and plan.rates(member, day)
    ]
    return _merged(series, states, runs)


_TYPES: dict[str, ChargeType] = {"DEBIT": "USAGE", "PRODUCT_CREDIT": "USAGE_CREDIT", "GLOBAL_CREDIT": "USAGE_CREDIT"}


def _parts(pool: Pool, steps: Sequence[Step]) -> tuple[Charge, ...]:
    return tuple(_part(pool, share, slices) for share, slices in zip(pool.shares, pool.divided(steps), strict=True))


def _part(pool: Pool, share: Share, slices: tuple[Slice, ...]) -> Charge:
    plan, series, pricing = pool.plan, pool.series, pool.pricing
    return Charge(
        key=ChargeKey(_TYPES[series.kind], share.account.id, plan.id, pricing.id, pool.start, plan.of_id),
        plan=plan,
        account=share.account,
        end=pool.end,
        due=pool.period.end,
        amount=sum(slice.amount for slice in slices),
        slices=slices,
        quantity=share.quantity,
        units=units(share.quantity, series.quantity_per_unit, series.rounding),
        description=pricing.description,
        item_code=pricing.code,
        unit=series.unit,
        aggregation_id=series.aggregation_id,
        compound_id=series.compound_id,
        meter_id=series.meter_id,
        segment=series.segment,
        accounting_product_id=pricing.accounting_product_id,
        every_product=series.kind == "GLOBAL_CREDIT",
    )


def rerated(rated: RatedUsage, states: Mapping[date, State]) -> RatedUsage | None:
    """The charge with new states for some of its days; None if more changes (`Pool.moved`)."""
    moved = rated.pool.moved(states, rated.steps)
    if moved is None:
        return None
    pool, steps = moved
    [share], [slices] = pool.shares, pool.divided(steps)
    return RatedUsage(pool, steps, (rated.parts[0].with_usage(slices, share.quantity, steps[-1].after),))
