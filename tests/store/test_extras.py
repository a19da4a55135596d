"""Rows of `store.entities` keep the whole history of an entity, whatever its class."""

import json
from dataclasses import fields, replace

from projections.entities import Entity
from projections.resources import ENTITIES
from services.commands.table import KINDS
from services.store.extras import EXTRAS
from services.store.view import _DECIDED
from tests.settlement.playing import play_text

STORY = """
scenario: whatever has a history
plans: [{code: basic, product: service, billFrequency: MONTHLY, standingCharge: 5}]
planGroups: [{code: bundle}]
accounts: [{code: acme, plans: [{code: on, plan: basic, startDate: 2026-01-01}]}]
commitments:
  - {code: floor, account: acme, commitmentType: MINIMUM, amount: 100, billingPlan: basic, commitmentPeriodInterval: 1,
     startDate: 2026-01-01, endDate: 2027-01-01}
balances: [{code: credit, name: Credit, account: acme, startDate: 2026-01-01, endDate: 2027-01-01}]
balanceTransactionSchedules:
  - {code: monthly, balance: credit, amount: 5, startDate: 2026-01-01, endDate: 2027-01-01}
steps:
  - topUp: {commitment: floor, amount: 10, date: 2026-02-01}
  - transaction: {balance: credit, amount: 50, date: 2026-01-15}
  - update: {commitment: floor, set: {amount: 120}}
  - cancel: {commitment: floor, date: 2026-06-01, policy: WAIVE}
"""


def test_every_class_that_keeps_a_history_has_its_row() -> None:
    plain = {field.name for field in fields(Entity)} | set(_DECIDED)
    assert EXTRAS.keys() == {of for of in ENTITIES.values() if not {field.name for field in fields(of)} <= plain}


def test_what_is_read_is_what_was_written() -> None:
    resources = play_text(STORY).resources
    seen = set()
    for kind in KINDS.values():
        for entity in kind.held(resources).values():
            if kind.entity in EXTRAS:
                history = EXTRAS[kind.entity]
                read = history.read(json.loads(json.dumps(history.write(entity))), entity.body)
                assert replace(entity, **read) == entity
                seen.add(kind.entity)
    assert seen == EXTRAS.keys()
