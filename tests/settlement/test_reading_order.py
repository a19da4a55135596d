"""Where lines stand on a bill: ids, which differ from play to play of a story, decide nothing that codes can."""

from datetime import date

from projections.settlement import DraftLine, draft_bills
from services.simulate.naming import id_of
from tests.settlement.playing import play_text

SEGMENTS = PLANS = "abcdefgh"
STORY = f"""
scenario: segments, and plans of several products, whose lines read alike
meters:
  - {{code: m, dataFields: [{{code: q, category: MEASURE, unit: "1"}}, {{code: k, category: WHO}}]}}
aggregations:
  - {{code: units, meter: m, targetField: q, aggregation: SUM, segmentedFields: [k],
     segments: [{", ".join(f"{{k: {one}}}" for one in SEGMENTS)}]}}
plans:
  - code: basic
    product: base
    billFrequency: MONTHLY
    pricings:
{
    "".join(
        f'''
      - {{code: p{9 - place}, aggregation: units, startDate: 2026-01-01, segment: {{k: {one}}},
         pricingBands: [{{unitPrice: 1}}]}}'''
        for place, one in enumerate(SEGMENTS)
    )
}
{
    "".join(
        f'''
  - {{code: {one}, product: of-{one}, billFrequency: MONTHLY, standingCharge: 7, standingChargeDescription: Fee}}'''
        for one in PLANS
    )
}
accounts:
  - code: acme
    plans:
      - {{plan: basic, startDate: 2026-01-01}}
{
    "".join(
        f'''
      - {{plan: {one}, startDate: 2026-01-01}}'''
        for one in PLANS
    )
}
steps:
{
    "".join(
        f'''
  - usage: {{account: acme, meter: m, ts: 2026-01-11T00:00:00Z, measure: {{q: 1}}, who: {{k: {one}}}}}'''
        for one in SEGMENTS
    )
}
"""

MOVED = f"""
scenario: plans whose templates go to other products after a bill
planTemplates:
{
    "".join(
        f'''
  - {{code: t-{one}, product: old-{one}, billFrequency: MONTHLY, standingCharge: 7}}'''
        for one in PLANS
    )
}
products: [{", ".join(f"{{code: {age}-{one}}}" for one in PLANS for age in ("old", "new"))}]
plans: [{", ".join(f"{{code: {one}, planTemplate: t-{one}}}" for one in PLANS)}]
accounts:
  - {{code: acme, plans: [{", ".join(f"{{plan: {one}, startDate: 2026-01-01}}" for one in PLANS)}]}}
steps:
  - bill: {{date: 2026-02-01}}
{
    "".join(
        f'''
  - update: {{planTemplate: t-{one}, set: {{product: new-{one}}}}}'''
        for one in PLANS
    )
}
"""


def lines(story: str = STORY) -> list[DraftLine]:
    family = play_text(story).family(id_of("account", "acme"))
    return [line for draft in draft_bills(family, date=date(2026, 2, 1)) for line in draft.lines]


def test_segments_stand_in_the_order_of_what_they_say() -> None:
    found = [line.wording["segment"] for line in lines() if line.key.type == "USAGE"]
    assert found == sorted(found) and len(found) == len(SEGMENTS)


def test_plans_stand_in_the_order_of_their_codes() -> None:
    found = [line.key.plan_id for line in lines() if line.key.type == "STANDING_CHARGE"]
    assert found == [id_of("plan", code) for code in PLANS]


def test_what_is_given_back_stands_before_what_is_due_instead() -> None:
    found = [(line.key.plan_id, line.key.product_id) for line in lines(MOVED)]
    assert found == [
        (id_of("plan", plan), id_of("product", f"{age}-{plan}")) for plan in PLANS for age in ("old", "new")
    ]
