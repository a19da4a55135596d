"""What an account of a pool is charged: by its own quantity, its own back below zero, overage by what is uncovered."""

from datetime import date
from decimal import Decimal

from projections.settlement import draft_bills
from tests.settlement.playing import family_of, play_text

STORY = """
scenario: a parent and two pooled children
meters: [{code: m, dataFields: [{code: q, category: MEASURE}]}]
aggregations: [{code: units, meter: m, targetField: q, quantityPerUnit: PER}]
plans: [{code: basic, product: p, pricings: [{aggregation: units, startDate: 2026-01-01, PRICE}]}]
accounts:
  - {code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}
  - {code: kid-a, parentAccount: acme}
  - {code: kid-b, parentAccount: acme}
COMMITMENTS
steps:
STEPS
"""
Lines = dict[tuple[str, str], Decimal]


def used(account: str, day: int, quantity: int) -> str:
    return f"  - usage: {{account: {account}, meter: m, ts: 2026-01-{day:02}T12:00:00Z, measure: {{q: {quantity}}}}}\n"


def billed(steps: str, *, price: str = "pricingBands: [{unitPrice: 1}]", per: int = 1, commitments: str = "") -> Lines:
    """January's amounts by account and type."""
    story = STORY.replace("PRICE", price).replace("PER", str(per)).replace("STEPS", steps)
    family = family_of(play_text(story.replace("COMMITMENTS", commitments)))
    [bill] = draft_bills(family, date=date(2026, 2, 1))
    codes = {account.id: account.code for account in family.terms.accounts.values()}
    return {(codes[line.key.owner_id], line.type): line.amount for line in bill.lines}


TIERS = "cumulative: true, pricingBands: [{unitPrice: 2}, {lowerLimit: 50, unitPrice: 1}]"
BELOW = used("acme", 5, 100) + used("kid-a", 5, -40) + used("kid-b", 5, -10)


def test_accounts_below_zero_get_the_first_bands_price_and_the_others_pay_the_rest() -> None:
    """C(50) is 100; 40 and 10 go back at 2 each, so 200 are left for acme."""
    assert billed(BELOW, price=TIERS) == {
        ("acme", "USAGE"): 200,
        ("kid-a", "USAGE"): -80,
        ("kid-b", "USAGE"): -20,
    }


def test_what_goes_back_is_counted_in_units_and_not_rounded_to_whole_ones() -> None:
    """By packages of three: 50 are 16.67 units, 33.33 in money; 40 and 10 are 13.33 and 3.33 units, 26.67 and 6.67."""
    assert billed(BELOW, price=TIERS, per=3) == {
        ("acme", "USAGE"): Decimal("66.67"),
        ("kid-a", "USAGE"): Decimal("-26.67"),
        ("kid-b", "USAGE"): Decimal("-6.67"),
    }


def test_where_all_are_below_zero_they_divide_what_is_credited() -> None:
    assert billed(used("acme", 5, -30) + used("kid-a", 5, -20), price=TIERS) == {
        ("acme", "USAGE"): -60,
        ("kid-a", "USAGE"): -40,
    }


def test_an_account_at_zero_neither_pays_nor_gets_anything() -> None:
    steps = used("acme", 5, 10) + used("kid-a", 5, 7) + used("kid-a", 6, -7) + used("kid-b", 5, -4)
    assert billed(steps) == {("acme", "USAGE"): 10, ("kid-b", "USAGE"): -4}


PRE = "commitments:\n  - {code: pre, account: acme, startDate: 2026-01-01, endDate: 2027-01-01, amount: AMOUNT, TERMS}"
ELSE = "\n  - {code: cut, account: acme, startDate: 2026-01-16, endDate: 2027-01-01, amount: 1, products: [p-2]}"
CUT = PRE.replace("AMOUNT", "1000").replace("TERMS", "amountPrePaid: 1000") + ELSE + "\nproducts: [{code: p-2}]"


def test_what_goes_back_grows_with_the_accounts_own_quantity() -> None:
    """Up to the 16th 50 go back to kid-a, then it uses 10, which are drawn. The other way round they are taken away."""
    acme = {("acme", "USAGE"): 100, ("acme", "COMMITMENT_CONSUMED"): -100}
    steps = used("acme", 5, 100) + used("kid-a", 5, -50) + used("kid-a", 20, 10)
    kid = {("kid-a", "USAGE"): -40, ("kid-a", "COMMITMENT_CONSUMED"): -10}
    assert billed(steps, commitments=CUT) == acme | kid
    steps = used("acme", 5, 100) + used("kid-a", 5, 10) + used("kid-a", 20, -50)
    assert billed(steps, commitments=CUT) == acme | {("kid-a", "USAGE"): -40}


BANDS = (
    "cumulative: true, pricingBands: [{unitPrice: 1}],"
    " overagePricingBands: [{unitPrice: 2}, {lowerLimit: 9, unitPrice: 3}]"
)


def test_overage_bands_are_divided_slice_by_slice() -> None:
    """10 and 30 units in two slices, a quarter of each acme's. 1 is paid of the first: 1.50 and 7.50 are uncovered, 9
    units at 2, so 3 and 15. 10 are topped up for the second: 7.50 and 2.50 are paid, kid-a's 20 cost 3 each."""
    terms = PRE.replace("AMOUNT", "1").replace("TERMS", "amountPrePaid: 1, separateOverageUsage: true")
    top_up = "  - topUp: {commitment: pre, amount: 10, date: 2026-01-16}\n"
    steps = top_up + used("acme", 5, 10) + used("kid-a", 20, 30)
    assert billed(steps, price=BANDS, commitments=terms) == {
        ("acme", "USAGE"): Decimal("8.50"),
        ("acme", "COMMITMENT_CONSUMED"): Decimal("-8.50"),
        ("acme", "OVERAGE_USAGE"): 3,
        ("kid-a", "USAGE"): Decimal("2.50"),
        ("kid-a", "COMMITMENT_CONSUMED"): Decimal("-2.50"),
        ("kid-a", "OVERAGE_USAGE"): 75,
    }
