"""The burn-down of a prepayment or balance: added, drawn and remaining amounts, day by day (rules 11.1, 11.2, 11.6).

Each day is settled on its own, as of that day: by the usage of that day and of earlier days. So a day that is over
changes only by late usage or corrections.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import takewhile
from typing import Literal, NamedTuple

from projections.calendar import ONE_DAY, Period
from projections.outlook.forecast import Forecast, forecast_of, until_of
from projections.outlook.pace import WINDOWS, paces
from projections.outlook.standing import Standing, Use, fund_number, standing_of, use_of
from projections.settlement.agreements import Fund
from projections.settlement.family import Family
from projections.settlement.settled import Settlement
from projections.settlement.states_by_day import change_days, settled_on

#: Most marks of a burn-down.
MARKS_MAX = 400
MarkKind = Literal["START", "TOP_UP", "AMENDED", "CANCELLED", "END", "ROLLOVER_END"]


class BurnDownMark(NamedTuple):
    """An event of the fund on a day; `amount` of a payment (negative if it is taken out)."""

    day: date
    kind: MarkKind
    amount: Decimal | None = None


class ProductDrawn(NamedTuple):
    """The amount drawn by charges of a product."""

    product_id: str
    amount: Decimal


class BurnedDay(NamedTuple):
    """The fund at the end of a day: added = drawn + left + lapsed.

    `ahead` was paid in for draws on later days. `products`: the amounts drawn on this day, by product; negative if
    another product, or an earlier commitment, draws instead.
    """

    day: date
    added: Decimal
    drawn: Decimal
    left: Decimal
    lapsed: Decimal
    ahead: Decimal
    products: tuple[ProductDrawn, ...]


@dataclass(frozen=True, slots=True)
class BurnDown:
    """The days on which something changed, always with the last day; `earlier` counts the days that are not listed.

    `until` is the last day on which the fund can be drawn, if that is still to come: forecasts end there.
    `used_up_since` is the first day at whose end nothing was left, if nothing has been left since, in the term. It is
    None if nothing was paid in yet, or if that day lies before the listed range.
    """

    days: tuple[BurnedDay, ...]
    earlier: int
    marks: tuple[BurnDownMark, ...]
    until: date | None
    used_up_since: date | None
    forecasts: tuple[Forecast, ...]


class _Burning(NamedTuple):
    standing: Standing
    use: Use

    @property
    def day(self) -> date:
        return self.standing.day

    def differs(self, other: "_Burning") -> bool:
        return (self.standing[1:], self.use.by_product) != (other.standing[1:], other.use.by_product)


def burn_down(
    family: Family, agreement_id: str, last: Settlement, over: date, amended: Sequence[date] = (), most: int = 400
) -> BurnDown:
    """The burn-down of a prepayment or balance of the family up to the day of `last`.

    `over` is the last day that is over: the windows of forecasts end with it, or with the day of `last` if that is
    earlier. `amended` are the days on which the fund's terms changed, `most` is the number of days to list.
    """
    number = fund_number(family.terms, agreement_id)
    fund = family.terms.funds[number]
    days, over = change_days(family, agreement_id, last), min(over, last.through)
    earlier = max(0, len(days) - most)
    in_window = bisect_left(days, over - timedelta(days=WINDOWS[-1] - 1))
    begin = max(0, min(earlier, in_window) - 1)
    settled = [_burning(settlement, number) for settlement in settled_on(family, days[begin:])]
    now = _burning(last, number)
    until = until_of(fund, now.standing)
    paced = paces(_used_by_day(settled, begin > 0, over), fund.start, over) if until else []
    listed = [*(burning for burning in settled if burning.day < now.day), now]
    return BurnDown(
        tuple(_days(fund, listed, earlier - begin)),
        earlier,
        tuple(_marks(fund, now.day, amended)),
        until,
        _used_up_since(listed, begin > 0) if until else None,
        tuple(forecast_of(fund, now.standing, until, pace) for pace in paced if until),
    )


def _burning(settlement: Settlement, number: int) -> _Burning:
    return _Burning(standing_of(settlement, number), use_of(settlement, number))


def _used_by_day(settled: Sequence[_Burning], has_base: bool, over: date) -> dict[date, int]:
    """The use on each day that is over; with `has_base`, the first day only gives the use before the others."""
    before, used = (settled[0].use.total, settled[1:]) if has_base else (0, settled)
    by_day = {}
    for burning in used:
        if burning.day <= over:
            by_day[burning.day] = burning.use.total - before
            before = burning.use.total
    return by_day


def _used_up_since(listed: Sequence[_Burning], has_base: bool) -> date | None:
    """The day since which the fund is used up; None if it may have been so before the first day (`has_base`)."""
    empty = list(takewhile(lambda burning: burning.standing.left <= 0 < burning.standing.added, reversed(listed)))
    is_long_ago = has_base and len(empty) == len(listed)
    return empty[-1].day if empty and not is_long_ago else None


def _days(fund: Fund, listed: Sequence[_Burning], first: int) -> Iterator[BurnedDay]:
    """The days from the index `first` on that differ from their predecessor, and the last day."""
    shown: _Burning | None = listed[first - 1] if first else None
    for index, burning in enumerate(listed[first:], first):
        if index == len(listed) - 1 or shown is None or burning.differs(shown):
            yield _burned(fund, burning, {} if shown is None else shown.use.by_product)
            shown = burning


def _burned(fund: Fund, burning: _Burning, before: Mapping[str, int]) -> BurnedDay:
    money, now = fund.rounding.decimal, burning.use.by_product
    moved = {product: now.get(product, 0) - before.get(product, 0) for product in sorted({*now, *before})}
    standing = burning.standing
    return BurnedDay(
        burning.day,
        money(standing.added),
        money(standing.drawn),
        money(standing.left),
        money(standing.lapsed),
        money(standing.ahead),
        tuple(ProductDrawn(product, money(amount)) for product, amount in moved.items() if amount),
    )


def _marks(fund: Fund, through: date, amended: Iterable[date]) -> Iterator[BurnDownMark]:
    """Marks by day; only the latest if there are very many."""
    money = fund.rounding.decimal
    marks = [BurnDownMark(day, "AMENDED") for day in amended]
    before = 0
    for day, total in zip(fund.paid_in.posted, fund.paid_in.totals, strict=True):
        marks.append(BurnDownMark(day, "START" if day == fund.start else "TOP_UP", money(total - before)))
        before = total
    for series in fund.paid_in.top_ups:
        given = series.days.within(Period(fund.start, through + ONE_DAY))
        marks += [BurnDownMark(day, "TOP_UP", money(series.amount)) for day in given]
    if fund.start not in fund.paid_in.posted:
        marks.append(BurnDownMark(fund.start, "START"))
    marks.append(BurnDownMark(fund.end, "END" if fund.cancelled is None else "CANCELLED"))
    if fund.rolls_until is not None:
        marks.append(BurnDownMark(fund.rolls_until, "ROLLOVER_END"))
    yield from sorted(marks, key=lambda mark: mark.day)[-MARKS_MAX:]
