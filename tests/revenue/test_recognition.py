"""Laws of recognition: whatever a line is, its months sum to it, and lie in its service."""

from datetime import date, timedelta
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.facts.bills import BillLine, LineType
from projections.line_types import DRAWS
from projections.money import minor_digits
from projections.revenue.recognition import MonthPart, parts_of, recognition_of

TYPES: tuple[LineType, ...] = get_args(LineType)
JANUARY, FEBRUARY, MARCH = (date(2026, month, 1) for month in (1, 2, 3))


def line(type: LineType, amount: str | Decimal, start: date, end: date, *, true_up: bool = False) -> BillLine:
    zero = Decimal(0)
    return BillLine(
        id="line", number=1, type=type, account_id="acme", amount=Decimal(amount), quantity=zero, units=zero,
        period_start=start, period_end=end, true_up=true_up,
    )  # fmt: skip


days = st.dates(date(2019, 12, 25), date(2028, 3, 2))
currencies = st.sampled_from(["USD", "JPY", "KWD", "CLF"])


@st.composite
def lines(draw: st.DrawFn) -> tuple[BillLine, str]:
    currency = draw(currencies)
    amount = Decimal(draw(st.integers(-(10**15), 10**15))).scaleb(-minor_digits(currency))
    start = draw(days)
    end = start + timedelta(days=draw(st.integers(0, 800)))
    type = draw(st.sampled_from(TYPES))
    true_up = type == "COMMITMENT_FEE" and draw(st.booleans())
    return line(type, amount, start, end, true_up=true_up), currency


@given(lines())
def test_the_months_of_a_line_sum_to_it(given: tuple[BillLine, str]) -> None:
    bill, currency = given
    parts = parts_of(bill, currency)
    expected = Decimal(0) if recognition_of(bill) == "PREPAYMENT" else bill.amount
    assert sum((part.amount for part in parts), Decimal(0)) == expected


@given(lines())
def test_a_part_is_in_its_month_and_its_service_and_no_finer_than_money(given: tuple[BillLine, str]) -> None:
    bill, currency = given
    parts = parts_of(bill, currency)
    assert [part.month for part in parts] == sorted({part.month for part in parts})
    for part in parts:
        assert part.amount and part.month == part.day.replace(day=1)
        assert bill.period_start <= part.day <= max(bill.period_start, bill.period_end - timedelta(days=1))
        assert part.amount == part.amount.quantize(Decimal(1).scaleb(-minor_digits(currency)))
        assert (part.amount < 0) == (bill.amount < 0)


@given(lines())
def test_what_is_taken_back_is_taken_back_month_by_month(given: tuple[BillLine, str]) -> None:
    bill, currency = given
    back = bill.model_copy(update={"amount": -bill.amount})
    undone = [(part.month, -part.amount) for part in parts_of(back, currency)]
    assert [(part.month, part.amount) for part in parts_of(bill, currency)] == undone


@given(lines())
def test_no_month_is_a_minor_unit_or_more_from_its_share(given: tuple[BillLine, str]) -> None:
    bill, currency = given
    if bill.true_up or bill.period_end <= bill.period_start:
        return
    unit = Decimal(1).scaleb(-minor_digits(currency))
    length = (bill.period_end - bill.period_start).days
    for part in parts_of(bill, currency):
        in_month = (part.day - max(part.month, bill.period_start)).days + 1
        assert abs(part.amount * length - bill.amount * in_month) < unit * length


@pytest.mark.parametrize(
    ("given", "months"),
    [
        (line("STANDING_CHARGE", "90.00", JANUARY, date(2026, 4, 1)), ["31.00", "28.00", "31.00"]),
        (line("STANDING_CHARGE", "0.01", JANUARY, MARCH), ["0.01"]),
        (line("USAGE", "20.00", FEBRUARY, MARCH), ["20.00"]),
        (line("USAGE", "10.00", date(2026, 1, 15), date(2026, 2, 15)), ["5.48", "4.52"]),
        (line("AD_HOC", "7.00", JANUARY, JANUARY), ["7.00"]),
        (line("COMMITMENT_FEE", "100.00", JANUARY, MARCH), []),
        (line("COMMITMENT_FEE", "100.00", JANUARY, MARCH, true_up=True), ["100.00"]),
        (line("BALANCE_FEE", "100.00", JANUARY, MARCH), []),
    ],
)  # fmt: skip
def test_by_example(given: BillLine, months: list[str]) -> None:
    assert [str(part.amount) for part in parts_of(given, "USD")] == months


def test_a_true_up_is_of_the_month_in_which_its_period_ends() -> None:
    [part] = parts_of(line("COMMITMENT_FEE", "5", JANUARY, MARCH, true_up=True), "USD")
    assert part == MonthPart(FEBRUARY, date(2026, 2, 28), Decimal(5))


def test_what_draws_releases_and_what_pays_ahead_is_earned_later() -> None:
    kinds = {type: recognition_of(line(type, "1", JANUARY, FEBRUARY)) for type in TYPES}
    assert {type for type, kind in kinds.items() if kind == "PREPAYMENT"} == {"COMMITMENT_FEE", "BALANCE_FEE"}
    assert {type for type, kind in kinds.items() if kind == "RELEASE"} == set(DRAWS)


def test_the_last_month_of_the_calendar_has_an_end() -> None:
    parts = parts_of(line("AD_HOC", "2", date(9999, 11, 30), date(9999, 12, 31)), "USD")
    assert [(part.month.month, str(part.amount)) for part in parts] == [(11, "0.06"), (12, "1.94")]
