"""Records to rows of `foreign_records`: where each stranger's record stands, and why it is one (decision 28)."""

from events.topics import EVENTS
from projections.readmodels.foreign_records import ForeignRow
from projections.readmodels.positions import Position
from services.projection.fold import apply_facts
from services.projection.partition import new_partition
from services.projection.taking import Decoded
from services.readside.family_cache import FamilyCache


def test_what_is_no_fact_of_ours_is_noted_at_its_place_and_changes_nothing_else() -> None:
    state = new_partition(Position(3), {})
    apply_facts(state, Decoded(foreign=[(42, "no JSON"), (44, "another generation")]), FamilyCache())
    assert state.unwritten.foreign == [
        ForeignRow(EVENTS, 3, 42, "no JSON"),
        ForeignRow(EVENTS, 3, 44, "another generation"),
    ]
    assert not state.unwritten.facts
