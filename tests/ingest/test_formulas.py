"""A usage record has no part of what a formula is worth: that is settled (rules 3.22)."""

from datetime import date

from services.ingest.rating import applied_on
from services.simulate.naming import id_of
from tests.settlement.playing import play_text

STORY = """
scenario: a price of a sum, and one of a formula over it
meters: [{code: m, dataFields: [{code: q, category: MEASURE}]}]
aggregations: [{code: units, meter: m, targetField: q}]
compoundAggregations: [{code: double, calculation: 2 * aggregation.units}]
plans:
  - code: basic
    product: base
    pricings:
      - {code: plain, aggregation: units, startDate: 2026-01-01, pricingBands: [{unitPrice: 1}]}
      - {code: formula, compoundAggregation: double, startDate: 2026-01-01, pricingBands: [{unitPrice: 1}]}
accounts: [{code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}]
steps: [{usage: {account: acme, meter: m, ts: 2026-01-05T00:00:00Z, measure: {q: 1}}}]
"""


def test_a_record_runs_into_the_prices_of_its_own_aggregation_alone() -> None:
    terms = play_text(STORY).family(id_of("account", "acme")).terms
    account = id_of("account", "acme")
    readers = terms.readers[account, id_of("aggregation", "units"), ""]
    assert {reader.series.compound_id for reader in readers} == {None, id_of("compoundAggregation", "double")}
    applied, _ = applied_on(readers, account, date(2026, 1, 5))
    assert [reading.pricing.code for reading in applied] == ["plain"]
