"""Laws that hold for every family, whatever its terms and whenever its usage arrives (rules 4, 6, 8)."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.zones import time_zone
from projections.entities import BalanceEntity, CommitmentEntity
from projections.settlement import (
    Billed,
    Family,
    SettledState,
    Settlement,
    compile_terms,
    draft_bills,
    settle,
)
from projections.settlement.states_by_day import undrawn
from services.commands.schedule_rules import SCHEDULES
from services.commands.table import KINDS
from services.simulate.naming import id_of
from tests.settlement.playing import accounts_of, apart_of, family_of, play_terms
from tests.settlement.stories import DAYS, LAST, START, Random, days, families, usage

laws = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
END = LAST + timedelta(days=70)


def amounts_of(settlement: Settlement) -> Any:
    """Everything that a settlement says."""
    lines = {key: (line.amount, line.quantity, line.units, line.end) for key, line in settlement.lines.items()}
    return lines, settlement.draws, settlement.commitments, settlement.balances, settlement.unpriced


@laws
@given(st.data(), families(), st.booleans())
def test_incremental_settlement_equals_settlement_from_scratch(
    data: st.DataObject, family: Random, accrued: bool
) -> None:
    player = play_terms(family)
    kept: SettledState | None = None
    account_family = family_of(player)
    for _ in range(4):
        for record in data.draw(st.lists(usage(accounts_of(family)), min_size=1, max_size=5)):
            player.usage(record)
        account_family = Family(account_family.terms, player.used.totals, account_family.billed)
        through = data.draw(days(0, DAYS))
        incremental = settle(account_family, through=through, accrued=accrued, kept=kept)
        assert amounts_of(incremental) == amounts_of(settle(family_of(player), through=through, accrued=accrued))
        kept = incremental.kept


@laws
@given(st.data(), families(), days(0, DAYS))
def test_a_family_is_the_same_put_together_of_its_own_and_the_catalog(
    data: st.DataObject, family: Random, through: date
) -> None:
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), max_size=6)):
        player.usage(record)
    whole, assembled = family_of(player), apart_of(player)
    for accrued in (True, False):
        apart = settle(assembled, through=through, accrued=accrued)
        assert amounts_of(apart) == amounts_of(settle(whole, through=through, accrued=accrued))


@laws
@given(families(), days(0, DAYS))
def test_what_was_just_made_stands_as_a_settlement_without_any_charge_says(family: Random, through: date) -> None:
    played = play_terms(family).resources
    # What was just made has no schedule yet, nor one that ended.
    balances = {id: replace(balance, schedules=()) for id, balance in played.balances.items()}
    without: dict[str, Any] = {KINDS[name].attribute: {} for name in SCHEDULES}
    resources = replace(played, account_plans={}, counter_adjustments={}, balances=balances, **without)
    account_family = Family(compile_terms(resources, id_of("account", "acme")), {}, Billed())
    settlement = settle(account_family, through=through, accrued=True)
    made: list[CommitmentEntity | BalanceEntity] = [*resources.commitments.values(), *balances.values()]
    assert {commitment.id: undrawn(resources, commitment, through) for commitment in made} == {
        **settlement.commitments, **settlement.balances,
    }  # fmt: skip


@laws
@given(st.data(), families())
def test_order_and_duplicates_of_usage_change_nothing(data: st.DataObject, family: Random) -> None:
    records = data.draw(st.lists(usage(accounts_of(family)), max_size=12))
    ordered, shuffled = play_terms(family), play_terms(family)
    for record in records:
        ordered.usage(record)
    for record in data.draw(st.permutations([*records, *records[:3]])):
        shuffled.usage(record)
    for through in (START + timedelta(days=45), END):
        for accrued in (True, False):
            first, second = (
                settle(family_of(player), through=through, accrued=accrued) for player in (ordered, shuffled)
            )
            assert amounts_of(first) == amounts_of(second)


@laws
@given(st.data(), families())
def test_a_sum_does_not_tell_one_usage_from_its_parts(data: st.DataObject, family: Random) -> None:
    """One usage of a quantity, or several at the same instant that add up to it: the same lines, draws and states."""
    summed = [{**aggregation, "aggregation": "SUM"} for aggregation in family.lists["aggregations"]]
    family = replace(family, lists={**family.lists, "aggregations": summed})
    records = data.draw(st.lists(usage(accounts_of(family)), min_size=1, max_size=8))
    whole, split = play_terms(family), play_terms(family)
    for record in records:
        whole.usage(record)
        parts = data.draw(st.lists(st.decimals(-20, 20, places=3), max_size=3))
        for number, part in enumerate([*parts, record.values["measure"]["q"] - sum_of(parts)]):
            split.usage(replace(record, uid=f"{record.uid}-{number}", values={"measure": {"q": part}}))
    for through in (START + timedelta(days=45), END):
        for accrued in (True, False):
            first, second = (settle(family_of(player), through=through, accrued=accrued) for player in (whole, split))
            assert amounts_of(first) == amounts_of(second)
    assert whole.bill(END, None) == split.bill(END, None)


@laws
@given(st.data(), families())
def test_an_hour_counts_only_by_its_local_day(data: st.DataObject, family: Random) -> None:
    """Usage may move to any instant of its day in the account's zone, on days of 23 and 25 hours too: only LATEST sees
    it."""
    aggregations = family.lists["aggregations"]
    seen = [
        {**aggregation, "aggregation": "MAX" if aggregation["aggregation"] == "LATEST" else aggregation["aggregation"]}
        for aggregation in aggregations
    ]
    family = replace(family, lists={**family.lists, "aggregations": seen})
    zone = time_zone(family.organization["timezone"])
    there, moved = play_terms(family), play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), min_size=1, max_size=8)):
        there.usage(record)
        opens = datetime.combine(record.ts.astimezone(zone).date(), time(), zone).astimezone(UTC)
        closes = datetime.combine(record.ts.astimezone(zone).date() + timedelta(days=1), time(), zone).astimezone(UTC)
        second = data.draw(st.integers(0, int((closes - opens).total_seconds()) - 1))
        moved.usage(replace(record, ts=opens + timedelta(seconds=second)))
    for accrued in (True, False):
        early, late = (settle(family_of(player), through=END, accrued=accrued) for player in (there, moved))
        assert amounts_of(early) == amounts_of(late)


@laws
@given(st.data(), families())
def test_bills_along_the_way_add_up_to_what_is_due(data: st.DataObject, family: Random) -> None:
    """Whatever was billed when, and however late the usage: the bills together charge what is due at the end."""
    player = play_terms(family)
    for _ in range(3):
        for record in data.draw(st.lists(usage(accounts_of(family)), max_size=5)):
            player.usage(record)
        account = data.draw(st.sampled_from([None, *accounts_of(family)]))
        player.bill(data.draw(days(0, DAYS)), account)
    before = player.preview("acme", END)
    bills = player.bill(END, None)
    assert [bill for bill in bills if bill.account == "acme"] == before
    account_family = family_of(player)
    due = {
        key: line.money for key, line in settle(account_family, through=END, accrued=False).lines.items() if line.amount
    }
    billed = {
        key: billed_line.amount for key, billed_line in account_family.billed.by_key.items() if billed_line.amount
    }
    assert billed == due
    assert draft_bills(account_family, date=END) == []


@laws
@given(st.data(), families(), days(0, DAYS + 60))
def test_nothing_of_a_commitment_or_balance_is_lost(data: st.DataObject, family: Random, as_of: date) -> None:
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), max_size=12)):
        player.usage(record)
    for accrued in (True, False):
        settlement = settle(family_of(player), through=as_of, accrued=accrued)
        for state in (*settlement.commitments.values(), *settlement.balances.values()):
            used = state.amount_spent + state.amount_rolled_over + state.amount_lapsed + state.amount_remaining
            if state.kind == "MINIMUM":
                assert state.amount_spent == sum_of(period.counted for period in state.periods)
                assert all(
                    period.amount == min(period.counted, period.amount) + period.shortfall
                    for period in state.periods
                    if not period.waived
                )
            else:
                assert state.amount + state.top_ups == used
            assert min(state.amount_spent, state.amount_rolled_over, state.amount_lapsed, state.amount_remaining) >= 0
            assert state.drawn == sum_of(draw.amount for draw in settlement.draws if draw.agreement_id == state.id)


@laws
@given(st.data(), families(), days(0, DAYS + 60))
def test_a_charge_is_drawn_credited_or_payable(data: st.DataObject, family: Random, through: date) -> None:
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), max_size=12)):
        player.usage(record)
    settlement = settle(family_of(player), through=through, accrued=False)
    for key, charge in settlement.charges.items():
        outcomes = settlement.outcomes.get(key, [])
        assert sum(piece.amount for piece in charge.slices) == charge.amount or not charge.slices
        for one in outcomes:
            taken = sum(part.amount for part in one.taken)
            assert taken + one.uncovered == max(0, one.piece.amount)
            assert one.piece.amount + one.piece.credited in {part.amount for part in charge.slices}
    total = sum_of(charge_line.money for charge_line in settlement.lines.values())
    drawn = sum_of(line.money for key, line in settlement.lines.items() if key.type.endswith("_CONSUMED"))
    assert -drawn == sum_of(draw.amount for draw in settlement.draws)
    assert total == round(total, settlement.terms.plans[0].rounding.digits)


@laws
@given(families(), st.booleans())
def test_fees_by_plan_sum_to_what_is_outstanding(family: Random, top_up: bool) -> None:
    player = play_terms(family if top_up else Random(**{**_fields(family), "top_ups": []}))
    for entity in player.resources.commitments.values():
        body, cancelled = entity.body, entity.cancellation is not None
        if body.kind == "MINIMUM" or body.billing_plan_id is None or cancelled:
            continue
        [prepayment] = [
            prepayment for prepayment in family_of(player).terms.prepayments if prepayment.fund.id == entity.id
        ]
        paid = prepayment.fund.rounding.decimal(sum(fee.amount for fee in prepayment.fees))
        assert paid == body.outstanding + sum_of(top_up.amount for top_up in entity.top_ups)
        assert all(fee.amount >= 0 and body.start_date <= fee.due <= body.end_date for fee in prepayment.fees)


@laws
@given(st.data(), families())
def test_a_child_and_its_parent_together_pay_what_the_pool_owes(data: st.DataObject, family: Random) -> None:
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), max_size=12)):
        player.usage(record)
    settlement = settle(family_of(player), through=END, accrued=False)
    for rated in settlement.usage:
        assert sum(part.amount for part in rated.parts) == rated.amount
        assert {part.account.id for part in rated.parts} <= {id_of("account", code) for code in accounts_of(family)}


def sum_of(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _fields(family: Random) -> dict[str, Any]:
    return {name: getattr(family, name) for name in family.__slots__}
