"""Every date that the wire takes settles: a term over all of them, day by day and month by month, in bounded time."""

from datetime import date
from decimal import Decimal

import pytest

from projections.settlement import settle
from services.simulate.memory_player import MemoryPlayer
from services.simulate.naming import id_of
from services.simulate.play import play
from services.simulate.story import parse_story
from services.simulate.yaml_lines import load_yaml

STORY = """
plans: [{code: basic, product: service, billFrequency: FREQUENCY}]
accounts: [{code: acme, plans: [{plan: basic, startDate: START}]}]
commitments:
  - {code: c, account: acme, amount: 100000, startDate: START, endDate: END, billingPlan: basic, billingInterval: 1}
steps:
  - bill: {date: END}
"""


@pytest.mark.parametrize(
    ("frequency", "start", "end", "fees"),
    [
        ("MONTHLY", "1970-01-01", "2200-01-01", 230 * 12),
        ("DAILY", "2195-01-01", "2199-12-31", 5 * 365),
        ("ANNUALLY", "1970-01-01", "2200-01-01", 230),
    ],
)
@pytest.mark.timeout(60)
def test_a_commitment_to_the_last_day_settles(frequency: str, start: str, end: str, fees: int) -> None:
    player = MemoryPlayer()
    text = STORY.replace("FREQUENCY", frequency).replace("START", start).replace("END", end)
    [played] = play(parse_story(load_yaml(text)), player)
    assert [bill.total for bill in played.result] == [Decimal(100_000)]
    family = player.family(id_of("account", "acme"))
    fees_due = family.terms.prepayments[0].fees
    assert len(fees_due) == fees
    assert (fees_due[0].start, fees_due[-1].end) == (date.fromisoformat(start), date.fromisoformat(end))
    settle(family, through=date(2200, 1, 1), accrued=True)


@pytest.mark.parametrize("frequency", ["DAILY", "MONTHLY"])
def test_a_period_longer_than_the_calendar_settles(frequency: str) -> None:
    """The wire's longest, 84,000 times 365 days or months, ends on the calendar's last day; the term ends before it."""
    minimum = "commitmentType: MINIMUM, commitmentPeriodInterval: 84000, billEpoch: 2026-01-01"
    text = STORY.replace("billingPlan: basic, billingInterval: 1", minimum)
    text = text.replace("FREQUENCY", f"{frequency}, billFrequencyInterval: 365")
    text = text.replace("START", "2026-01-01").replace("END", "2027-01-01")
    [played] = play(parse_story(load_yaml(text)), MemoryPlayer())
    assert [bill.total for bill in played.result] == [Decimal(100_000)]
