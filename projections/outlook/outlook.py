"""The outlooks of all commitments and balances of a family: the middle of each forecast, without its band (rules
11.9).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from projections.calendar import ONE_DAY
from projections.outlook.forecast import additions, course, lapses, on_day, until_of
from projections.outlook.pace import WINDOWS, Pace, days_of
from projections.outlook.progress import days_left, reached
from projections.outlook.standing import Standing, standing_of, used_of_all
from projections.settlement.agreements import Fund
from projections.settlement.minimums import Minimum, MinimumPeriod, lacking
from projections.settlement.settled import Settlement
from projections.settlement.states import AgreementKind
from projections.settlement.states_by_day import as_of_day


class Expected(NamedTuple):
    """A forecast by the usage of the last `window` days, of which `days` lie in the term.

    `day` is when a prepayment or balance runs out, or a minimum is reached; None: not in time, or nothing is left now.
    `at_stake` is the money to pay beside the agreed amount: uncovered use, or the true-up. `lapses` is the amount that
    is paid for and not used.
    """

    window: int
    days: int
    per_day: Decimal
    day: date | None
    at_stake: Decimal
    lapses: Decimal


class Outlook(NamedTuple):
    """A commitment or balance in its term; `until` is the last day of the forecast: of a fund's draws, or of a
    minimum's running period. `left` is the fund's remaining amount, or the amount that the period lacks.
    """

    id: str
    account_id: str
    kind: AgreementKind
    currency: str
    as_of: date
    until: date
    left: Decimal
    expected: tuple[Expected, ...]


class Used(NamedTuple):
    """The use by the end of a day: of each fund, by number, and the amount counted toward each minimum."""

    funds: Sequence[int]
    minimums: Sequence[int]


class UsedBefore(NamedTuple):
    """The use by the end of `over`, the last day that is over, and by the days before the windows, as far as they are
    known.

    It stays valid while the terms stay and nothing arrives for these days.
    """

    over: date
    by_day: Mapping[date, Used]

    def without(self, day: date) -> "UsedBefore":
        """The part that stays valid after something arrived for a day."""
        return UsedBefore(self.over, {at: used for at, used in self.by_day.items() if at < day})


def used_before(last: Settlement, known: UsedBefore | None = None) -> UsedBefore:
    """The use of the family of `last` before its day: one settlement for each day that is not `known`, and none if
    nothing is in its term.
    """
    over = last.through - ONE_DAY
    drawn, counting = _drawn(last, over), _counting(last, over)
    starts = [*(fund.start for _, fund, _ in drawn), *(minimum.start for _, minimum, _ in counting)]
    if not starts:
        return UsedBefore(over, {})
    before = (over - timedelta(days=window) for window in WINDOWS)
    by_day = dict(known.by_day) if known is not None and known.over == over else {}
    kept = last.kept
    # Backwards from the present settlement: periods that were over by then are not rated again.
    for day in sorted({over, *(day for day in before if day >= min(starts))} - by_day.keys(), reverse=True):
        settlement = as_of_day(last.family, day, kept)
        by_day[day], kept = _used(settlement), settlement.kept
    return UsedBefore(over, by_day)


def outlooks(last: Settlement, used: UsedBefore) -> Iterator[Outlook]:
    """The outlooks of everything in its term on the day of `last`, without agreements that began on that very day.

    `used` is the use before that day.
    """
    for number, fund, until in _drawn(last, used.over):
        by_day = {day: by_then.funds[number] for day, by_then in used.by_day.items()}
        yield _of_fund(fund, standing_of(last, number), until, _paces(by_day, fund.start, used.over))
    for number, minimum, period in _counting(last, used.over):
        by_day = {day: by_then.minimums[number] for day, by_then in used.by_day.items()}
        yield _of_minimum(minimum, period, last.through, _paces(by_day, minimum.start, used.over))


def _drawn(last: Settlement, over: date) -> list[tuple[int, Fund, date]]:
    """The funds that can be drawn now and could be on a day that is over: number, and last day on which each can be
    drawn.
    """
    numbered = ((number, fund) for number, fund in enumerate(last.terms.funds) if fund.start <= over)
    with_ends = ((number, fund, until_of(fund, standing_of(last, number))) for number, fund in numbered)
    return [(number, fund, until) for number, fund, until in with_ends if until is not None]


def _counting(last: Settlement, over: date) -> list[tuple[int, Minimum, MinimumPeriod]]:
    """The minimums toward which something could count on a day that is over, each with its running period."""
    numbered = ((number, minimum) for number, minimum in enumerate(last.terms.minimums) if minimum.start <= over)
    running = ((number, minimum, _running(minimum, last)) for number, minimum in numbered)
    return [(number, minimum, period) for number, minimum, period in running if period is not None]


def _running(minimum: Minimum, last: Settlement) -> MinimumPeriod | None:
    """The period that holds the day, unless it is waived."""
    periods = last.minimum_periods[minimum.id]
    return next((period for period in periods if period.start <= last.through < period.end and not period.waived), None)


def _used(settlement: Settlement) -> Used:
    periods = (settlement.minimum_periods[minimum.id] for minimum in settlement.terms.minimums)
    return Used(used_of_all(settlement), [sum(period.counted for period in each) for each in periods])


def _paces(used: Mapping[date, int], since: date, over: date) -> list[Pace]:
    """Like `paces`, but from sums alone, because these forecasts have no band."""
    by_window = []
    for window in WINDOWS:
        before = over - timedelta(days=window)
        earlier = used[before] if before >= since else 0
        by_window.append(Pace(window, days_of(window, since, over), used[over] - earlier, 0))
    return by_window


def _of_fund(fund: Fund, now: Standing, until: date, by: Sequence[Pace]) -> Outlook:
    last, more, money = (until - now.day).days, additions(fund, now.day, now.added, until), fund.rounding.decimal
    expected = []
    for pace in by:
        ahead = course(now.left, more, last, pace.use)
        runs_out, rest = on_day(now.day, ahead.runs_out), money(lapses(fund, now, ahead))
        a_day = pace.per_day(fund.rounding)
        expected.append(Expected(pace.window, pace.days, a_day, runs_out, money(ahead.uncovered), rest))
    left = money(now.left)
    return Outlook(fund.id, fund.account.id, fund.kind, fund.currency, now.day, until, left, tuple(expected))


def _of_minimum(minimum: Minimum, period: MinimumPeriod, now: date, by: Sequence[Pace]) -> Outlook:
    money, (start, last) = minimum.rounding.decimal, days_left(period, now)
    expected = []
    for pace in by:
        true_up = money(lacking(period, period.counted + pace.use(last)))
        day, a_day = on_day(start, reached(period, last, pace.use)), pace.per_day(minimum.rounding)
        expected.append(Expected(pace.window, pace.days, a_day, day, true_up, money(0)))
    until, left = period.end - ONE_DAY, money(period.shortfall)
    owner, currency = minimum.account.id, minimum.currency
    return Outlook(minimum.id, owner, "MINIMUM", currency, now, until, left, tuple(expected))
