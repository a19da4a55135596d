"""Golden files: every fact that was ever stored decodes for ever, and says the same when it is encoded again.

A file in `tests/golden/` is one record of the log. A new fact type needs a new file; a changed one keeps its old file,
under the old schema version, beside the new.
"""

import json
from pathlib import Path

import pytest

from events.codec import decode, encode
from events.envelope import event_id
from events.facts import FACTS
from events.facts.bills import BillIssued

GOLDEN = Path(__file__).parent.parent / "golden"
FILES = sorted(GOLDEN.glob("*.json"))


def test_every_fact_has_a_golden_file_of_its_current_version() -> None:
    stored = {(document["type"], document["schema"]) for document in map(json.loads, map(Path.read_text, FILES))}
    assert {(name, fact.schema_version) for name, fact in FACTS.items()} <= stored


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_golden_file_decodes_and_encodes_to_itself(file: Path) -> None:
    document = json.loads(file.read_text())
    envelope = decode(file.read_bytes())
    assert envelope.id == event_id(envelope.source, envelope.sequence)
    if document["schema"] == FACTS[document["type"]].schema_version:
        assert json.loads(encode(envelope)) == document
    assert decode(encode(envelope)) == envelope


def test_a_draw_of_version_1_pays_usage_where_its_prices_are_an_aggregations() -> None:
    document = json.loads((GOLDEN / "BillIssued.1.json").read_text())
    [line] = [line for line in document["data"]["lines"] if line["type"] == "COMMITMENT_CONSUMED"]
    plans_own = {name: value for name, value in line.items() if name not in ("aggregationId", "pricingId")}
    document["data"]["lines"] = [line | {"aggregationId": "a" * 36}, plans_own]
    bill = decode(json.dumps(document).encode()).data
    assert isinstance(bill, BillIssued)
    assert [line.charge_type for line in bill.lines] == ["USAGE", None]


@pytest.mark.parametrize(
    ("charges", "pays"),
    [
        (["STANDING_CHARGE"], "STANDING_CHARGE"),
        (["MINIMUM_SPEND"], "MINIMUM_SPEND"),
        (["STANDING_CHARGE", "MINIMUM_SPEND"], None),
    ],
)
def test_a_draw_of_version_1_pays_what_alone_stands_on_its_bill_for_the_same(charges: list[str], pays: str) -> None:
    document = json.loads((GOLDEN / "BillIssued.1.json").read_text())
    [line] = [line for line in document["data"]["lines"] if line["type"] == "COMMITMENT_CONSUMED"]
    draw = {name: value for name, value in line.items() if name not in ("aggregationId", "pricingId")}
    charge = {name: value for name, value in draw.items() if name != "commitmentId"} | {"amount": "3.00"}
    elsewhere = charge | {"type": "MINIMUM_SPEND", "periodStart": "2025-12-01"}
    document["data"]["lines"] = [*(charge | {"type": kind} for kind in charges), elsewhere, draw]
    bill = decode(json.dumps(document).encode()).data
    assert isinstance(bill, BillIssued)
    assert bill.lines[-1].charge_type == pays
