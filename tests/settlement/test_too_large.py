"""What follows from many numbers may have too many digits: then it is told whose it is, and nothing is made of it."""

from datetime import date
from decimal import Decimal

import pytest

from events.facts.bills import Positions
from projections.settlement import Family, draft_bills, issue, settle, unbilled
from projections.too_large import TooLargeError, check_size
from services.billing.jobs import Failure
from services.simulate.naming import id_of
from tests.settlement.playing import family_of, play_text

FEBRUARY = date(2026, 2, 1)
MOST = 999_999_999_999_999_999
CHARGE = """{{code: c{n}, account: acme, amount: {amount},
  servicePeriodStartDate: 2026-01-0{n}, servicePeriodEndDate: 2026-01-1{n}}}"""
YEAR = "startDate: 2026-01-01, endDate: 2027-01-01"
CHARGED = """
accounts: [{{code: acme}}]
{more}
charges: [{charges}]
steps: [{{bill: {{date: 2025-12-31}}, expect: []}}]
"""
USED = """
products: [{code: compute}]
meters: [{code: m, dataFields: [{code: q, category: MEASURE, unit: "1"}]}]
aggregations: [{code: units, meter: m, targetField: q, aggregation: SUM}]
MORE
plans:
  - code: basic
    product: compute
    billFrequency: MONTHLY
    pricings: [{code: units, PRICED, startDate: 2026-01-01, pricingBands: [{lowerLimit: 0, unitPrice: PRICE}]}]
accounts: [{code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}]
steps:
  - usage: {account: acme, meter: m, ts: "2026-01-03T12:00:00Z", measure: {q: QUANTITY}}
  - usage: {account: acme, meter: m, ts: "2026-01-04T12:00:00Z", measure: {q: QUANTITY}}
"""


def charged(*amounts: int) -> Family:
    charges = ", ".join(CHARGE.format(n=n, amount=amount) for n, amount in enumerate(amounts, 1))
    return family_of(play_text(CHARGED.format(charges=charges, more="")))


def used(quantity: int, price: str, *, formula: str = "", more: str = "") -> Family:
    more += f'compoundAggregations: [{{code: formula, calculation: "{formula}"}}]' if formula else ""
    priced = "compoundAggregation: formula" if formula else "aggregation: units"
    text = USED.replace("QUANTITY", str(quantity)).replace("PRICED", priced).replace("PRICE", price)
    return family_of(play_text(text.replace("MORE", more)))


def refusal(family: Family) -> str:
    """Why no bill is made, in the words of an answer; what has arrived is refused alike."""
    with pytest.raises(TooLargeError) as refused:
        draft_bills(family, date=FEBRUARY)
    with pytest.raises(TooLargeError) as alike:
        unbilled(family, as_of=FEBRUARY)
    assert str(alike.value) == str(refused.value) and refused.value.account_id == id_of("account", "acme")
    return str(refused.value)


def test_the_largest_line_and_total_are_billed() -> None:
    [draft] = draft_bills(charged(MOST), date=FEBRUARY)
    bill = issue(draft, bill_id=id_of("bill", "b"), positions=Positions(partition=0, log=0, catalog=0))
    assert bill.total == MOST


def test_lines_that_add_up_to_more_make_no_bill() -> None:
    told = refusal(charged(MOST, 1))
    assert told.startswith(f"account {id_of('account', 'acme')}: the total of its bill in USD would be 1.0E+18, and")


def test_usage_times_a_price_makes_no_line_of_more() -> None:
    assert ": USAGE from 2026-01-01 would be 1.0E+18, and" in refusal(used(5 * 10**17, "1"))


def test_usage_that_costs_nothing_has_no_quantity_of_more() -> None:
    assert ": USAGE from 2026-01-01 would be 1.8E+18, and" in refusal(used(9 * 10**17, "0"))


def test_no_number_that_follows_from_a_formula_is_larger_than_what_is_reckoned_with() -> None:
    squared = used(49 * 10**16, str(MOST), formula="aggregation.units * aggregation.units / 7")
    assert ": USAGE from 2026-01-01 would be 1.4E+53, and" in refusal(squared)


def test_what_is_paid_in_is_told_up_to_as_much() -> None:
    player = play_text(CHARGED.format(charges="", more=f"balances: [{{code: w, account: acme, {YEAR}}}]"))
    player.transact("w", Decimal(MOST), date(2026, 1, 1))
    assert settle(family_of(player), through=FEBRUARY, accrued=True).balances[id_of("balance", "w")].top_ups == MOST
    player.transact("w", Decimal(1), date(2026, 1, 2))
    settlement = settle(family_of(player), through=FEBRUARY, accrued=True)
    with pytest.raises(TooLargeError, match=f": BALANCE {id_of('balance', 'w')} would be"):
        settlement.states()


def test_what_counts_toward_a_minimum_is_told_up_to_as_much() -> None:
    minimum = f"commitments: [{{code: c, account: acme, commitmentType: MINIMUM, amount: 5, {YEAR}}}]"
    assert settle(used(MOST // 2, "1", more=minimum), through=FEBRUARY, accrued=True).states()
    family = used(5 * 10**17, "1", more=minimum)
    with pytest.raises(TooLargeError, match=f": MINIMUM {id_of('commitment', 'c')} would be"):
        settle(family, through=FEBRUARY, accrued=True).states()


@pytest.mark.parametrize("number", ["1E+18", "-1E+18", "1234567890123456789.5"])
def test_a_number_of_more_than_eighteen_digits_is_too_large(number: str) -> None:
    with pytest.raises(TooLargeError, match=r"^account a: a line of 3 would be -?1\.[02]E\+18, and"):
        check_size("a", ("a line of", 3), Decimal(1), Decimal(number))


def test_any_other_number_is_not() -> None:
    check_size("a", ("a line",), Decimal(MOST), Decimal(-MOST), Decimal("0E+30"), Decimal("999999999999999999.999"))


def test_a_bill_job_says_it_as_it_is() -> None:
    error = TooLargeError("a", "USAGE from 2026-01-01", Decimal("1E+18"))
    assert Failure(error, account_id="a").document() == {"accountId": "a", "message": str(error)}
