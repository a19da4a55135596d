"""Under tiersSpanPlan the usage of a plan's whole life is behind a charge, and its explanation says so."""

from datetime import date

from services.simulate.play import play
from services.simulate.story import parse_story
from services.simulate.yaml_lines import load_yaml
from tests.insight.explaining import ExplainingPlayer

STORY = """
scenario: tiers that span the plan
meters:
  - {code: m, dataFields: [{code: q, category: MEASURE}]}
aggregations:
  - {code: units, meter: m, targetField: q}
plans:
  - code: basic
    product: service
    billFrequency: MONTHLY
    pricings:
      - {code: old, aggregation: units, startDate: 2026-01-01, endDate: 2026-02-15, cumulative: true,
         tiersSpanPlan: true, pricingBands: [{lowerLimit: 0, unitPrice: 2}, {lowerLimit: 100, unitPrice: 1}]}
      - {code: new, aggregation: units, startDate: 2026-02-15, cumulative: true,
         tiersSpanPlan: true, pricingBands: [{lowerLimit: 0, unitPrice: 4}, {lowerLimit: 120, unitPrice: 3}]}
accounts:
  - {code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}
steps:
  - usage: {account: acme, meter: m, ts: 2026-01-05T12:00:00Z, measure: {q: 90}}
  - usage: {account: acme, meter: m, ts: 2026-02-05T12:00:00Z, measure: {q: 20}}
  - usage: {account: acme, meter: m, ts: 2026-02-20T12:00:00Z, measure: {q: 30}}
  - bill: {date: 2026-03-01}
"""


def test_earlier_days_of_the_plans_life_are_behind_the_charge() -> None:
    player = ExplainingPlayer()
    play(parse_story(load_yaml(STORY)), player)
    days = {
        explanation.line.period_start: [day for ref in explanation.usage for day in ref.days]
        for explanation in player.explained
    }
    january, early, late = date(2026, 1, 5), date(2026, 2, 5), date(2026, 2, 20)
    assert days[date(2026, 1, 1)] == [january]
    assert days[date(2026, 2, 15)] == [january, early, late]
    assert days[date(2026, 2, 1)] == [january, early]
