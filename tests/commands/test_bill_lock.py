"""The date up to which bills are locked moves forward only; a bill of the date itself is locked."""

from datetime import date

import pytest

from events.facts import FACTS
from services.commands.bill_rules import is_locked
from services.commands.refused import InvalidField
from services.commands.table import KINDS
from tests.commands.world import create, given, update


def test_it_moves_forward_only() -> None:
    story = given(create("billConfig", "it", billLockDate="2026-03-01"))
    story.when(update("billConfig", "it", 1, billLockDate="2026-03-01")).then(FACTS["BillConfigUpdated"])
    story.when(update("billConfig", "it", 2, billLockDate="2026-04-01")).then(FACTS["BillConfigUpdated"])
    for earlier in ("2026-03-31", None):
        story.when(update("billConfig", "it", 3, billLockDate=earlier)).refused(
            InvalidField, "billLockDate: must not be before 2026-04-01, up to which bills are locked"
        )


def test_without_a_date_nothing_is_locked() -> None:
    story = given(create("billConfig", "it"))
    story.when(update("billConfig", "it", 1)).then(FACTS["BillConfigUpdated"])
    assert not is_locked(date(2026, 1, 1), None)


@pytest.mark.parametrize(("bill", "locked"), [("2026-02-28", True), ("2026-03-01", True), ("2026-03-02", False)])
def test_a_bill_is_locked_up_to_the_date(bill: str, locked: bool) -> None:
    assert is_locked(date.fromisoformat(bill), date(2026, 3, 1)) is locked


def test_each_organization_has_one() -> None:
    id_of = KINDS["billConfig"].single_id
    assert id_of("one") == id_of("one") != id_of("other")
