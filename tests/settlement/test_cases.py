"""Points that a story file cannot hold: readings that the rules leave to us, explanations, and the facts of bills."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid5

import pytest

from events.facts.bills import BillVoided, Positions
from projections.settlement import Billed, Family, compile_terms, draft_bills, issue, settle
from services.billing.bill_document import unpriced_documents
from services.simulate.memory_player import MemoryPlayer
from services.simulate.naming import id_of
from services.simulate.play import play
from services.simulate.story import read_story
from tests.settlement.playing import play_text

SETTLED = Path(__file__).parent.parent / "scenarios" / "settled"
BASIC = """
scenario: a basic plan
plans:
  - {code: basic, product: service, billFrequency: MONTHLY, billFrequencyInterval: INTERVAL,
     pricings: [{code: price, aggregation: units, pricingBands: [{unitPrice: 1}], startDate: 2026-01-01}]}
meters:
  - {code: m, dataFields: [{code: q, category: MEASURE, unit: "1"}]}
aggregations:
  - {code: units, meter: m, targetField: q, aggregation: SUM}
accounts:
  - {code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}
commitments:
  - {code: pre, account: acme, TERMS}
steps:
STEPS
"""


def played(terms: str, steps: str, interval: int = 1) -> MemoryPlayer:
    return play_text(BASIC.replace("TERMS", terms).replace("STEPS", steps).replace("INTERVAL", str(interval)))


USE = "  - usage: {account: acme, meter: m, ts: 2026-01-10T00:00:00Z, measure: {q: 50}}\n"
YEAR = "startDate: 2026-01-01, endDate: 2027-01-01"


def test_with_interval_two_a_fee_follows_its_own_quarter() -> None:
    """rules 6: at 3 months, then every 6. "The last at endDate" is its own period's end, clipped to the term."""
    steps = "".join(
        f"  - bill: {{date: {day}}}\n    expect: {bills}\n"
        for day, bills in (
            ("2026-04-01", "[{account: acme, total: 600, lines: [{type: COMMITMENT_FEE, amount: 600}]}]"),
            ("2026-07-01", "[]"),
            ("2026-10-01", "[{account: acme, total: 600, lines: [{period: [2026-07-01, 2026-10-01]}]}]"),
            ("2027-01-01", "[]"),
        )
    )
    played(f"amount: 1200, billingInterval: 2, billingPlan: basic, {YEAR}", steps, interval=3)


def test_a_bill_stands_for_each_currency() -> None:
    steps = USE + (
        "  - bill: {date: 2026-02-01}\n    expect:\n"
        "      - {account: acme, currency: EUR, total: 100.00, lines: [{type: COMMITMENT_FEE}]}\n"
        "      - {account: acme, currency: USD, total: 50.00, lines: [{type: USAGE}]}\n"
    )
    played(f"currency: EUR, amount: 1200, billingPlan: basic, {YEAR}", steps)


def test_a_refused_fund_says_why() -> None:
    player = played(f"currency: EUR, amount: 100, amountPrePaid: 100, {YEAR}", USE)
    settlement = settle(player.family(id_of("account", "acme")), through=date(2026, 2, 1), accrued=False)
    [charge] = [key for key in settlement.charges if key.type == "USAGE"]
    [considered] = settlement.considered(charge, date(2026, 1, 1))
    assert considered.place is None
    assert considered.reason == "it is in EUR, the charge in USD"


def test_a_scheduled_fee_alone_makes_an_ad_hoc_bill() -> None:
    terms = (
        "amount: 100, feeDates: [{date: 2026-01-15, amount: 100, servicePeriodStartDate: 2026-01-01, "
        f"servicePeriodEndDate: 2027-01-01}}], {YEAR}"
    )
    player = played(terms, USE)
    family = player.family(id_of("account", "acme"))
    [alone] = draft_bills(family, date=date(2026, 1, 15))
    assert (alone.frequency, alone.interval) == ("AD_HOC", None)
    [both] = draft_bills(family, date=date(2026, 2, 1))
    assert (both.frequency, both.interval) == ("MONTHLY", 1)
    assert both.due_date == date(2026, 2, 15)


def test_a_voided_bill_is_due_again() -> None:
    player = played(f"amount: 20, amountPrePaid: 20, {YEAR}", USE)
    root = id_of("account", "acme")
    terms = compile_terms(player.resources, root)
    family = Family(terms, player.used.totals, Billed())
    [draft] = draft_bills(family, date=date(2026, 2, 1))
    bill_id = str(uuid5(UUID(int=0), "bill"))
    fact = issue(draft, bill_id=bill_id, positions=Positions(partition=0, log=1, catalog=1))
    assert [line.id for line in fact.lines] == [str(uuid5(UUID(bill_id), str(line.number))) for line in fact.lines]
    assert fact.total == Decimal("30.00") == sum(line.amount for line in fact.lines)
    family.billed.evolve(fact)
    assert draft_bills(family, date=date(2026, 2, 1)) == []
    family.billed.evolve(BillVoided(bill_id=bill_id, account_id=root, root_id=root))
    [again] = draft_bills(family, date=date(2026, 2, 1))
    assert again.lines == draft.lines


@pytest.mark.parametrize(
    ("steps", "day", "status", "lacking"),
    [
        ("", "2025-12-31", "UPCOMING", 100),
        ("", "2026-01-01", "ACTIVE", 50),
        ("", "2026-12-31", "ACTIVE", 50),
        ("", "2027-01-01", "ENDED", 0),
        ("  - cancel: {commitment: pre, date: 2026-03-10}\n", "2026-03-09", "ACTIVE", 50),
        ("  - cancel: {commitment: pre, date: 2026-03-10}\n", "2026-03-10", "CANCELLED", 0),
        ("  - cancel: {commitment: pre, date: 2026-03-10}\n", "2027-01-01", "CANCELLED", 0),
    ],
)
def test_a_minimum_stands_by_its_term_and_its_cancel(steps: str, day: str, status: str, lacking: int) -> None:
    """It says what has counted, and what the running period lacks: before the first its whole amount."""
    player = played(f"commitmentType: MINIMUM, amount: 100, {YEAR}", steps + USE)
    state = player.commitment("pre", date.fromisoformat(day))
    assert (state["status"], state["amountRemaining"], state["amountSpent"]) == (status, lacking, 50)
    assert "amountRolledOver" not in state and "amountLapsed" not in state


def test_unpriced_usage_is_kept_and_shown() -> None:
    player = played(
        f"amount: 20, {YEAR}", USE + "  - usage: {account: acme, meter: m, ts: 2025-12-31T00:00:00Z, measure: {q: 5}}\n"
    )
    family = player.family(id_of("account", "acme"))
    [unpriced] = settle(family, through=date(2026, 2, 1), accrued=True).unpriced
    assert unpriced.days == (date(2025, 12, 31),)
    [document] = unpriced_documents(family, player.resources, id_of("account", "acme"))
    assert document == {
        "accountId": id_of("account", "acme"),
        "aggregationId": unpriced.aggregation_id,
        "meterId": id_of("meter", "m"),
        "quantity": Decimal(5),
        "from": "2025-12-31",
        "to": "2026-01-01",
    }
    assert unpriced_documents(family, player.resources, id_of("account", "other")) == []


def test_stories_play_the_same_twice() -> None:
    for path in sorted(SETTLED.glob("*.yaml"))[:5]:
        first, second = (play(read_story(path.read_bytes()), MemoryPlayer()) for _ in range(2))
        assert [result.result for result in first] == [result.result for result in second]
