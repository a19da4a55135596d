"""Laws of a burn-down (rules 11.1, 11.2): it adds up on each day, ends at the balance, and is its own past."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.outlook import burn_down
from projections.outlook.standing import last_in_turn, use_of, used_of_all
from projections.settlement import Family, settle
from projections.settlement.states_by_day import as_of_day, settled_on, state_of
from tests.settlement.playing import accounts_of, family_of, play_terms
from tests.settlement.stories import DAYS, START, Random, days, families, usage

laws = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
DAY = timedelta(days=1)


def played(data: st.DataObject, family: Random) -> Family:
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), min_size=3, max_size=12)):
        player.usage(record)
    return family_of(player)


def funds_of(account_family: Family) -> list[str]:
    return [fund.id for fund in account_family.terms.funds][:3]


@laws
@given(st.data(), families(), days(5, DAYS + 40), st.booleans())
def test_it_adds_up_on_each_day_and_ends_at_the_balance(
    data: st.DataObject, family: Random, through: date, with_later_usage: bool
) -> None:
    account_family = played(data, family)
    last = (
        settle(account_family, through=through, accrued=True)
        if with_later_usage
        else as_of_day(account_family, through)
    )
    for id in funds_of(account_family):
        shown, state = burn_down(account_family, id, last, through - DAY), state_of(last, id)
        assert state is not None
        drawn = Decimal(0)
        for day in shown.days:
            drawn += sum((product.amount for product in day.products), Decimal(0))
            assert day.added == day.drawn + day.left + day.lapsed and day.drawn == drawn
            assert day.left >= 0 and day.lapsed >= 0
        end = shown.days[-1]
        assert end.day == through and end.drawn == state.amount_spent and end.lapsed == state.amount_lapsed
        assert end.left + end.ahead == state.amount_remaining + state.amount_rolled_over
        assert end.added + end.ahead == state.amount + state.top_ups


@laws
@given(st.data(), families(), days(5, DAYS), st.integers(1, 60))
def test_as_of_an_earlier_day_it_is_the_beginning_of_the_later_one(
    data: st.DataObject, family: Random, earlier: date, more: int
) -> None:
    account_family = played(data, family)
    for fund in account_family.terms.funds[:3]:
        before, after = (
            burn_down(account_family, fund.id, as_of_day(account_family, day), day).days
            for day in (earlier, earlier + timedelta(days=more))
        )
        # The last day is always listed, changed or not, and before the term there is no other.
        stays = earlier < fund.start if len(before) == 1 else before[-1][1:-1] == before[-2][1:-1]
        changed = before[:-1] if stays and not before[-1].products else before
        assert [day for day in after if day.day <= earlier][: len(changed)] == list(changed)


@laws
@given(st.data(), families(), days(20, DAYS), st.integers(1, 6))
def test_fewer_days_are_the_last_of_all(data: st.DataObject, family: Random, through: date, most: int) -> None:
    account_family = played(data, family)
    last = as_of_day(account_family, through)
    for id in funds_of(account_family):
        every, fewer = (
            burn_down(account_family, id, last, through),
            burn_down(account_family, id, last, through, most=most),
        )
        assert every.days[-len(fewer.days) :] == fewer.days
        assert fewer.forecasts == every.forecasts and fewer.marks == every.marks


@laws
@given(st.data(), families(), days(20, DAYS))
def test_what_is_used_is_what_was_drawn_and_what_found_nothing_left(
    data: st.DataObject, family: Random, through: date
) -> None:
    account_family = played(data, family)
    last = as_of_day(account_family, through)
    each = [use_of(last, number).total for number in range(len(account_family.terms.funds))]
    assert each == used_of_all(last)
    outcomes = last.kept.drawn.outcomes
    bare = sum(
        outcome.uncovered for outcome in outcomes if last_in_turn(account_family.terms, outcome.piece) is not None
    )
    assert sum(each) == bare + sum(draw.amount for outcome in outcomes for draw in outcome.taken)


@laws
@given(st.data(), families(), days(20, DAYS))
def test_days_settled_one_after_the_other_are_as_settled_each_on_its_own(
    data: st.DataObject, family: Random, through: date
) -> None:
    account_family = played(data, family)
    wanted = [START + timedelta(days=number) for number in range(0, (through - START).days + 1, 5)]
    kept = list(settled_on(account_family, wanted))
    for day, settlement in zip(wanted, kept, strict=True):
        alone = as_of_day(account_family, day)
        assert settlement.states() == alone.states() and settlement.draws == alone.draws
        assert settlement.unpriced == alone.unpriced
