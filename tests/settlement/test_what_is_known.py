"""What settlement knows, and when: changed terms, a catalog that is behind, accounts that are gone, bills that fell."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from events.facts.bills import BillMoved, BillOpened, BillVoided
from events.facts.resources import AccountDeleted
from projections.rating.index import index_families
from projections.settlement import Family, draft_bills, settle, unpriced
from services.simulate.memory_player import MemoryPlayer
from services.simulate.naming import id_of
from tests.settlement.playing import play_text

STORY = """
scenario: usage and seats of a parent and its child
plans:
  - {code: basic, product: service, billFrequency: MONTHLY,
     pricings: [{code: price, aggregation: units, pricingBands: [{unitPrice: 1}], startDate: 2026-01-01}]}
meters:
  - {code: m, dataFields: [{code: q, category: MEASURE, unit: "1"}]}
aggregations:
  - {code: units, meter: m, targetField: q, aggregation: SUM}
counters:
  - {code: seats, unit: seat}
counterPricings:
  - {code: seat-price, counter: seats, plan: basic, startDate: 2026-01-01, runningTotalBillInAdvance: false,
     pricingBands: [{lowerLimit: 0, unitPrice: 3}]}
accounts:
  - {code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}
  - {code: kid, parentAccount: acme}
steps:
  - adjustment: {account: acme, counter: seats, date: 2026-01-01, value: 10}
  - usage: {account: acme, meter: m, ts: 2026-01-10T00:00:00Z, measure: {q: 50}}
  - usage: {account: kid, meter: m, ts: 2025-12-10T00:00:00Z, measure: {q: 7}}
"""
ACME, KID = id_of("account", "acme"), id_of("account", "kid")
FEBRUARY = date(2026, 2, 1)


@pytest.fixture
def player() -> MemoryPlayer:
    return play_text(STORY)


def total(player: MemoryPlayer, day: date = FEBRUARY) -> Decimal:
    return sum((draft.total for draft in draft_bills(player.family(ACME), date=day)), Decimal(0))


def total_anew(player: MemoryPlayer) -> Decimal:
    """The same after what is known was changed without a fact, so that the index of it has not heard of it."""
    player.index = index_families(player.resources)
    return total(player)


@pytest.mark.parametrize(
    ("kind", "entity", "owed"),
    [
        ("plans", id_of("plan", "basic"), 0),
        ("aggregations", id_of("aggregation", "units"), 30),
        ("counters", id_of("counter", "seats"), 50),
    ],
)
def test_what_the_catalog_does_not_tell_yet_is_owed_once_it_does(
    player: MemoryPlayer, kind: str, entity: str, owed: int
) -> None:
    """An account's facts and the catalog's come by two topics: the account's may be read first."""
    resources: dict[str, Any] = getattr(player.resources, kind)
    late = resources.pop(entity)
    assert total_anew(player) == owed
    resources[entity] = late
    assert total_anew(player) == 80


GROUPED = """
scenario: a formula's price in a plan of a group
plans:
  - {code: basic, product: service,
     pricings: [{code: price, compoundAggregation: both, pricingBands: [{unitPrice: 1}]}]}
meters:
  - {code: m, dataFields: [{code: q, category: MEASURE, unit: "1"}]}
aggregations:
  - {code: units, meter: m, targetField: q, aggregation: SUM}
compoundAggregations:
  - {code: both, calculation: aggregation.units + 20}
planGroups:
  - {code: all, minimumSpend: 40, standingCharge: 5}
planGroupLinks:
  - {planGroup: all, plan: basic}
accounts:
  - {code: acme, plans: [{planGroup: all, startDate: 2026-01-01}]}
steps:
  - usage: {account: acme, meter: m, ts: 2026-01-10T00:00:00Z, measure: {q: 30}}
"""


@pytest.mark.parametrize(
    ("kind", "owed"),
    [("compound_aggregations", 45), ("aggregations", 45), ("plan_groups", 50), ("plan_group_links", 0), ("plans", 0)],
)
def test_what_is_not_told_yet_of_a_formula_and_of_a_group_is_owed_once_it_is(kind: str, owed: int) -> None:
    player = play_text(GROUPED)
    resources: dict[str, Any] = getattr(player.resources, kind)
    late = dict(resources)
    resources.clear()
    assert total_anew(player) == owed
    resources.update(late)
    assert total_anew(player) == 55


def test_what_was_settled_under_other_terms_is_not_gone_on_from(player: MemoryPlayer) -> None:
    before = settle(player.family(ACME), through=FEBRUARY, accrued=False)
    player.update("pricing", "price", {"pricingBands": [{"lowerLimit": 0, "unitPrice": 2, "fixedPrice": 0}]})
    after = settle(player.family(ACME), through=FEBRUARY, accrued=False, kept=before.kept)
    assert sum(line.money for line in after.lines.values()) == 130


def test_usage_of_a_deleted_child_waits_for_no_price(player: MemoryPlayer) -> None:
    family = player.family(ACME)
    assert [missing.account_id for missing in unpriced(family.terms, player.used.totals)] == [KID]
    player.delete("account", "kid", False)
    terms = player.family(ACME).terms
    assert unpriced(terms, player.used.totals) == []
    assert draft_bills(Family(terms, player.used.totals, family.billed), date=FEBRUARY)[0].total == 80


def test_of_two_bills_the_voided_one_is_due_again_and_the_other_stands(player: MemoryPlayer) -> None:
    player.bill(FEBRUARY, "acme")
    billed = player.family(ACME).billed
    [first] = billed.bills
    player.bill(date(2026, 3, 1), "acme")
    standing = [billed.bills[bill] for bill in billed.bills if bill != first]
    assert [bill.total for bill in standing] == [30]
    billed.evolve(BillVoided(bill_id=first, account_id=ACME, root_id=ACME))
    assert list(billed.bills.values()) == standing
    [again] = draft_bills(player.family(ACME), date=FEBRUARY)
    assert (again.bill_date, again.total) == (date(2026, 3, 1), 80)


def test_a_pending_bill_keeps_its_due_date_until_it_is_settled_for_a_later_date(player: MemoryPlayer) -> None:
    billed, agreed = player.family(ACME).billed, date(2026, 2, 28)
    about = {"bill_id": id_of("bill", "one"), "account_id": ACME, "root_id": ACME}
    billed.evolve(BillOpened(**about, bill_date=FEBRUARY, due_date=agreed, currency="USD"))
    [draft] = draft_bills(player.family(ACME), date=FEBRUARY)
    assert (draft.pending is not None, draft.due_date) == (True, agreed)
    [later] = draft_bills(player.family(ACME), date=date(2026, 3, 1))
    assert later.due_date == date(2026, 3, 15)
    billed.evolve(BillMoved(**about, bill_date=date(2026, 3, 1), due_date=date(2026, 3, 31)))
    [moved] = draft_bills(player.family(ACME), date=date(2026, 3, 1))
    assert moved.due_date == date(2026, 3, 31)


def test_facts_that_are_about_no_bill_leave_the_bills_as_they_are(player: MemoryPlayer) -> None:
    player.bill(FEBRUARY, None)
    billed = player.family(ACME).billed
    before = (dict(billed.bills), dict(billed.by_key), dict(billed.versions))
    billed.evolve(AccountDeleted(id=KID, version=2))
    assert (billed.bills, billed.by_key, billed.versions) == before
