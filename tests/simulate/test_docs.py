"""The stories in docs/scenarios.md hold as they stand there."""

from pathlib import Path

from services.simulate.memory_player import MemoryPlayer
from services.simulate.play import Played, play
from services.simulate.story import parse_story
from services.simulate.yaml_lines import load_yaml

DOCS = Path(__file__).parent.parent.parent / "docs" / "scenarios.md"
#: What the excerpts below the whole story stand on.
GIVEN = """
organization: {usageBeforeAccount: HOLD, usageHoldDays: 10}
meters: [{code: calls, dataFields: [{code: n, category: MEASURE}]}]
aggregations: [{code: units, meter: calls, targetField: n}]
plans: [{code: basic, product: api, pricings: [{code: price, aggregation: units, pricingBands: [{unitPrice: 1}]}]}]
accounts: [{code: acme, plans: [{plan: basic, startDate: 2026-01-01}]}]
commitments: [{code: ahead, account: acme, amount: 100, startDate: 2026-01-01, endDate: 2027-01-01}]
"""


def held(text: str) -> list[Played]:
    found = play(parse_story(load_yaml(text)), MemoryPlayer())
    assert not [result.differences for result in found if result.differences]
    return found


def test_the_stories_of_the_docs_hold() -> None:
    whole, alerts, waits, filed = (part.split("```")[0] for part in DOCS.read_text().split("```yaml\n")[1:])
    assert sum(check.step.expect is not None for check in held(whole)) == 2
    assert [check.step.kind for check in held(GIVEN + alerts)] == ["usage", "alerts"]
    assert [check.step.kind for check in held(f"{GIVEN}steps:\n{waits}")] == ["usage", "held", "create", "held"]
    assert [check.step.kind for check in held(filed)] == ["bill", "journal"]
