"""A pool: the usage under one pricing in one billing period, of one account or of a parent with its pooled children.

It is rated as one quantity, slice by slice, and then divided among its accounts (rules 4.1, 7.5 to 7.7).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from projections.aggregates import units
from projections.calendar import Period
from projections.measures import Day, State
from projections.money import divide
from projections.rating.charges import Slice, absorb, summed, weights_of
from projections.rating.terms import AccountTerms, PlanTerms, PricingTerms, Series

ONE = Fraction(1)


class Step(NamedTuple):
    """A slice of a pooled charge: minor units, the priced units of the total before and after it, and that total."""

    start: date
    amount: int
    before: Fraction
    after: Fraction
    total: State | None


class GivenBack(NamedTuple):
    """The refunds for accounts below zero, for their own quantity: minor units and priced units, both negative."""

    amount: int
    units: Fraction


class Share(NamedTuple):
    """An account of a pool: its own quantity on the days of the charge, and its states of these days, by day.

    If a quantity runs on through the billing period, `days` are all days of the period, with or without this pricing.
    """

    account: AccountTerms
    quantity: Fraction
    days: Sequence[Day]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """The usage under one pricing in one billing period.

    `days` are the days that move the total. If the total runs on through the billing period, or (tiersSpanPlan) the
    plan's life, they include days on which the pricing does not apply. `base` is the total before the period's first
    day. `weight` is the part of C that is owed: less than 1 if a peak is paid under several pricings, each by its days.
    `shares` are by account code.
    """

    plan: PlanTerms
    series: Series
    pricing: PricingTerms
    period: Period
    start: date
    end: date
    base: State | None
    weight: Fraction
    days: tuple[Day, ...]
    shares: tuple[Share, ...]

    def units(self, state: State | None) -> Fraction:
        """The priced units of a total."""
        series = self.series
        return units(series.measure.value(state), series.quantity_per_unit, series.rounding)

    def worth(self, priced: Fraction) -> int:
        """The owed part of C for these units: minor units, rounded once."""
        if self.weight is ONE:
            return self.plan.rounding.minor_of(*self.pricing.price.ratio(priced))
        return self.plan.rounding.minor(self.pricing.price.charge(priced) * self.weight)

    def overage_worth(self, priced: Fraction) -> int:
        """The price of these units by the overage bands: minor units, rounded once."""
        assert self.pricing.overage is not None
        return self.plan.rounding.minor(self.pricing.overage.charge(priced) * self.weight)

    def affordable(self, amount: int, most: Fraction) -> Fraction:
        """The largest quantity up to `most` whose C does not exceed the amount, in minor units; for tiered prices."""
        return self.pricing.price.affordable(Fraction(self.plan.rounding.decimal(amount)) / self.weight, most)

    def steps(self, cuts: Sequence[date]) -> tuple[Step, ...]:
        """The charge cut at the given days (sorted), in order of day."""
        before = self.units(self.base)
        return tuple(self._steps(self._runs(cuts), self.base, before, self.worth(before)))

    def moved(self, states: Mapping[date, State], before: Sequence[Step]) -> "tuple[Pool, tuple[Step, ...]] | None":
        """This pool after the states of some of its days have changed, and its steps, given the steps `before`.

        Slices before the first of these days stay. None if more changes: a day that the pool did not have, one account
        of several, or a total that runs on.
        """
        measure = self.series.measure
        if len(self.shares) != 1 or self.pricing.span or measure.runs_on:
            return None
        days_now = list(self.days)
        changes: list[tuple[date, State | None]] = []
        for day in sorted(states):
            index = bisect_left(days_now, (day,))
            if index == len(days_now) or days_now[index].day != day:
                return None
            changes.append((day, measure.difference(days_now[index].state, states[day])))
            days_now[index] = Day(day, True, states[day])
        days = tuple(days_now)
        steps = self._steps_by(changes, before) or self._steps_since(changes[0][0], days, before)
        # The pricing applies on all its days, so the total after the last slice covers them all.
        share = Share(self.shares[0].account, measure.value(steps[-1].total), days)
        terms = (self.plan, self.series, self.pricing, self.period, self.start, self.end)
        return Pool(*terms, None, self.weight, days, (share,)), steps

    def _steps_by(
        self, changes: Sequence[tuple[date, State | None]], before: Sequence[Step]
    ) -> tuple[Step, ...] | None:
        """The steps `before` with the changes of some days, by day, added to their totals; None if one is unknown.

        So a slice costs the same however many days it has.
        """
        merge = self.series.measure.merge
        first = bisect_right(before, changes[0][0], key=_start) - 1
        steps, again = list(before[:first]), before[first:]
        differences = self._differences(changes, again)
        if differences is None:
            return None
        units_before, charged = again[0].before, sum([step.amount for step in steps])
        for step, difference in zip(again, differences, strict=True):
            total = merge(step.total, difference)
            after = self.units(total)
            worth = self.worth(after)
            steps.append(Step(step.start, worth - charged, units_before, after, total))
            units_before, charged = after, worth
        return tuple(steps)

    def _differences(self, changes: Sequence[tuple[date, State | None]], steps: Sequence[Step]) -> list[State] | None:
        """Of each of these slices, what the changes of its days and of those before add to its total; None where one
        says too little. The first change lies in the first slice."""
        merge = self.series.measure.merge
        differences: list[State] = []
        so_far = changes[0][1]
        for day, change in changes[1:]:
            if so_far is None or change is None:
                return None
            # Slices before the day's own are done: nothing more of theirs has changed.
            done = bisect_right(steps, day, key=_start) - 1
            differences += [so_far] * (done - len(differences))
            so_far = merge(so_far, change)
        return None if so_far is None else differences + [so_far] * (len(steps) - len(differences))

    def _steps_since(self, day: date, days: Sequence[Day], before: Sequence[Step]) -> tuple[Step, ...]:
        """The steps `before`, cut again from this day on, after states of this day or later ones changed."""
        first = bisect_right(before, day, key=_start) - 1
        earlier, starts = before[:first], [step.start for step in before[first:]]
        indexes = [bisect_left(days, (start,)) for start in starts] + [len(days)]
        runs = [
            (start, True, [one_day.state for one_day in days[index:stop]])
            for start, index, stop in zip(starts, indexes, indexes[1:], strict=False)
        ]
        charged = sum(step.amount for step in earlier)
        return (*earlier, *self._steps(runs, earlier[-1].total if earlier else None, before[first].before, charged))

    def _steps(
        self, runs: Iterable[tuple[date, bool, list[State]]], running: State | None, before: Fraction, charged: int
    ) -> Iterator[Step]:
        """The runs under the pricing as slices; before them `running` is the total, `before` its units, `charged` its
        worth."""
        measure = self.series.measure
        for start, is_held, states in runs:
            added = measure.merge_all(states)
            running = added if running is None or added is None else measure.merge(running, added)
            after = self.units(running)
            worth = self.worth(after)
            if is_held:
                yield Step(start, worth - charged, before, after, running)
            before, charged = after, worth

    def _runs(self, cuts: Sequence[date]) -> Iterator[tuple[date, bool, list[State]]]:
        """The states of each slice, in order of day: (the slice's start, whether the pricing applies, states)."""
        states: list[State] = []
        start, is_held, stop = self.start, True, date.min
        for day in self.days:
            if states and (day.day >= stop or day.held != is_held):
                yield start, is_held, states
                states = []
            if not states:
                index = bisect_right(cuts, day.day)
                start = max(self.start, cuts[index - 1]) if index else self.start
                stop = cuts[index] if index < len(cuts) else date.max
                is_held = day.held
            states.append(day.state)
        yield start, is_held, states

    def divided(self, steps: Sequence[Step]) -> list[tuple[Slice, ...]]:
        """The slices of each share; all sums are divided like the whole charge: by own quantity and largest remainder.

        Beside accounts above zero, an account with a negative own quantity gets it refunded at the first band's unit
        price, by its own days, and the other accounts divide the rest of the charge. A credit's pool refunds nothing,
        because no more is credited than the credit is worth.
        """
        slices = summed([(step.start, step.amount) for step in steps])
        if len(self.shares) == 1:
            return [absorb(slices)]
        weights = weights_of([share.quantity for share in self.shares])
        below = [self.gets_its_own_back(share) for share in self.shares]
        parts: list[list[Slice]] = [[] for _ in self.shares]
        before, total = [0] * len(self.shares), 0
        for number, slice in enumerate(slices):
            total += slice.amount
            stop = slices[number + 1].start if number + 1 < len(slices) else self.end
            now = self._divided_at(stop, total, weights, below)
            for part, owed, owed_before in zip(parts, now, before, strict=True):
                part.append(Slice(slice.start, owed - owed_before))
            before = now
        return [absorb(part) for part in parts]

    def _divided_at(self, stop: date, total: int, weights: Sequence[Fraction], below: Sequence[bool]) -> list[int]:
        """What each share owes of the total before a day; those that are `below` zero are given their own back."""
        own_back = [
            self._own_back(share, stop).amount if is_below else 0
            for share, is_below in zip(self.shares, below, strict=True)
        ]
        divided = divide(total - sum(own_back), weights)
        return [part + given for part, given in zip(divided, own_back, strict=True)]

    def gets_its_own_back(self, share: Share) -> bool:
        """Whether the share is refunded: it is below zero, another account above zero, and this is no credit's pool."""
        return share.quantity < 0 and not self.series.is_credit and any(other.quantity > 0 for other in self.shares)

    def given_back(self, stop: date) -> GivenBack:
        """The sum refunded to accounts below zero for their days before `stop`."""
        own_back = [self._own_back(share, stop) for share in self.shares if self.gets_its_own_back(share)]
        return GivenBack(sum(given.amount for given in own_back), sum((given.units for given in own_back), Fraction(0)))

    def _own_back(self, share: Share, stop: date) -> GivenBack:
        own = self.series.measure.gain(day for day in share.days if day.day < stop)
        priced = own / self.series.quantity_per_unit
        return GivenBack(self.plan.rounding.minor(priced * self.pricing.price.unit[0] * self.weight), priced)


def _start(step: Step) -> date:
    return step.start
