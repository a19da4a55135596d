"""Parts of a bill that do not follow each other: nobody can tell what the bill was, so nothing goes on over them."""

import json
from pathlib import Path
from typing import Any

import pytest

from events.codec import decode
from projections.readmodels.positions import Position
from services.projection.fold import apply_facts
from services.projection.taking import BrokenLogError, Decoded
from services.projection.unwritten import new_partition
from services.readside.family_cache import FamilyCache
from services.readside.family_state import new_family

GOLDEN = Path(__file__).parent.parent / "golden"


def golden(name: str, **changed: Any) -> bytes:
    document = json.loads((GOLDEN / f"{name}.json").read_text())
    document["data"] |= changed
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([golden("BillLinesIssued", part=2)], "offset 40: bill .*: part 2 came where part 1 was due"),
        ([golden("BillIssued.divided")], "offset 40: bill .*: line 2 came where line 1 was due"),
        (
            [golden("BillLinesIssued"), golden("BillLinesIssued", part=3)],
            "offset 41: bill .*: part 3 came where part 2 was due",
        ),
    ],
    ids=["a part without the first", "an end without a beginning", "a part is missing"],
)
def test_the_place_is_named(records: list[bytes], told: str) -> None:
    envelopes = [decode(record) for record in records]
    fact: Any = envelopes[0].data
    cache = FamilyCache()
    family = new_family(envelopes[0].organization, fact.root_id, 3)
    cache.add(family)
    cache.root_of[fact.account_id] = fact.root_id
    facts = [(40 + place, 0, one, record) for place, (one, record) in enumerate(zip(envelopes, records, strict=True))]
    with pytest.raises(BrokenLogError, match=f"^billing.events/3 at {told}"):
        apply_facts(new_partition(Position(3), {}), Decoded(facts=facts), cache)
