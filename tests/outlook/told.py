"""Small families with usage on given days, for tests that look ahead."""

from collections.abc import Iterable
from datetime import date

from projections.settlement import Family
from projections.settlement.states_by_day import as_of_day
from tests.settlement.playing import family_of, play_text

TERMS = """
products: [{{code: compute}}, {{code: storage}}]
plans:
  - code: basic
    product: compute
    billFrequency: MONTHLY
    pricings:
      - {{code: units, aggregation: units, startDate: 2026-01-01, pricingBands: [{{lowerLimit: 0, unitPrice: 1}}]}}
  - code: other
    product: storage
    billFrequency: MONTHLY
    pricings:
      - {{code: bytes, aggregation: bytes, startDate: 2026-01-01, pricingBands: [{{lowerLimit: 0, unitPrice: 1}}]}}
meters:
  - {{code: m, dataFields: [{{code: q, category: MEASURE, unit: "1"}}, {{code: b, category: MEASURE, unit: "1"}}]}}
aggregations:
  - {{code: units, meter: m, targetField: q, aggregation: SUM}}
  - {{code: bytes, meter: m, targetField: b, aggregation: SUM}}
accounts:
  - code: acme
    plans: [{{plan: basic, startDate: 2026-01-01}}, {{plan: other, startDate: 2026-01-01}}]
{agreements}
steps:
{steps}
"""


def used(days: Iterable[date], amount: int, field: str = "q") -> str:
    """Steps: so much usage on each of these days."""
    return "".join(
        f"  - usage: {{account: acme, meter: m, ts: {day}T12:00:00Z, measure: {{{field}: {amount}}}}}\n" for day in days
    )


def told(agreements: str, steps: str) -> Family:
    """The family of these commitments and balances, after these steps."""
    return family_of(play_text(TERMS.format(agreements=agreements, steps=steps)))


def as_of(family: Family, day: date) -> tuple[Family, date]:
    """The family as it is known by the end of a day: later usage has not come."""
    return Family(family.terms, as_of_day(family, day).family.totals, family.billed), day
