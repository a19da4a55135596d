"""The structure that docs/architecture.md promises, held by a test: import direction, purity, sizes."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.modules import ROOMS, ROOT, parsed, sources

#: What a room may import besides the standard library and itself.
ALLOWED = {"events": {"pydantic"}, "projections": {"events", "msgspec", "pydantic"}}
IMPURE = {
    *("asyncio", "time", "random", "secrets", "socket", "subprocess", "threading", "logging", "os", "pathlib", "io"),
    *("aiokafka", "asyncpg", "click", "fastapi", "faststream", "httpx", "starlette", "structlog", "uvicorn", "uvloop"),
}
#: Modules of services, and rooms, that decide and derive and do not act.
PURE = (
    "services.commands",
    "services.breaks",
    "services.failures",
    "services.store.rows",
    *(f"services.webhooks.{name}" for name in ("addresses", "pauses", "sealing", "signing")),
    "services.words",
    "services.access.errors",
    "services.access.scopes",
    *(f"services.api.{name}" for name in ("answers", "funds", "insight_answers", "outlook_answers", "measurement")),
    *(f"services.api.{name}" for name in ("measurement_answers", "scopes", "shown")),
    "services.archive.errors",
    "services.billing.bill_document",
    "services.console.charts",
    "services.contracts.readme_table",
    "services.demo.story",
    "services.doctor.findings",
    "services.explain.text",
    "services.garbage",
    "services.importing.rows",
    *(f"services.ingest.{name}" for name in ("cloudevent", "directory", "instants", "json_text", "lane")),
    *(f"services.ingest.{name}" for name in ("rating", "running_charge", "seen_ids")),
    *(f"services.ingest.{name}" for name in ("totals", "validate")),
    "services.refusals.refusal",
    *(f"services.kafka.{name}" for name in ("cluster", "failures")),
    *(
        f"services.proof.{name}"
        for name in ("checking", "deriving", "documents", "comparing", "head", "selecting", "verdict", "verifying")
    ),
    "services.postgres_url",
    "services.readside.family_state",
    "services.sight.traceparent",
    "services.signatures",
    *(f"services.simulate.{name}" for name in ("compare", "entities", "memory_held", "memory_ingest", "naming")),
    *(f"services.simulate.{name}" for name in ("player", "story", "telling", "values", "yaml_lines")),
    *(f"services.store.{name}" for name in ("rows", "schedules")),
)
FORMED = (*ROOMS, "examples")  # held to the form of a room
MAX_FILE_LINES = 250
MAX_FUNCTION_LINES = 60
TYPICAL_FUNCTION_LINES = 30
#: From a usage record to the line of a bill there were 55; two thirds of them are enough.
WALKED_FILES = 36


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.split(".")[0]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    start = first.end_lineno or 0 if ast.get_docstring(function) else function.lineno
    return (function.end_lineno or 0) - start


@pytest.mark.parametrize("room", ["events", "projections"])
def test_imports_go_one_way(room: str) -> None:
    import sys

    for path in sources(room):
        names = set(imported(parsed(path)))
        foreign = names - set(sys.stdlib_module_names) - ALLOWED[room] - {room}
        assert not foreign, f"{path.relative_to(ROOT)} imports {sorted(foreign)}"


def impurities(path: Path) -> Iterator[str]:
    """What in a module reads a clock, waits, or reaches outside the process."""
    tree, where = parsed(path), path.relative_to(ROOT)
    yield from (f"{where} imports {name}" for name in sorted(set(imported(tree)) & IMPURE))
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield f"{where}:{node.lineno} awaits"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {"open", "print", "uuid4"}:
                yield f"{where}:{node.lineno} calls {called}"
            if called.endswith((".now", ".utcnow", ".today")):
                yield f"{where}:{node.lineno} reads a clock"


@pytest.mark.parametrize("room", ["events", "projections"])
def test_facts_and_derivations_are_pure(room: str) -> None:
    for path in sources(room):
        assert not list(impurities(path))
        calls = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
        assert "float" not in [ast.unparse(call.func) for call in calls], f"{path.relative_to(ROOT)} calls float"


def test_what_is_declared_pure_inside_services_is() -> None:
    modules = {str(path.relative_to(ROOT).with_suffix("")).replace("/", "."): path for path in sources("services")}
    declared = {name for name in modules if any(name == one or name.startswith(f"{one}.") for one in PURE)}
    assert len(declared) > 30
    for name in sorted(declared):
        assert not list(impurities(modules[name]))
        for node in ast.walk(parsed(modules[name])):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("services."):
                known = node.module in declared or f"{node.module}.__init__" in declared
                assert known, f"{name} is declared pure and imports {node.module}"


SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|WHERE|EXISTS)\b|->>|::(text|jsonb|timestamptz)")


def test_what_is_declared_pure_inside_services_makes_no_sql() -> None:
    for path in sources("services"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if any(name == one or name.startswith(f"{one}.") for one in PURE):
            texts = (node for node in ast.walk(parsed(path)) if isinstance(node, ast.Constant))
            found = [text.value for text in texts if isinstance(text.value, str) and SQL.search(text.value)]
            assert not found, f"{name} is declared pure and makes SQL: {found[0]!r}"


def taken_from_libraries(tree: ast.AST) -> Iterator[str]:
    """The names that a module has from outside the product."""
    for node in ast.walk(tree):
        outside = isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] not in ROOMS
        if isinstance(node, ast.Import) or outside:
            assert isinstance(node, ast.Import | ast.ImportFrom)
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)


@pytest.mark.parametrize("room", FORMED)
def test_no_library_is_patched(room: str) -> None:
    for path in sources(room):
        tree = parsed(path)
        libraries = set(taken_from_libraries(tree))
        assignments = (node for node in ast.walk(tree) if isinstance(node, ast.Assign))
        for target in (target for node in assignments for target in node.targets):
            if isinstance(target, ast.Attribute | ast.Subscript):
                owner = re.split(r"[.\[]", ast.unparse(target.value))[0]
                assert owner not in libraries, f"{path.relative_to(ROOT)}:{target.lineno} changes {owner}"


@pytest.mark.parametrize("room", [*FORMED, "deploy", "tests", "benchmarks"])
def test_a_file_is_one_subject(room: str) -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in sources(room)
        if (count := len(path.read_text().splitlines())) > MAX_FILE_LINES
    }
    assert not long, f"files over {MAX_FILE_LINES} lines: {long}"


def test_functions_are_short() -> None:
    lengths = []
    for path in (path for room in FORMED for path in sources(room)):
        for function in functions(parsed(path)):
            length = lines_of_code(function)
            lengths.append(length)
            assert length <= MAX_FUNCTION_LINES, f"{path.relative_to(ROOT)}:{function.lineno} has {length} lines"
    assert statistics.quantiles(lengths, n=10)[-1] <= TYPICAL_FUNCTION_LINES


@pytest.mark.parametrize("room", FORMED)
def test_every_module_says_its_subject(room: str) -> None:
    for path in sources(room):
        tree = parsed(path)
        if tree.body:
            assert ast.get_docstring(tree), f"{path.relative_to(ROOT)} has no docstring"


def test_the_way_from_usage_to_a_bill_is_short() -> None:
    introduction, walk = (ROOT / "docs" / "walks.md").read_text().split("\n## ")[:2]
    assert walk.startswith("A usage record")
    files = set(re.findall(r"`([\w/]+\.py)`", walk))
    assert all((ROOT / name).exists() for name in files)
    assert 20 < len(files) <= WALKED_FILES
    assert f"The first walk passes {len(files)} files." in introduction


def test_how_a_family_stands_is_asked_of_one_function() -> None:
    """`settled` knows that it is never before the latest bill (rules 8.3); by `settle` alone one forgets."""
    for path in sources("services"):
        calls = (node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call))
        asked = [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "settle"]
        assert not asked or path.name == "memory_player.py", f"{path.relative_to(ROOT)}:{asked}"
