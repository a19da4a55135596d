"""A burn-down names every day on which the numbers changed, and ends where the balance stands."""

from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.settlement import settle
from projections.settlement.states_by_day import as_of_day, burn_down, state_of
from services.simulate.naming import id_of
from tests.settlement.playing import accounts_of, family_of, play_terms, play_text
from tests.settlement.stories import DAYS, START, Random, days, families, usage


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), families(), days(20, DAYS + 60))
def test_each_day_stands_as_settled_on_its_own(data: st.DataObject, family: Random, last: date) -> None:
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), min_size=2, max_size=10)):
        player.usage(record)
    account_family = family_of(player)
    settlement = as_of_day(account_family, last)
    for id in [*settlement.commitments, *settlement.balances][:2]:
        entries = list(burn_down(account_family, id, settlement))
        day = entries[0].day
        while day <= last:
            shown = [entry for entry in entries if entry.day <= day][-1]
            state = state_of(as_of_day(family_of(player), day), id)
            assert state is not None
            assert (shown.spent, shown.remaining) == (state.amount_spent, state.amount_remaining), day
            assert (shown.rolled_over, shown.lapsed) == (state.amount_rolled_over, state.amount_lapsed), day
            day += timedelta(days=3)


ONE_OFF = """
accounts: [{code: acme}]
balances: [{code: wallet, account: acme, startDate: 2026-01-01, endDate: 2027-01-01}]
charges:
  - {code: setup, account: acme, amount: 20, servicePeriodStartDate: 2026-01-10, servicePeriodEndDate: 2026-01-11}
steps:
  - transaction: {balance: wallet, amount: 50, date: 2026-01-01}
"""


def test_a_one_off_charge_burns_on_the_day_on_which_it_is_due() -> None:
    account_family, wallet = family_of(play_text(ONE_OFF)), id_of("balance", "wallet")
    entries = burn_down(account_family, wallet, as_of_day(account_family, date(2026, 2, 1)))
    assert [(entry.day, entry.spent, entry.remaining) for entry in entries] == [
        (date(2026, 1, 1), 0, 50),
        (date(2026, 1, 10), 20, 30),
    ]


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), families())
def test_it_ends_at_the_whole_settlement(data: st.DataObject, family: Random) -> None:
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), min_size=2, max_size=10)):
        player.usage(record)
    account_family = family_of(player)
    settlement = settle(account_family, through=START + timedelta(days=50), accrued=True)
    for id, state in {**settlement.commitments, **settlement.balances}.items():
        last = list(burn_down(account_family, id, settlement))[-1]
        assert (last.spent, last.remaining) == (state.amount_spent, state.amount_remaining)
