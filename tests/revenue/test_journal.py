"""Laws of the journal: each bill balances, and a prepayment that is over owes nothing."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from events.facts.bills import BillLine, LineType
from projections.revenue.journal import Chart, Entry, closing_of, entries_of
from tests.revenue.test_recognition import FEBRUARY, JANUARY, MARCH, days, line, lines

CHART = Chart(revenue_by_type={"OVERAGE_SURCHARGE": "4100"}, revenue_by_product={"api": "4200"})


def balances(entries: Iterable[Entry]) -> dict[str, Decimal]:
    """Debit less credit by account of the ledger, without those that are 0."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        assert entry.amount > 0 and entry.debit != entry.credit
        sums[entry.debit] += entry.amount
        sums[entry.credit] -= entry.amount
    return {ledger: amount for ledger, amount in sums.items() if amount}


@given(st.lists(lines(), min_size=1, max_size=6), days)
def test_a_bill_is_what_is_owed_and_balances(given: list[tuple[BillLine, str]], bill_date: date) -> None:
    currency = given[0][1]
    bill = [line for line, its in given if its == currency]
    entries = [entry for line in bill for entry in entries_of(line, bill_date, currency, None, CHART)]
    left = balances(entries)
    assert left.pop(CHART.receivables, Decimal(0)) == sum(line.amount for line in bill)
    assert not {CHART.contract_asset, CHART.deferred_revenue} & left.keys(), "by the end all is earned"
    for day in {entry.day for entry in entries}:
        assert not sum(balances(entry for entry in entries if entry.day == day).values())


@given(lines(), days)
def test_a_voided_line_leaves_nothing_on_any_day(given: tuple[BillLine, str], bill_date: date) -> None:
    bill, currency = given
    entries = [
        entry for void in (False, True) for entry in entries_of(bill, bill_date, currency, "api", CHART, voided=void)
    ]
    for day in {entry.day for entry in entries}:
        assert not balances(entry for entry in entries if entry.day == day)


@given(lines(), days)
def test_contract_assets_stand_before_the_bill_and_deferred_revenue_from_then_on(
    given: tuple[BillLine, str], bill_date: date
) -> None:
    bill, currency = given
    for entry in entries_of(bill, bill_date, currency, None, CHART):
        if entry.month is not None:
            between = CHART.contract_asset if entry.day < bill_date else CHART.deferred_revenue
            assert between in (entry.debit, entry.credit)


@given(st.lists(st.tuples(st.integers(-500, 500), st.booleans()), max_size=12), st.integers(0, 12))
def test_a_fund_that_is_over_owes_nothing_however_often_it_is_closed(moves: list[tuple[int, bool]], over: int) -> None:
    """Fees and draws, some of them after its end: each closing closes what came since the one before."""
    entries, left, closed = list[Entry](), Decimal(0), Decimal(0)
    for number, (cents, is_fee) in enumerate(moves):
        amount = Decimal(cents).scaleb(-2)
        type: LineType = "COMMITMENT_FEE" if is_fee else "COMMITMENT_CONSUMED"
        entries += entries_of(line(type, amount, JANUARY, FEBRUARY), FEBRUARY, "USD", None, CHART)
        left += amount
        if number >= over:
            entries += closing_of(left, closed, MARCH, CHART)
            closed = left
    entries += closing_of(left, closed, MARCH, CHART)
    at_the_end = balances(entries)
    assert CHART.prepayments not in at_the_end
    assert -at_the_end.get(CHART.breakage, Decimal(0)) == max(left, Decimal(0))
    assert -at_the_end.get(CHART.unbilled_credit, Decimal(0)) == min(left, Decimal(0))


def told(entries: Iterable[Entry]) -> list[str]:
    return [f"{entry.day:%m-%d} {entry.debit} {entry.credit} {entry.amount}" for entry in entries]


def test_usage_that_is_prepaid_is_earned_and_released_in_its_month() -> None:
    drawn = line("COMMITMENT_CONSUMED", "-20.00", JANUARY, FEBRUARY)
    assert told(entries_of(line("USAGE", "20.00", JANUARY, FEBRUARY), FEBRUARY, "USD", None, CHART)) == [
        "02-01 1200 1250 20.00",
        "01-31 1250 4000 20.00",
    ]
    assert told(entries_of(drawn, FEBRUARY, "USD", None, CHART)) == ["02-01 1250 1200 20.00", "01-31 2410 1250 20.00"]


def test_a_fee_in_advance_is_deferred() -> None:
    fee = line("STANDING_CHARGE", "59.00", JANUARY, MARCH)
    assert told(entries_of(fee, JANUARY, "USD", "api", CHART)) == [
        "01-01 1200 2400 59.00",
        "01-31 2400 4200 31.00",
        "02-28 2400 4200 28.00",
    ]


def test_a_prepayment_is_owed_until_it_is_drawn() -> None:
    fee = line("COMMITMENT_FEE", "100.00", JANUARY, MARCH)
    assert told(entries_of(fee, JANUARY, "USD", None, CHART)) == ["01-01 1200 2410 100.00"]
    assert told(closing_of(Decimal("5.00"), Decimal(0), JANUARY + timedelta(days=30), CHART)) == [
        "01-31 2410 4900 5.00"
    ]


def test_revenue_goes_by_product_before_type() -> None:
    surcharge = line("OVERAGE_SURCHARGE", "1", JANUARY, FEBRUARY)
    accounts = {code: list(entries_of(surcharge, FEBRUARY, "USD", code, CHART))[1].credit for code in ("api", "other")}
    assert accounts == {"api": "4200", "other": "4100"}
