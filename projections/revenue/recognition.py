"""The months in which the amount of a bill line is earned (rules 13): a function of the line alone.

So an exported issued line stays the same for ever, and a difference line of a later bill brings the difference.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from events.decimals import EXACT
from events.facts.bills import BillLine
from projections.calendar import ONE_DAY
from projections.line_types import LINES
from projections.money import divide, minor_digits

#: REVENUE: earned in the months of its parts. PREPAYMENT: paid ahead, and owed to the customer until it is drawn.
#: RELEASE: a draw, which releases the prepayment in the months of its parts.
Recognition = Literal["REVENUE", "PREPAYMENT", "RELEASE"]


class MonthPart(NamedTuple):
    """The part of a line that belongs to one month."""

    #: The month's first day.
    month: date
    #: The last day of the service in the month: the amount is earned by then.
    day: date
    amount: Decimal


def recognition_of(line: BillLine) -> Recognition:
    """How the line's amount is recognised (rules 13.2 to 13.5)."""
    row = LINES[line.type]
    if row.draws_on:
        return "RELEASE"
    return "PREPAYMENT" if row.paid_ahead and not line.true_up else "REVENUE"


def parts_of(line: BillLine, currency: str) -> list[MonthPart]:
    """The line's amount by month, oldest first; the parts that are not 0 sum to it (rules 13.1). A prepayment has no
    parts: it belongs to no month before it is drawn.
    """
    if recognition_of(line) == "PREPAYMENT":
        return []
    if not line.other_ends:
        return _parts_until(line, line.period_end, line.amount, currency)
    rest, months = line.amount, dict[date, MonthPart]()
    for other in line.other_ends:
        rest = EXACT.subtract(rest, other.amount)
    for end, amount in [(line.period_end, rest), *((other.period_end, other.amount) for other in line.other_ends)]:
        for part in _parts_until(line, end, amount, currency):
            known = months.get(part.month, part._replace(amount=Decimal(0)))
            months[part.month] = MonthPart(part.month, max(part.day, known.day), EXACT.add(part.amount, known.amount))
    return [months[month] for month in sorted(months) if months[month].amount]


def _parts_until(line: BillLine, end: date, amount: Decimal, currency: str) -> list[MonthPart]:
    """An amount by month, from the line's start until this end of its period."""
    if not amount:
        return []
    first, last = line.period_start, max(line.period_start, end - ONE_DAY)
    days = [last] if line.true_up else list(_last_days(first, last))
    if len(days) == 1:
        return [MonthPart(_month(days[0]), days[0], amount)]
    digits = minor_digits(currency)
    starts = [first, *(_month(day) for day in days[1:])]
    weights = [Fraction((day - start).days + 1) for start, day in zip(starts, days, strict=True)]
    shares = divide(int(EXACT.scaleb(amount, digits)), weights)
    return [
        MonthPart(_month(day), day, EXACT.scaleb(Decimal(share), -digits))
        for day, share in zip(days, shares, strict=True)
        if share
    ]


def _last_days(first: date, last: date) -> Iterator[date]:
    """The last day of the service in each of its months."""
    day = first
    while (end := day.replace(day=monthrange(day.year, day.month)[1])) < last:
        yield end
        day = end + ONE_DAY
    yield last


def _month(day: date) -> date:
    return day.replace(day=1)
