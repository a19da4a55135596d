"""Laws of schedules in random families: settlement goes on over their changes, and conservation (rules 8.13, 8.14)."""

from hypothesis import given
from hypothesis import strategies as st

from projections.settlement import Family, settle
from projections.settlement.conservation import residues
from tests.settlement.playing import accounts_of, change_schedule, family_of, play_terms
from tests.settlement.stories import DAYS, Random, days, families, schedule_changes, usage
from tests.settlement.test_laws import amounts_of, laws


@laws
@given(st.data(), families(), st.booleans())
def test_whatever_becomes_of_schedules_settlement_follows_as_from_scratch(
    data: st.DataObject, family: Random, accrued: bool
) -> None:
    """In any order of usage, changes and days that are asked for, one family that lives on says what a new one does."""
    player = play_terms(family)
    state, kept = family_of(player), None
    for _ in range(4):
        if data.draw(st.booleans()):
            change_schedule(player, *data.draw(schedule_changes()))
            state, kept = family_of(player), None
        for record in data.draw(st.lists(usage(accounts_of(family)), max_size=3)):
            player.usage(record)
        state = Family(state.terms, player.used.totals, state.billed)
        for through in data.draw(st.lists(days(0, DAYS), min_size=1, max_size=3)):
            lived = settle(state, through=through, accrued=accrued, kept=kept)
            assert amounts_of(lived) == amounts_of(settle(family_of(player), through=through, accrued=accrued))
            assert not list(residues(lived))
            kept = lived.kept
