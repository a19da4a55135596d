"""Rows hold of schedules, and of balances what is left of those that ended, all that the facts said."""

import json
from datetime import date

from projections.entities import ScheduleEntity
from services.commands.schedule_rules import SCHEDULES
from services.commands.table import KINDS
from services.store.schedules import extra_of_schedules, extra_of_terms, schedules_in, terms_in
from tests.commands.world import create, delete, given, id_of, update

TERMS = {"units": 3, "unitPrice": 0.25, "amount": None, "billEpoch": "2026-01-15"}


def test_a_schedule_is_the_same_from_its_row() -> None:
    for kind in (KINDS[name] for name in SCHEDULES):
        story = given(create("balance", "wallet", accountId="@acme"), create(kind.name, "it", balanceId="@wallet"))
        later = TERMS if "units" in kind.model.model_fields else {"paid": 3.5, "currencyPaid": "EUR"}
        story.given(update(kind.name, "it", 1, date(2026, 3, 1), balanceId="@wallet", **later))
        [held] = kind.held(story.resources).values()
        assert isinstance(held, ScheduleEntity)
        assert len(held.terms) == 2 and held.terms[1].start == date(2026, 3, 1)
        assert terms_in(json.loads(json.dumps(extra_of_terms(held))), kind.model) == held.terms
        story.given(delete(kind.name, "it", effective=date(2026, 5, 1)))
        left = story.resources.balances[id_of("wallet")].schedules
        assert [schedule.terms for schedule in left] == [held.terms]
        assert schedules_in(json.loads(json.dumps(extra_of_schedules(left)))) == left


def test_a_balance_without_any_has_none() -> None:
    assert extra_of_schedules(()) == {} and schedules_in({"transactions": []}) == ()
