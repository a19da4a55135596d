"""A kind of resource is a row: its body says what it refers to and by what it is found, the table all else."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import fields

from events.facts import FACTS
from events.facts.base import Route
from events.resources.base import Resource
from events.resources.organization import OrganizationConfig
from projections.resources import ATTRIBUTES, Resources
from projections.settlement import together
from services.commands.filters import HasCode, NamesOneOf, OfAccount
from services.commands.table import KINDS
from tests.modules import ROOMS, ROOT, sources

#: Where the rows are.
ROWS = {"services/commands/table.py", "projections/resources.py"}


def bodies(of: type[Resource]) -> Iterator[type[Resource]]:
    """Those that no other one is a kind of."""
    below = of.__subclasses__()
    yield from (body for nested_type in below for body in bodies(nested_type)) if below else (of,)


BODIES = set(bodies(Resource)) - {OrganizationConfig}
NAMES = {name for row in KINDS.values() for name in (row.name, row.attribute, row.model.__name__)}


def test_every_body_has_its_row_its_attribute_and_its_facts() -> None:
    assert {row.model for row in KINDS.values()} == ATTRIBUTES.keys() == BODIES
    assert set(ATTRIBUTES.values()) <= {field.name for field in fields(Resources)}
    for body in BODIES:
        assert {f"{body.__name__}{ending}" for ending in ("Created", "Updated", "Deleted")} <= FACTS.keys()


def test_what_a_body_and_a_row_name_exists() -> None:
    for row in KINDS.values():
        wire = {field.alias or name for name, field in row.model.model_fields.items()}
        assert {*row.model.references, *dict(row.reference_lists), *row.fixed} <= wire
        assert {*row.model.references.values(), *dict(row.reference_lists).values()} <= KINDS.keys()
        assert set(row.model.indexed_by) <= row.model.model_fields.keys()
        if row.in_stories is not None:
            assert row.in_stories.defaults.keys() <= wire
            assert row.in_stories.inner is None or row.in_stories.inner.kind in KINDS
            assert not row.in_stories.begins_with_file or "startDate" in wire


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


def listed(tree: ast.AST) -> Iterator[Sequence[ast.expr | None]]:
    """The members of each collection that is written out; of a dictionary its keys, and its values."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield from (node.keys, node.values)
        elif isinstance(node, ast.Set | ast.Tuple | ast.List):
            yield node.elts


def test_nobody_else_lists_kinds() -> None:
    for path in (path for room in ROOMS for path in sources(room)):
        where = str(path.relative_to(ROOT))
        if where in ROWS or where.startswith("events/resources/"):
            continue
        for members in listed(ast.parse(path.read_text())):
            found = [member.value for member in members if isinstance(member, ast.Constant) and member.value in NAMES]
            assert len(found) < 3 or 2 * len(found) < len(members), f"{where} lists {found}: see its rows"
