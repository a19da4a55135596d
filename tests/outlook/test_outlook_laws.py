"""What is expected of a whole family at once is what the forecasts of each say by themselves (rules 11.9)."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from projections.calendar import ONE_DAY
from projections.outlook import burn_down, progress
from projections.outlook.outlook import Expected, Outlook, outlooks, used_before
from projections.settlement import Family, settle
from tests.outlook.test_burndown_laws import laws, played
from tests.outlook.test_told import FLOOR, LEAST, PAID, PREPAID
from tests.outlook.told import told, used
from tests.settlement.playing import accounts_of, family_of, play_terms
from tests.settlement.stories import DAYS, Random, days, families, usage


def expected_of(account_family: Family, through: date) -> list[Outlook]:
    last = settle(account_family, through=through, accrued=True)
    return list(outlooks(last, used_before(last)))


def by_themselves(account_family: Family, through: date) -> dict[str, tuple[Expected, ...]]:
    last, over = settle(account_family, through=through, accrued=True), through - ONE_DAY
    expected_by_id = {}
    for fund in account_family.terms.funds:
        expected_by_id[fund.id] = tuple(
            Expected(
                forecast.window, forecast.days, forecast.per_day, forecast.runs_out, forecast.uncovered, forecast.lapses
            )
            for forecast in burn_down(account_family, fund.id, last, over).forecasts
        )
    for minimum in account_family.terms.minimums:
        shown = progress(account_family, minimum.id, last, over)
        is_running = shown is not None and shown.start <= through < shown.end
        expected_by_id[minimum.id] = tuple(
            Expected(
                forecast.window,
                forecast.days,
                forecast.per_day,
                forecast.reached,
                forecast.true_up,
                forecast.true_up * 0,
            )
            for forecast in (shown.forecasts if shown is not None and is_running else ())
        )
    return {id: expected for id, expected in expected_by_id.items() if expected}


@laws
@given(st.data(), families(), days(5, DAYS + 40))
def test_it_is_what_each_says_by_itself(data: st.DataObject, family: Random, through: date) -> None:
    account_family = played(data, family)
    expected_by_id = {outlook.id: outlook.expected for outlook in expected_of(account_family, through)}
    assert expected_by_id == by_themselves(account_family, through)


@laws
@given(st.data(), families(), days(5, DAYS + 40))
def test_what_is_known_of_days_before_is_as_good_as_settled(data: st.DataObject, family: Random, through: date) -> None:
    """Usage comes for a day: what was known of earlier ones holds."""
    player = play_terms(family)
    for record in data.draw(st.lists(usage(accounts_of(family)), min_size=2, max_size=6)):
        player.usage(record)
    before = family_of(player)
    before = Family(before.terms, {key: dict(of_key) for key, of_key in before.totals.items()}, before.billed)
    counted = used_before(settle(before, through=through, accrued=True))
    player.usage(data.draw(usage(accounts_of(family))))
    account_family = Family(before.terms, family_of(player).totals, before.billed)
    for key, of_key in account_family.totals.items():
        for day, state in of_key.items():
            counted = counted if before.totals.get(key, {}).get(day) == state else counted.without(day)
    last = settle(account_family, through=through, accrued=True)
    assert used_before(last, counted) == used_before(last)


def test_a_window_that_begins_the_day_after_the_term_leaves_its_first_day_out() -> None:
    account_family = told(PREPAID, used([date(2026, 1, 1)], 10))
    [paid] = expected_of(account_family, date(2026, 1, 9))
    assert [(expectation.days, expectation.per_day) for expectation in paid.expected] == [
        (7, 0),
        (8, Decimal("1.25")),
        (8, Decimal("1.25")),
    ]
    assert {paid.id: paid.expected} == by_themselves(account_family, date(2026, 1, 9))


def test_of_what_is_not_in_its_term_nothing_is_expected() -> None:
    account_family = told(FLOOR + PREPAID.replace("commitments:\n", ""), used([date(2026, 1, 5)], 2))
    for day in (date(2025, 12, 1), date(2026, 1, 1), date(2026, 4, 1)):
        assert not expected_of(account_family, day)
    least, paid = expected_of(account_family, date(2026, 3, 31))
    assert {least.id, paid.id} == {LEAST, PAID}
