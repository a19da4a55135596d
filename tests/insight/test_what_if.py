"""What if: terms that are only supposed bill as the same terms do once they are commanded."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from projections.settlement import compare_bills, draft_bills
from services.commands.refused import AlreadyCancelled, InvalidBody, UnknownResource
from services.commands.table import KINDS
from services.simulate.entities import Entities
from services.simulate.naming import id_of
from tests.insight.supposing import END, laws, played, shown, suppose, suppose_all, wire, world
from tests.settlement.playing import accounts_of, family_of
from tests.settlement.stories import START, Random, days, families


@laws
@given(st.data(), families())
def test_a_preview_of_the_close_is_the_bill(data: st.DataObject, family: Random) -> None:
    """Whatever was billed before, true-ups and differences included; supposing what holds already changes nothing."""
    player = played(data, family)
    day = data.draw(days(30))
    same = [wire(one) for one in player.resources.commitments.values() if one.cancellation is None]
    prices = [wire(one) for one in player.resources.pricings.values()]
    before = [player.preview(code, day) for code in accounts_of(family)]
    assert shown(draft_bills(suppose(player, same, prices), date=day)) == shown(
        draft_bills(family_of(player), date=day)
    )
    bills = player.bill(day, None)
    assert sorted((one for many in before for one in many), key=repr) == sorted(bills, key=repr)


@laws
@given(st.data(), families(), st.integers(1, 400))
def test_an_amended_commitment_bills_as_supposed(data: st.DataObject, family: Random, amount: int) -> None:
    player = played(data, family)
    held = player.resources.commitments.get(id_of("commitment", "commitment-0"))
    assume(held is not None and held.cancellation is None)
    assert held is not None
    assume(not held.body.amount_pre_paid)
    supposed = shown(draft_bills(suppose(player, [wire(held, amount=amount)], []), date=END))
    before = shown(draft_bills(family_of(player), date=END))
    player.update("commitment", "commitment-0", {"amount": Decimal(amount)})
    assert shown(draft_bills(family_of(player), date=END)) == supposed
    assert held.body.amount != amount or supposed == before


@laws
@given(st.data(), families(), st.integers(0, 9))
def test_a_new_price_and_a_new_commitment_bill_as_supposed(data: st.DataObject, family: Random, price: int) -> None:
    player = played(data, family)
    first = next(iter(player.resources.pricings.values()))
    bands = [{"lowerLimit": 0, "unitPrice": price, "fixedPrice": 0}]
    fields = {"pricingBands": bands, "startDate": "2026-02-01", "cumulative": True, "code": "supposed"}
    pricing = {"planId": first.body.plan_id, "aggregationId": first.body.aggregation_id, **fields}
    term = {
        "amount": 50,
        "startDate": "2026-01-10",
        "endDate": "2026-04-10",
        "currency": family.organization["currency"],
    }
    commitment = {"accountId": id_of("account", "acme"), "code": "supposed", **term}
    supposed = shown(draft_bills(suppose(player, [commitment], [pricing]), date=END))
    plan = next(code for code in ("plan-0", "plan-1") if id_of("plan", code) == first.body.plan_id)
    aggregation = player.resources.aggregations[first.body.priced_id].body.code
    lists: dict[str, Any] = {
        "pricings": [_lined({"plan": plan, "aggregation": aggregation, **fields})],
        "commitments": [_lined({"account": "acme", "code": "supposed", **term})],
    }
    for document in Entities(family.organization["currency"], START).documents(lists):
        player.create(document)
    assert shown(draft_bills(family_of(player), date=END)) == supposed


def _lined(fields: dict[str, Any]) -> Any:
    from services.simulate.yaml_lines import Mapping

    found = Mapping(1)
    found.update(fields)
    return found


def test_what_is_supposed_is_checked_as_commands_are() -> None:
    player = world()
    held = player.resources.commitments[id_of("commitment", "one")]
    with pytest.raises(InvalidBody, match=r"commitments\[0\]: .*amount"):
        suppose(player, [wire(held, amount=-1)], [])
    with pytest.raises(InvalidBody, match=r"commitments\[1\]: .*nonsense"):
        suppose(player, [wire(held), wire(held, nonsense=1)], [])
    with pytest.raises(InvalidBody, match=r"pricings\[0\]"):
        suppose(player, [], [3])
    with pytest.raises(UnknownResource):
        suppose(player, [wire(held, id="nobody")], [])
    with pytest.raises(InvalidBody, match=r"commitments\[0\]: billingPlanId: there is no plan with id nowhere"):
        suppose(player, [wire(held, billingPlanId="nowhere")], [])
    player.cancel("one", START, None)
    with pytest.raises(AlreadyCancelled):
        suppose(player, [wire(held)], [])


def test_nothing_is_stored() -> None:
    player = world()
    before = {kind: dict(kind.held(player.resources)) for kind in KINDS.values()}
    held = player.resources.commitments[id_of("commitment", "one")]
    [plan], [attached] = player.resources.plans.values(), player.resources.account_plans.values()
    more = {"plans": [wire(plan, standingCharge=30)], "accountPlans": [wire(attached, endDate="2026-06-01")]}
    suppose_all(player, commitments=[wire(held, amount=99), {**wire(held), "id": None, "code": "two"}], **more)
    assert {kind: kind.held(player.resources) for kind in KINDS.values()} == before


@laws
@given(st.data(), families(), st.integers(1, 400))
def test_bills_side_by_side_differ_by_what_their_totals_and_lines_do(
    data: st.DataObject, family: Random, amount: int
) -> None:
    """Every line of either side stands there once, and the differences of lines add up to the bill's."""
    player = played(data, family)
    held = player.resources.commitments.get(id_of("commitment", "commitment-0"))
    assume(held is not None and held.cancellation is None and not held.body.amount_pre_paid)
    changed = suppose(player, [wire(held, amount=amount)], [])
    for account in family_of(player).terms.accounts:
        today = draft_bills(family_of(player), date=END, account_id=account)
        supposed = draft_bills(changed, date=END, account_id=account)
        for compared in compare_bills(today, supposed):
            was, becomes, difference = compared.amounts
            assert difference == becomes - was == sum(line.amounts[2] for line in compared.lines)
            for side, lines in (
                (today, [line.today for line in compared.lines]),
                (supposed, [line.supposed for line in compared.lines]),
            ):
                on_bills = [line for draft in side if draft.currency == compared.currency for line in draft.lines]
                assert sorted(map(repr, on_bills)) == sorted(repr(line) for line in lines if line is not None)
            assert all(line.line in (line.today, line.supposed) for line in compared.lines)
        assert not any(bill.amounts[2] for bill in compare_bills(today, today))


def test_what_stands_on_one_side_only_is_compared_with_nothing() -> None:
    player = world()
    free = draft_bills(suppose(player, [], []), date=date(2026, 2, 1))
    fee = {"code": "two", "accountId": id_of("account", "acme"), "amount": 5, "currency": "USD",
           "startDate": "2026-01-01", "endDate": "2026-02-01", "feeDates": [
               {"date": "2026-01-15", "amount": 5, "servicePeriodStartDate": "2026-01-01T00:00:00Z",
                "servicePeriodEndDate": "2026-02-01T00:00:00Z"}]}  # fmt: skip
    billed = draft_bills(suppose(player, [fee], []), date=date(2026, 2, 1))
    [gained] = compare_bills(free, billed)
    assert gained.currency == "USD" and gained.amounts == (0, 5, 5) and gained.lines[-1].today is None
    [lost] = compare_bills(billed, free)
    assert lost.amounts == (5, 0, -5) and lost.lines[-1].supposed is None and lost.lines[-1].line.amount == 5
    assert compare_bills(free, free) == []
