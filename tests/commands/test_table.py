"""A kind of resource is a row: its body says what it refers to and by what it is found, the table all else."""

from dataclasses import fields
from typing import get_args

from events.facts import FACTS
from events.facts.base import Route
from projections.resources import ATTRIBUTES, ENTITIES, Resources
from projections.settlement import together
from services.commands.filters import HasCode, NamesOneOf, OfAccount
from services.commands.kind import BillingEntity
from services.commands.needs import Named, Naming, Referring
from services.commands.rules import RULES
from services.commands.table import ENDED, KINDS
from tests.asking import BODIES


def test_every_body_has_its_row_its_attribute_and_its_facts() -> None:
    assert {row.model for row in KINDS.values()} == ATTRIBUTES.keys() == ENTITIES.keys() == BODIES
    assert set(ATTRIBUTES.values()) <= {field.name for field in fields(Resources)}
    for body in BODIES:
        assert {f"{body.__name__}{ending}" for ending in ("Created", "Updated", "Deleted")} <= FACTS.keys()


def test_what_a_body_and_a_row_name_exists() -> None:
    for row in KINDS.values():
        wire = {field.alias or name for name, field in row.model.model_fields.items()}
        assert {*row.model.references, *dict(row.reference_lists), *row.fixed} <= wire
        assert {*row.model.references.values(), *dict(row.reference_lists).values()} <= KINDS.keys()
        assert {*row.model.indexed_by, *row.model.personal} <= row.model.model_fields.keys()
        assert {*(row.model.billed_by or ())} <= row.model.model_fields.keys()
        assert row.model.billed_by is None or "account_id" in row.model.model_fields
        assert dict(row.told).keys() <= set(row.derived)
        assert set(row.other_facts) <= FACTS.keys()
        if row.in_stories is not None:
            assert row.in_stories.defaults.keys() <= wire
            assert row.in_stories.inner is None or row.in_stories.inner.kind in KINDS
            assert row.in_stories.made_beside is None or row.in_stories.made_beside in row.model.references.values()
            assert not row.in_stories.begins_with_file or "startDate" in wire


def test_what_can_be_ended_are_the_kinds_that_have_an_end() -> None:
    assert ENDED.keys() == set(get_args(BillingEntity))
    assert all("end_date" in row.model.model_fields for row in ENDED.values())


def test_facts_of_a_kind_lie_where_its_row_says() -> None:
    for row in KINDS.values():
        for ending in ("Created", "Updated", "Deleted"):
            of_catalog = FACTS[f"{row.model.__name__}{ending}"].route is Route.CATALOG
            assert of_catalog == (row.owner == "catalog"), row.name


def test_a_family_has_what_its_accounts_own_and_shares_the_rest() -> None:
    catalog, own = Resources("org"), Resources("org")
    both = together(catalog, own, None)
    for row in KINDS.values():
        assert row.held(both) is row.held(catalog if row.owner == "catalog" else own), row.name


def test_rules_are_of_kinds_and_need_kinds() -> None:
    assert RULES.keys() <= {row.model for row in KINDS.values()}
    for rules in RULES.values():
        for need in rules.needs:
            match need:
                case Referring(kinds):
                    assert set(kinds) <= KINDS.keys()
                case Naming(kind) | Named(kind):
                    assert kind in KINDS


def test_rows_are_in_an_order_in_which_a_story_can_make_them() -> None:
    order = list(KINDS)
    for row in KINDS.values():
        behind = {to for field, to in row.model.references.items() if (row.name, field) != ("plan", "accountId")}
        assert max(map(order.index, behind), default=-1) <= order.index(row.name)


def test_what_an_index_is_asked_for_is_there_to_be_found() -> None:
    for row in KINDS.values():
        for test in (filter.test for filter in row.filters):
            match test:
                case OfAccount():
                    assert row.owner == "accountId", row.name
                case HasCode():
                    assert ("code",) in row.unique, row.name
                case NamesOneOf(field):
                    assert field in row.model.references, row.name
