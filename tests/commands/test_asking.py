"""Everything particular of a kind of resource stands in its row: nobody else lists kinds, or tells them apart."""

import ast
import re
from collections.abc import Iterator, Sequence

import pytest

from tests.asking import NAMES, asked, told_apart
from tests.modules import ROOMS, ROOT, parsed, sources

#: Where the rows are.
TABLE = ("table", "catalog_kinds", "account_kinds")
ROWS = {*(f"services/commands/{name}.py" for name in TABLE), "projections/resources.py"}

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
    "projections/alerts/happenings.py": "a transaction may take out, which is no top-up",
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
