"""Conservation holds over every settlement, and a law that fails names whom it fails for."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.settlement import AgreementState, settle
from projections.settlement.conservation import agreement_residues, residues
from tests.settlement.playing import accounts_of, family_of, play_terms
from tests.settlement.stories import DAYS, Random, days, families, usage


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), families(), days(0, DAYS + 60), st.booleans())
def test_everything_is_accounted_for(data: st.DataObject, family: Random, through: date, accrued: bool) -> None:
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), max_size=12)):
        player.usage(record)
    assert list(residues(settle(family_of(player), through=through, accrued=accrued))) == []


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), families())
def test_a_lost_draw_is_named(data: st.DataObject, family: Random) -> None:
    """Taking one draw out of the settlement breaks the laws of its commitment and of its account's period."""
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), min_size=3, max_size=12)):
        player.usage(record)
    settlement = settle(family_of(player), through=date(2026, 6, 1), accrued=True)
    outcomes = settlement.kept.drawn.outcomes
    for number, outcome in enumerate(outcomes):
        if outcome.taken:
            outcomes[number] = outcome._replace(taken=outcome.taken[1:])
            left_over = list(residues(settlement))
            fund = settlement.terms.funds[outcome.taken[0].fund]
            lost = fund.rounding.decimal(outcome.taken[0].amount)
            assert [(each.agreement_id, each.residue) for each in left_over if each.agreement_id] == [(fund.id, lost)]
            account = settlement.charges[outcome.piece.charge].account.id
            assert {each.account_id for each in left_over if each.account_id} == {account}
            return


def test_each_law_of_a_commitment_is_told_apart() -> None:
    amount, fees, spent, remaining, none = map(Decimal, (100, 5, 40, 65, 0))
    state = AgreementState("c", "ACTIVE", amount, fees, spent, remaining, none, none, "PREPAYMENT")
    assert list(agreement_residues(state, Decimal(40), Decimal(40))) == []
    [lost] = agreement_residues(
        replace(state, amount_lapsed=Decimal(-1), amount_remaining=Decimal(66)), *[Decimal(40)] * 2
    )
    assert (lost.law, lost.residue) == ("nothing is overdrawn", Decimal(-1))
    [first, second] = agreement_residues(state, Decimal(39), Decimal(40))
    assert {first.residue, second.residue} == {Decimal(1), Decimal(-1)}
    [short] = agreement_residues(replace(state, amount=Decimal(101)), Decimal(40), Decimal(40))
    assert (short.agreement_id, short.residue) == ("c", Decimal(1))
