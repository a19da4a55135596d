"""Laws of families on a plan group with everything that money can come from, whatever happens and in which order."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.facts.base import Fact
from events.facts.resources import ResourceFact
from projections.settlement import Family, Settlement, draft_bills, settle, unbilled
from projections.settlement.conservation import residues
from services.commands.table import kind_of
from services.projection.touched import touched
from tests.settlement.bundles import PLANS, bundles
from tests.settlement.happenings import BundlePlayer, Happening, happenings
from tests.settlement.playing import accounts_of, apart_of, family_of
from tests.settlement.stories import DAYS, START, Random, days, usage
from tests.settlement.test_by_change import moved_between, taken
from tests.settlement.test_laws import END, amounts_of

Law = Callable[[st.DataObject, Random], None]


class MarkingPlayer(BundlePlayer):
    """Sees to it that a fact of the catalog that changes what the family owes marks one of its plans or groups."""

    watching = False

    def _apply(self, fact: Fact) -> None:
        kind = kind_of(fact) if isinstance(fact, ResourceFact) else None
        if not self.watching or kind is None or kind.owner != "catalog":
            super()._apply(fact)
            return
        assert isinstance(fact, ResourceFact)
        owed, marked = self._owed(), touched(self.resources, fact).plans
        super()._apply(fact)
        again = touched(self.resources, fact).plans
        if self._owed() != owed:
            assert marked is not None and again is not None
            assert self._plans() & (marked | again), fact

    def _owed(self) -> list[Any]:
        return [amounts_of(settle(family_of(self), through=END, accrued=accrued_too)) for accrued_too in (True, False)]

    def _plans(self) -> set[str | None]:
        """What the projection marks a family by."""
        attached = [account_plan.body for account_plan in self.resources.account_plans.values()]
        billing = {commitment.body.billing_plan_id for commitment in self.resources.commitments.values()}
        return billing | {id for account_plan in attached for id in (account_plan.plan_id, account_plan.plan_group_id)}


def begun(family: Random, draw: Any) -> MarkingPlayer:
    """With two plans in the group."""
    player = MarkingPlayer(family)
    for plan in draw(st.permutations(PLANS))[:2]:
        player.happen(("link", ("bundle", plan)))
    player.watching = True
    return player


def lives_on(player: MarkingPlayer, data: st.DataObject, happening: Happening, lived: Settlement | None) -> Settlement:
    """Settled after a happening, going on from what was kept where the terms are the same: as from scratch.

    It is settled for the same day first, by what moved since, as the projector does.
    """
    name, _ = happening
    now = family_of(player)
    account_family, kept, moved, as_before = Family(now.terms, taken(now.totals), now.billed), None, None, []
    if lived is not None and name in ("use", "bill"):
        account_family, kept = Family(lived.terms, account_family.totals, account_family.billed), lived.kept
        moved, as_before = moved_between(lived.family.totals, account_family.totals), [(kept.through, kept.accrued)]
    drawn = data.draw(st.lists(days(0, DAYS), min_size=1, max_size=2))
    for through, accrued in [*as_before, *((day, accrued) for day in drawn for accrued in (True, False))]:
        lived = settle(account_family, through=through, accrued=accrued, kept=kept, moved=moved)
        kept, moved = lived.kept, {}
        assert amounts_of(lived) == amounts_of(settle(apart_of(player), through=through, accrued=accrued))
        assert not list(residues(lived))
    assert lived is not None
    return lived


def all_laws(data: st.DataObject, family: Random) -> None:
    player, lived = begun(family, data.draw), None
    for happening in data.draw(st.lists(happenings(accounts_of(family)), min_size=4, max_size=12)):
        if player.happen(happening):
            lived = lives_on(player, data, happening, lived)
    previewed = player.preview("acme", END)
    billed = player.bill(END, None)
    assert [bill for bill in billed if bill.account == "acme"] == previewed
    account_family = family_of(player)
    due = {
        key: line.money for key, line in settle(account_family, through=END, accrued=False).lines.items() if line.amount
    }
    assert {key: line.amount for key, line in account_family.billed.by_key.items() if line.amount} == due
    assert draft_bills(account_family, date=END) == unbilled(account_family, as_of=END) == []
    for explanation in player.explained:
        assert explanation.adds_up, explanation.document()


def usage_may_come_before_all_that_happens(data: st.DataObject, family: Random) -> None:
    records = data.draw(st.lists(usage(accounts_of(family)), max_size=12))
    kinds = happenings(accounts_of(family)).filter(lambda happening: happening[0] not in ("bill", "use"))
    steps = data.draw(st.lists(kinds, min_size=2, max_size=8))
    links = data.draw(st.permutations(PLANS))[:2]
    first, last = BundlePlayer(family), BundlePlayer(family)
    first.use(records)
    for player in (first, last):
        for plan in links:
            player.happen(("link", ("bundle", plan)))
        for step in steps:
            player.happen(step)
    last.use(records)
    for through in (START + timedelta(days=45), END):
        for accrued in (True, False):
            early, late = (settle(family_of(player), through=through, accrued=accrued) for player in (first, last))
            assert amounts_of(early) == amounts_of(late)


few = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
many = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
EACH = pytest.mark.parametrize("law", [all_laws, usage_may_come_before_all_that_happens])


@EACH
@few
@given(st.data(), bundles())
def test_whatever_happens(law: Law, data: st.DataObject, family: Random) -> None:
    law(data, family)


@EACH
@pytest.mark.long
@pytest.mark.timeout(0)
@many
@given(st.data(), bundles())
def test_whatever_happens_to_many(law: Law, data: st.DataObject, family: Random) -> None:
    law(data, family)
