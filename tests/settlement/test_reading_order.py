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
     segments: [{", ".join(f"{{k: {code}}}" for code in SEGMENTS)}]}}
plans:
  - code: basic
    product: base
    billFrequency: MONTHLY
    pricings:
{
    "".join(
        f'''
      - {{code: p{9 - number}, aggregation: units, startDate: 2026-01-01, segment: {{k: {code}}},
         pricingBands: [{{unitPrice: 1}}]}}'''
        for number, code in enumerate(SEGMENTS)
    )
}
{
    "".join(
        f'''
  - {{code: {code}, product: of-{code}, billFrequency: MONTHLY, standingCharge: 7, standingChargeDescription: Fee}}'''
        for code in PLANS
    )
}
accounts:
  - code: acme
    plans:
      - {{plan: basic, startDate: 2026-01-01}}
{
    "".join(
        f'''
      - {{plan: {code}, startDate: 2026-01-01}}'''
        for code in PLANS
    )
}
steps:
{
    "".join(
        f'''
  - usage: {{account: acme, meter: m, ts: 2026-01-11T00:00:00Z, measure: {{q: 1}}, who: {{k: {code}}}}}'''
        for code in SEGMENTS
    )
}
"""

MOVED = f"""
scenario: plans whose templates go to other products after a bill
planTemplates:
{
    "".join(
        f'''
  - {{code: t-{code}, product: old-{code}, billFrequency: MONTHLY, standingCharge: 7}}'''
        for code in PLANS
    )
}
products: [{", ".join(f"{{code: {age}-{code}}}" for code in PLANS for age in ("old", "new"))}]
plans: [{", ".join(f"{{code: {code}, planTemplate: t-{code}}}" for code in PLANS)}]
accounts:
  - {{code: acme, plans: [{", ".join(f"{{plan: {code}, startDate: 2026-01-01}}" for code in PLANS)}]}}
steps:
  - bill: {{date: 2026-02-01}}
{
    "".join(
        f'''
  - update: {{planTemplate: t-{code}, set: {{product: new-{code}}}}}'''
        for code in PLANS
    )
}
"""


def lines(story: str = STORY) -> list[DraftLine]:
    family = play_text(story).family(id_of("account", "acme"))
    return [line for draft in draft_bills(family, date=date(2026, 2, 1)) for line in draft.lines]


def test_segments_stand_in_the_order_of_what_they_say() -> None:
    segments = [line.wording["segment"] for line in lines() if line.key.type == "USAGE"]
    assert segments == sorted(segments) and len(segments) == len(SEGMENTS)


def test_plans_stand_in_the_order_of_their_codes() -> None:
    plans = [line.key.plan_id for line in lines() if line.key.type == "STANDING_CHARGE"]
    assert plans == [id_of("plan", code) for code in PLANS]


def test_what_is_given_back_stands_before_what_is_due_instead() -> None:
    plans_and_products = [(line.key.plan_id, line.key.product_id) for line in lines(MOVED)]
    assert plans_and_products == [
        (id_of("plan", plan), id_of("product", f"{age}-{plan}")) for plan in PLANS for age in ("old", "new")
    ]
