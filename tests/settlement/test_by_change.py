"""Settlement by change: what moved and what was kept say all that settling from scratch says (rules 4, decision 17)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.aggregates import Totals
from projections.rating.rated_family import Moved
from projections.settlement import Family, SettledState, Settlement, settle
from services.simulate.naming import SOURCE, id_of
from services.simulate.player import UsageRecord
from tests.settlement.playing import accounts_of, family_of, play_terms, play_text
from tests.settlement.stories import DAYS, START, Random, days, families, usage
from tests.settlement.test_laws import amounts_of

laws = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


def taken(totals: Totals) -> Totals:
    """The totals as they are, whatever is added to them later."""
    return {key: dict(days) for key, days in totals.items()}


def moved_between(before: Totals, now: Totals) -> Moved:
    """The days of totals that differ."""
    family_lists = {}
    for key in before.keys() | now.keys():
        old, new = before.get(key, {}), now.get(key, {})
        changed = {day for day in old.keys() | new.keys() if old.get(day) != new.get(day)}
        if changed:
            family_lists[key] = changed
    return family_lists


def by_change(settlement: Settlement, kept: SettledState | None) -> bool:
    """Whether it looked at what moved and at nothing else."""
    return kept is not None and settlement.kept.others is kept.others


def usual(family: Random) -> Random:
    """The same without what usage changes beside its own charges."""
    unusual = ("minimumSpend", "minimumSpendBillInAdvance", "type", "tiersSpanPlan")

    def plain(fields: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in fields.items() if name not in unusual}
        return {**kept, "pricings": [plain(pricing) for pricing in kept["pricings"]]} if "pricings" in kept else kept

    of_plans = {name: [plain(document) for document in family.lists.get(name, [])] for name in ("plans", "planGroups")}
    without_counters: dict[str, list[dict[str, Any]]] = {"counters": [], "counterPricings": []}
    return replace(family, lists={**family.lists, **of_plans, **without_counters}, adjustments=[])


@st.composite
def writes(draw: st.DrawFn, accounts: list[str]) -> list[list[UsageRecord]]:
    """Usage of few days, in any order and cut into any writes: most of it adds to what is there."""
    given_at = draw(st.lists(days(0, DAYS), min_size=1, max_size=4))
    records = draw(st.lists(usage(accounts), min_size=3, max_size=10))
    placed = [
        replace(record, ts=record.ts + timedelta(days=(draw(st.sampled_from(given_at)) - record.ts.date()).days))
        for record in records
    ]
    cuts = sorted(draw(st.sets(st.integers(1, len(placed) - 1), max_size=4)))
    return [placed[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(placed)], strict=True)]


@laws
@given(st.data(), families(), st.booleans(), st.booleans())
def test_settlement_by_change_equals_settlement_from_scratch(
    data: st.DataObject, family: Random, accrued: bool, is_usual: bool
) -> None:
    family = usual(family) if is_usual else family
    player = play_terms(family)
    terms, before, kept = family_of(player).terms, taken(player.used.totals), None
    through = data.draw(days(0, DAYS))
    for write in data.draw(writes(accounts_of(family))):
        for record in write:
            player.usage(record)
        now = family_of(player)
        moved = moved_between(before, now.totals)
        through = data.draw(st.sampled_from([through, through, through, through + timedelta(days=9)]))
        lived = settle(Family(terms, now.totals, now.billed), through=through, accrued=accrued, kept=kept, moved=moved)
        assert amounts_of(lived) == amounts_of(settle(now, through=through, accrued=accrued))
        assert lived.states() == lived.commitments | lived.balances
        same_day = kept is not None and kept.through == through
        assert by_change(lived, kept) == (same_day and not lived.credits) or not is_usual
        before, kept = taken(now.totals), lived.kept


@laws
@given(st.data(), families())
def test_what_was_kept_is_good_for_any_number_of_settlements(data: st.DataObject, family: Random) -> None:
    """A settlement changes nothing of what it goes on from: one that is not written is simply forgotten."""
    player = play_terms(usual(family))
    terms = family_of(player).terms
    first, *later = data.draw(writes(accounts_of(family)))
    for record in first:
        player.usage(record)
    before = taken(player.used.totals)
    kept = settle(Family(terms, before, family_of(player).billed), through=START, accrued=True).kept
    for record in (record for write in later for record in write):
        player.usage(record)
    now = Family(terms, family_of(player).totals, family_of(player).billed)
    for _ in range(2):
        lived = settle(now, through=START, accrued=True, kept=kept, moved=moved_between(before, now.totals))
        assert amounts_of(lived) == amounts_of(settle(now, through=START, accrued=True))
    again = settle(Family(terms, before, now.billed), through=START, accrued=True, kept=kept, moved={})
    assert amounts_of(again) == amounts_of(settle(Family(terms, before, now.billed), through=START, accrued=True))


#: A tiered price, a prepayment for the whole year and one that cuts January, and usage before and behind the cut.
STORY = """
meters: [{{code: calls, dataFields: [{{code: n, category: MEASURE}}, {{code: c, category: MEASURE}}]}}]
aggregations:
  - {{code: units, meter: calls, targetField: n, aggregation: {function}}}
  - {{code: more, meter: calls, targetField: c}}
plans:
  - code: basic
    product: api
    {plan}
    pricings:
      - code: one
        aggregation: units
        cumulative: {tiered}
        pricingBands: [{{unitPrice: 1}}, {{lowerLimit: 30, unitPrice: 0.5}}]
        {pricing}
      {other}
accounts:
  - {{code: acme, plans: [{{plan: basic, startDate: 2026-01-01}}]}}
  - {{code: kid, parentAccount: acme}}
commitments:
  - {{code: prepaid, account: acme, amount: {amount}, startDate: 2026-01-01, endDate: 2027-01-01}}
  - {{code: late, account: acme, amount: 9, startDate: 2026-01-16, endDate: 2026-02-16}}
steps:
  - usage: {{account: acme, meter: calls, ts: 2026-01-10T00:00:00Z, measure: {{n: 14, c: 5}}}}
  - usage: {{account: acme, meter: calls, ts: 2026-01-11T00:00:00Z, measure: {{n: 8}}}}
  - usage: {{account: acme, meter: calls, ts: 2026-01-18T00:00:00Z, measure: {{n: 6}}}}
  - usage: {{account: acme, meter: calls, ts: 2026-02-10T00:00:00Z, measure: {{n: 20}}}}
"""
MORE = "- {code: two, aggregation: more, pricingBands: [{unitPrice: 1}], type: PRODUCT_CREDIT}"
ACME = id_of("account", "acme")
THROUGH = date(2026, 1, 20)
UNUSUAL = {
    "a plan's minimum spend": {"plan": "minimumSpend: 100"},
    "a price's minimum spend": {"pricing": "minimumSpend: 100"},
    "tiers over the plan's life": {"pricing": "tiersSpanPlan: true"},
    "a credit": {"other": MORE},
}


def usage_on(day: date, account: str = "acme", **measure: int) -> UsageRecord:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return UsageRecord(SOURCE, f"{account} {day}", account, "calls", at, None, {"measure": measure or {"n": 7}})


def after_more(*records: UsageRecord, through: date = THROUGH, **parts: Any) -> tuple[Settlement, SettledState]:
    """The story settled, then again by what more usage moved."""
    player = play_text(
        STORY.format(
            **{"plan": "", "pricing": "", "other": "", "amount": 45, "tiered": "true", "function": "SUM", **parts}
        )
    )
    acme = player.family(ACME)
    before = Family(acme.terms, taken(acme.totals), acme.billed)
    kept = settle(before, through=THROUGH, accrued=True).kept
    for record in records:
        player.usage(record)
    now = player.family(ACME)
    moved = moved_between(before.totals, now.totals)
    lived = settle(Family(acme.terms, now.totals, now.billed), through=through, accrued=True, kept=kept, moved=moved)
    assert amounts_of(lived) == amounts_of(settle(now, through=through, accrued=True))
    return lived, kept


DAYS_OF_USAGE = (date(2026, 1, 10), date(2026, 1, 11), date(2026, 1, 18), date(2026, 2, 10))


@pytest.mark.parametrize("tiered", ["true", "false"])
@pytest.mark.parametrize("amount", [20, 45, 900])
@pytest.mark.parametrize("first", DAYS_OF_USAGE)
@pytest.mark.parametrize("other", [None, *DAYS_OF_USAGE, date(2026, 1, 12), date(2026, 3, 3)])
def test_more_usage_of_any_day_is_settled_by_what_moved(
    tiered: str, amount: int, first: date, other: date | None
) -> None:
    records = [usage_on(day) for day in {first, other} if day is not None]
    lived, kept = after_more(*records, amount=amount, tiered=tiered)
    assert by_change(lived, kept)


def test_a_slice_that_is_gone_gives_back_what_it_drew() -> None:
    lived, kept = after_more(usage_on(date(2026, 1, 11), n=-22), amount=30)
    assert by_change(lived, kept)
    assert len(lived.kept.drawn.pieces) == len(kept.drawn.pieces) - 1


@pytest.mark.parametrize("day", [date(2026, 1, 10), date(2026, 2, 10)])
def test_a_day_that_is_gone_is_settled_as_if_it_had_never_been(day: date) -> None:
    lived, _ = after_more(usage_on(date(2026, 1, 18)))
    account_family, key = lived.family, (ACME, id_of("aggregation", "units"), "")
    without = {total_day: state for total_day, state in account_family.totals[key].items() if total_day != day}
    fewer = Family(account_family.terms, {**account_family.totals, key: without}, account_family.billed)
    again = settle(fewer, through=THROUGH, accrued=True, kept=lived.kept, moved={key: {day}})
    assert by_change(again, lived.kept)
    assert amounts_of(again) == amounts_of(settle(fewer, through=THROUGH, accrued=True))


def test_another_account_of_the_same_day_is_another_part_of_the_charge() -> None:
    lived, kept = after_more(usage_on(date(2026, 1, 10), "kid"))
    assert by_change(lived, kept)
    assert {part.account.code for rated in lived.usage for part in rated.parts} == {"acme", "kid"}


def test_a_charge_of_another_period_is_neither_rated_nor_drawn_again() -> None:
    lived, kept = after_more(usage_on(date(2026, 3, 3)))
    assert all(any(rated is was for was in lived.kept.rated.usage.values()) for rated in kept.rated.usage.values())
    assert all(now is was for now, was in zip(lived.kept.drawn.outcomes, kept.drawn.outcomes, strict=False))


def test_a_slice_before_what_moved_is_neither_rated_nor_drawn_again() -> None:
    lived, kept = after_more(usage_on(date(2026, 1, 18)))
    [first] = [charge for charge in lived.usage if charge.pool.start == date(2026, 1, 1)]
    [before] = [charge for of in kept.rated.usage.values() for charge in of if charge.pool.start == date(2026, 1, 1)]
    assert first.steps[0] is before.steps[0] and first.steps[1] != before.steps[1]
    assert lived.kept.drawn.outcomes[0] is kept.drawn.outcomes[0]


def test_another_day_settles_all_of_it() -> None:
    lived, kept = after_more(usage_on(date(2026, 1, 10)), through=date(2026, 2, 1))
    assert not by_change(lived, kept)


@pytest.mark.parametrize("day", [date(2026, 1, 10), date(2026, 2, 10)])
@pytest.mark.parametrize("parts", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_what_usage_changes_besides_its_charges_settles_all_of_it(parts: dict[str, Any], day: date) -> None:
    lived, kept = after_more(usage_on(day), **parts)
    assert not by_change(lived, kept)


def test_usage_under_a_credit_settles_all_of_it_whatever_made_the_credit() -> None:
    lived, kept = after_more(usage_on(date(2026, 1, 10), n=7), other=MORE)
    assert lived.credits and not by_change(lived, kept)


def test_a_balance_that_did_not_move_is_told_by_the_same_state() -> None:
    lived, kept = after_more(usage_on(date(2026, 2, 10)), amount=20)
    [state] = [commitment for commitment in lived.commitments.values() if commitment.amount == 20]
    assert kept.fund_state(0) is state  # January exhausted it
