"""What a correction would do in money is told of every bill of the family that it moves, and of no other."""

from datetime import date
from decimal import Decimal

import pytest

from projections.settlement import Family, draft_bills
from services.corrections.choosing import moved_bills
from services.simulate.naming import id_of
from tests.settlement.playing import play_text

#: A family of three, of whom `kid` is rated with its parent; `alone` has a plan, and a bill, of its own.
STORY = """
plans:
  - code: basic
    product: service
    billFrequency: MONTHLY
    pricings:
      - code: price
        aggregation: units
        cumulative: true
        startDate: 2026-01-01
        pricingBands: [{lowerLimit: 0, unitPrice: 1}, {lowerLimit: 10, unitPrice: 5}]
meters: [{code: m, dataFields: [{code: q, category: MEASURE}]}]
aggregations: [{code: units, meter: m, targetField: q}]
accounts:
  - {code: acme, plans: [{plan: basic, startDate: 2026-01-01, childBillingMode: MODE}]}
  - {code: kid, parentAccount: acme}
  - {code: alone, parentAccount: acme, plans: [{plan: basic, startDate: 2026-01-01, childBillingMode: CHILD}]}
steps:
  - usage: {account: acme, meter: m, ts: 2026-01-10T00:00:00Z, uid: a, measure: {q: 8}}
  - usage: {account: kid, meter: m, ts: 2026-01-11T00:00:00Z, uid: k, measure: {q: 8}}
  - usage: {account: alone, meter: m, ts: 2026-01-11T00:00:00Z, uid: s, measure: {q: 2}}
"""
THROUGH = date(2026, 2, 1)


def family(mode: str, *voided: tuple[str, str]) -> Family:
    player = play_text(STORY.replace("MODE", mode))
    for account, uid in voided:
        player.void(account, uid)
    return player.family(id_of("account", "acme"))


def told(mode: str, account: str, uid: str) -> dict[str, Decimal]:
    """The difference of each account's bill that is told."""
    names = {id_of("account", code): code for code in ("acme", "kid", "alone")}
    moved = moved_bills(family(mode), family(mode, (account, uid)), id_of("account", account), THROUGH)
    return {names[change.account_id]: change.bill.amounts[2] for change in moved}


@pytest.mark.parametrize(
    ("mode", "account", "uid", "differences"),
    [
        # 16 are rated together, 10 + 6 x 5 = 40; without the child's they are 8.
        ("PARENT_BREAKDOWN", "kid", "k", {"acme": -32}),
        ("PARENT_SUMMARY", "kid", "k", {"acme": -32}),
        # On bills of their own each has half of 40; what the child used took the parent's into the dearer band.
        ("CHILD", "kid", "k", {"kid": -20, "acme": -12}),
        ("CHILD", "acme", "a", {"acme": -20, "kid": -12}),
        ("PARENT_BREAKDOWN", "alone", "s", {"alone": -2}),
    ],
)
def test_every_bill_that_moves_is_told_and_no_other(
    mode: str, account: str, uid: str, differences: dict[str, int]
) -> None:
    assert told(mode, account, uid) == differences
    before, after = (
        sum(draft.total for draft in draft_bills(one, date=THROUGH))
        for one in (family(mode), family(mode, (account, uid)))
    )
    assert after - before == sum(differences.values())
