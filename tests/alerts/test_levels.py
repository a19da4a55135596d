"""What rules see of a settlement: how high everything stands, and what arms it anew (docs/alerts.md)."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from events.resources.notifications import AT_RISK, ENDS, EXHAUSTED, LEFT, REACHED, RUNS_OUT, USED
from projections.alerts.levels import Level, expected_levels, settled_levels
from projections.alerts.rules import PARTS, height_of, percentage
from projections.outlook.outlook import outlooks, used_before
from projections.settlement import settle
from services.simulate.memory_player import MemoryPlayer
from services.simulate.naming import id_of
from tests.settlement.playing import play_text

#: A prepayment of 100, a balance of 40 for another account, and a minimum of 90 a quarter.
STORY = """
meters: [{{code: calls, dataFields: [{{code: n, category: MEASURE}}]}}]
aggregations: [{{code: units, meter: calls, targetField: n}}]
plans: [{{code: basic, product: api, pricings: [{{code: one, aggregation: units, pricingBands: [{{unitPrice: 1}}]}}]}}]
accounts:
  - {{code: acme, plans: [{{plan: basic, startDate: 2026-01-01}}]}}
  - {{code: least, plans: [{{plan: basic, startDate: 2026-01-01}}]}}
  - {{code: refilled, plans: [{{plan: basic, startDate: 2026-01-01}}]}}
commitments:
  - {{code: prepaid, account: acme, amount: 100, startDate: 2026-01-01, endDate: 2026-07-01}}
  - {{code: minimum, account: least, amount: 90, commitmentType: MINIMUM, commitmentPeriodInterval: 3,
      startDate: 2026-01-01, endDate: 2027-01-01}}
balances:
  - {{code: funds, account: refilled, startDate: 2026-01-01, endDate: 2027-01-01}}
steps:
  - transaction: {{balance: funds, amount: 40, date: 2026-01-01}}
{steps}"""


def usage(account: str, day: str, n: int) -> str:
    return f"  - usage: {{account: {account}, meter: calls, ts: {day}T00:00:00Z, measure: {{n: {n}}}}}\n"


@pytest.fixture(scope="module")
def played() -> Callable[..., MemoryPlayer]:
    def play(*steps: str) -> MemoryPlayer:
        return play_text(STORY.format(steps="".join(steps)))

    return play


def levels(player: MemoryPlayer, account: str, day: date) -> dict[str, Level]:
    """By what rules wait for; each account has one thing that they look at."""
    settlement = settle(player.family(id_of("account", account)), through=day, accrued=True)
    own = player.resources
    expected = expected_levels(outlooks(settlement, used_before(settlement)), settlement, own)
    return {level.event_name: level for level in (*settled_levels(settlement, own), *expected)}


def heights(*found: Level) -> list[int]:
    return [level.height // PARTS for level in found]


def test_a_share_is_never_rounded_up_to_a_threshold() -> None:
    third, threshold = percentage(Decimal(1), Decimal(3)), height_of(USED, Decimal("33.333333333333333333"))
    assert third == threshold < height_of(USED, Decimal("33.333333333333333334"))
    assert percentage(Decimal("79.99"), Decimal(100)) < height_of(USED, 80) == percentage(Decimal(80), Decimal(100))


def test_a_prepayment_is_used_left_and_exhausted(played: Callable[..., MemoryPlayer]) -> None:
    some = levels(played(usage("acme", "2026-01-10", 80)), "acme", date(2026, 1, 20))
    assert heights(some[USED], some[LEFT], some[ENDS]) == [80, -20, -162]
    assert some[ENDS].day == date(2026, 7, 1) and EXHAUSTED not in some
    every = levels(played(usage("acme", "2026-01-10", 130)), "acme", date(2026, 1, 20))
    assert heights(every[USED], every[LEFT]) == [100, 0]
    assert EXHAUSTED in every and ENDS not in every, "what is used up does not lapse"


def test_a_balance_on_which_nothing_was_put_is_not_exhausted() -> None:
    nothing = STORY.format(steps="").replace("  - transaction: {balance: funds, amount: 40, date: 2026-01-01}\n", "")
    player = play_text(nothing + usage("refilled", "2026-01-10", 5))
    found = levels(player, "refilled", date(2026, 1, 20))
    assert not {USED, LEFT, EXHAUSTED, RUNS_OUT, ENDS} & found.keys()
    [state] = settle(
        player.family(id_of("account", "refilled")), through=date(2026, 1, 20), accrued=True
    ).balances.values()
    assert (state.status, state.amount_remaining) == ("ACTIVE", 0)


def test_a_top_up_arms_anew_and_late_usage_never_does(played: Callable[..., MemoryPlayer]) -> None:
    day, before = date(2026, 2, 20), usage("acme", "2026-01-10", 80)
    top_up = "  - topUp: {commitment: prepaid, amount: 100, date: 2026-02-01}\n"
    first = levels(played(before), "acme", day)[USED]
    back = levels(played(before, usage("acme", "2026-01-05", -60)), "acme", day)[USED]
    forth = levels(played(before, usage("acme", "2026-01-05", -60), usage("acme", "2026-01-06", 70)), "acme", day)[USED]
    again = levels(played(before, top_up), "acme", day)[USED]
    assert heights(first, back, forth, again) == [80, 20, 90, 40]
    assert first.arming == back.arming == forth.arming != again.arming


def test_each_amendment_of_the_amount_arms_anew_also_back_to_what_it_was(played: Callable[..., MemoryPlayer]) -> None:
    def arming(*steps: str) -> str:
        return levels(played(*steps), "acme", date(2026, 2, 10))[USED].arming

    def amended(change: str) -> str:
        return f"  - update: {{commitment: prepaid, set: {{{change}}}}}\n"

    up, back, other = amended("amount: 200"), amended("amount: 100"), amended("overageSurchargePercent: 5")
    armings = [arming(*(up, back, up, back)[:count]) for count in range(5)]
    assert armings == ["100/0", "200/0", "100/0/1", "200/0/1", "100/0/2"]
    assert arming(other) == arming(), "nothing else arms"


def test_a_balance_is_armed_anew_by_what_is_paid_in_and_not_by_what_is_taken_out(
    played: Callable[..., MemoryPlayer],
) -> None:
    def arming(*steps: str) -> str:
        return levels(played(*steps), "refilled", date(2026, 2, 20))[LEFT].arming

    paid_in = "  - transaction: {balance: funds, amount: 5, date: 2026-01-15}\n"
    taken_out = "  - transaction: {balance: funds, amount: -5, date: 2026-01-15}\n"
    assert arming() == arming(taken_out) == arming(usage("refilled", "2026-01-10", 20)) != arming(paid_in)
    assert arming(taken_out, paid_in) != arming(), "though there is as much in it as in the beginning"


def test_a_minimum_is_reached_and_at_risk_by_its_running_period(played: Callable[..., MemoryPlayer]) -> None:
    player = played(usage("least", "2026-01-10", 45))
    first, next_one = (levels(player, "least", day) for day in (date(2026, 3, 20), date(2026, 4, 20)))
    assert heights(first[REACHED]) == [50] and first[REACHED].arming == "2026-01-01"
    assert next_one[REACHED].height == 0 and next_one[REACHED].arming == "2026-04-01"
    assert (heights(first[AT_RISK]), first[AT_RISK].day) == ([-12], date(2026, 4, 1))
    assert first[AT_RISK].arming != next_one[AT_RISK].arming
    assert AT_RISK not in levels(played(usage("least", "2026-03-10", 100)), "least", date(2026, 3, 20))


def test_what_will_run_out_before_its_end_is_as_the_outlook_says(played: Callable[..., MemoryPlayer]) -> None:
    player, day = played(usage("acme", "2026-02-10", 30)), date(2026, 2, 20)
    settlement = settle(player.family(id_of("account", "acme")), through=day, accrued=True)
    [outlook] = outlooks(settlement, used_before(settlement))
    level = levels(player, "acme", day)[RUNS_OUT]
    assert level.day == outlook.expected[1].day and outlook.expected[1].window == 30
    assert RUNS_OUT not in levels(played(usage("acme", "2026-02-10", 3)), "acme", day)


def test_nothing_is_looked_at_outside_of_its_term(played: Callable[..., MemoryPlayer]) -> None:
    player = played(usage("acme", "2026-01-10", 80))
    assert levels(player, "acme", date(2026, 7, 1)) == {}
    assert levels(player, "acme", date(2025, 12, 31)) == {}
    assert levels(player, "refilled", date(2026, 3, 1))[USED].height == 0
