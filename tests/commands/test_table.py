"""A kind of resource is a row: its body says what it refers to and by what it is found, the table all else."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import get_args

import pytest

from events.facts import FACTS
from events.facts.base import Route
from events.resources.base import Resource
from events.resources.organization import OrganizationConfig
from projections.entities import Entity
from projections.resources import ATTRIBUTES, ENTITIES, Resources
from projections.settlement import together
from services.commands.filters import HasCode, NamesOneOf, OfAccount
from services.commands.kind import BillingEntity
from services.commands.needs import Named, Naming, Referring
from services.commands.rules import RULES
from services.commands.table import ENDED, KINDS
from tests.modules import ROOMS, ROOT, parsed, sources

#: Where the rows are.
TABLE = ("table", "catalog_kinds", "account_kinds")
ROWS = {*(f"services/commands/{name}.py" for name in TABLE), "projections/resources.py"}


def bodies(of: type[Resource]) -> Iterator[type[Resource]]:
    """Those that no other one is a kind of."""
    below = of.__subclasses__()
    yield from (body for nested_type in below for body in bodies(nested_type)) if below else (of,)


BODIES = set(bodies(Resource)) - {OrganizationConfig}
NAMES = {name for row in KINDS.values() for name in (row.name, row.attribute, row.model.__name__)}


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


#: An account's place, zone and root are said by its first fact alone, before anything else of it can be read.
_PLACED = "where an account is, for life"
#: Who may ask of which kind something is, and why. Whoever only speaks about a kind names it as he likes.
ASKS = {
    "services/commands/rules.py": "the rows of rules",
    "events/codec.py": "what older versions of a fact lacked",
    **dict.fromkeys(
        (
            *("projections/rating/index.py", "projections/readmodels/directory.py", "services/ingest/catalogs.py"),
            *("services/projection/fold.py", "services/projection/taking.py", "services/proof/selecting.py"),
        ),
        _PLACED,
    ),
    **dict.fromkeys(
        (
            *("services/alerts/following.py", "services/alerts/matching.py", "services/alerts/raising.py"),
            *("services/automation/billing_ahead.py", "services/automation/topping_up.py"),
            "services/store/billing_entities.py",
        ),
        "whether the account is there: what was found under its id is one, or nothing",
    ),
    **dict.fromkeys(
        ("services/rebuild/rederived.py", "services/simulate/memory_keys.py", "services/store/execute.py"),
        "keys are destroyed when an account is forgotten",
    ),
    "projections/alerts/happenings.py": "the rows of what may happen, which are facts of one kind each",
    "services/api/balances.py": "transactions, which no other kind has",
    "services/api/derived.py": "a minimum is a commitment, and nothing draws on it",
    "services/api/funds.py": "what later facts add, by the wire's names: a class has its own",
    "services/api/shown.py": "the rows of models of answers; test_openapi.py holds them to what is derived",
    "services/commands/automation_rules.py": "rules: a commitment is topped up, a balance has transactions",
    "services/commands/commitment_rules.py": "rules: the balance as it was",
    "services/exports/closing.py": "what ends otherwise than its body says, and which column names it",
    "services/store/extras.py": "the rows of histories",
    "projections/rating/prices.py": "a price is of an aggregation or of a formula, and computed otherwise",
    "services/commands/catalog_rules.py": "rules: of what has fees a plan alone has a template",
    "services/commands/schedule_rules.py": "rules: a schedule pays in, or charges",
    **dict.fromkeys(
        ("services/api/occurrences.py", "services/api/schedule_answers.py", "services/api/schedules.py"),
        "what a schedule gives: it pays in, or charges",
    ),
    "services/console/automatic.py": "a form's own choice; the console knows nothing but answers",
    "services/console/supposing.py": "fields of a form; the console knows nothing but answers",
    "services/contracts/metrics_page.py": "a metric that is a counter",
    "services/simulate/compare.py": "members of what is expected of a bill",
    "services/simulate/configured.py": "a member of the file",
    "services/simulate/entities.py": "the field `currency`",
    "services/simulate/judging.py": "kinds of steps",
    "services/simulate/play.py": "kinds of steps",
    "services/simulate/story.py": "kinds of steps",
}


def classes(of: type[Resource]) -> Iterator[str]:
    """Names of all bodies, those that several kinds are based on among them."""
    yield from (name for below in of.__subclasses__() for name in (below.__name__, *classes(below)))


#: Bodies, entities with a history of their own, and facts about resources.
CLASSES = {*classes(Resource)} - {OrganizationConfig.__name__}
CLASSES |= {entity.__name__ for entity in ENTITIES.values()} - {Entity.__name__}
OF_KINDS = {fact.__name__ for row in KINDS.values() for fact in row.facts}
CLASSES |= OF_KINDS
TEXTS = NAMES | OF_KINDS


#: What a collection that is written out sorts by: entities and facts, by class or by type's name.
OF_WHICH = OF_KINDS | {entity.__name__ for entity in ENTITIES.values()} - {Entity.__name__}


def asked(tree: ast.AST) -> Iterator[ast.expr]:
    """What is compared with something, matched, or looked up by; what is only asserted decides nothing."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Assert():
                continue
            case ast.Compare():
                yield from (node.left, *node.comparators)
            case ast.MatchValue():
                yield node.value
            case ast.MatchClass():
                yield node.cls
            case ast.Dict():
                yield from (key for key in node.keys if isinstance(key, ast.Name))
                yield from (key for key in node.keys if isinstance(key, ast.Constant) and key.value in OF_KINDS)
            case ast.Subscript(slice=ast.Tuple()):  # a type of several
                yield from asked(node.value)
                continue
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                # Written out to be asked by elsewhere.
                yield from (part for part in parts if not OF_WHICH.isdisjoint(told_apart(part)))
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, of]):
                yield of
            case ast.Call(func=ast.Attribute(attr="startswith" | "endswith"), args=[of]):
                yield of
        yield from asked(node)


def told_apart(asked: ast.expr) -> Iterator[str]:
    """The kinds that are named there, by a text or by a body's class."""
    match asked:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            yield from (name for part in parts for name in told_apart(part))
        case ast.BinOp(left=left, right=right):
            yield from (*told_apart(left), *told_apart(right))
        case ast.Starred(value=inner):
            yield from told_apart(inner)
        case ast.Constant(value=str(name)) if name in TEXTS:
            yield name
        case ast.Name(id=name) if name in CLASSES:
            yield name


def texts(tree: ast.AST) -> Iterator[str]:
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_no_query_lists_kinds() -> None:
    for path in (path for room in ROOMS for path in sources(room)):
        for text in texts(parsed(path)):
            assert not re.search(r"\bkind IN \('|\btype LIKE '", text), (
                f"{path.relative_to(ROOT)} lists kinds in a query: see their rows"
            )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("isinstance(fund, CommitmentEntity | BalanceEntity)", {"CommitmentEntity", "BalanceEntity"}),
        ("kind.entity is AccountEntity", {"AccountEntity"}),
        ("match fact:\n    case PlanDeleted(): pass", {"PlanDeleted"}),
        ("GETS = {CommitmentEntity: get}", {"CommitmentEntity"}),
        ("OF = (CommitmentCreated, Alert)", {"CommitmentCreated"}),
        ("TYPES = (*('BalanceCreated',), 'BillIssued')", {"BalanceCreated"}),
        ("type == 'BalanceTransacted'", {"BalanceTransacted"}),
        ("held: dict[str, AccountEntity] = {}", set()),
        ("assert isinstance(account, AccountEntity)", set()),
    ],
)
def test_who_asks_is_seen(text: str, names: set[str]) -> None:
    assert {name for part in asked(ast.parse(text)) for name in told_apart(part)} == names


def test_nobody_else_asks_of_which_kind_something_is() -> None:
    asking = {
        str(path.relative_to(ROOT)): found
        for path in (path for room in ROOMS for path in sources(room))
        if (found := {name for part in asked(parsed(path)) for name in told_apart(part)})
    }
    for where in asking.keys() - ROWS - ASKS.keys():
        assert where.startswith("events/resources/"), f"{where} asks for {asking[where]}: say it in their rows"
    assert ASKS.keys() <= asking.keys(), f"{ASKS.keys() - asking.keys()} ask no more"


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
        for members in listed(parsed(path)):
            found = [member.value for member in members if isinstance(member, ast.Constant) and member.value in NAMES]
            assert len(found) < 3 or 2 * len(found) < len(members), f"{where} lists {found}: see its rows"
