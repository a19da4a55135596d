"""The structure that docs/architecture.md promises, held by a test: import direction, sizes."""

import ast
import re
import statistics
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.modules import ROOMS, ROOT, imported, parsed, sources

#: What a room may import besides the standard library and itself.
ALLOWED = {"events": {"pydantic"}, "projections": {"events", "msgspec", "pydantic"}}
FORMED = (*ROOMS, "examples")  # held to the form of a room
MAX_FILE_LINES = 250
MAX_FUNCTION_LINES = 60
TYPICAL_FUNCTION_LINES = 30
#: Rooms that mirror each other call a noun the same: its facts, its read model, its paths.
SAME_NAME_MAX = 3


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


@pytest.mark.parametrize("room", [*FORMED, "deploy", "tests", "benchmarks"])
def test_a_module_gives_a_name_once(room: str) -> None:
    """Two that are put together may each have had a name of their own for something: the second would win unseen."""
    for path in sources(room):
        names = Counter(
            target.id
            for statement in parsed(path).body
            if isinstance(statement, ast.Assign)
            for target in statement.targets
            if isinstance(target, ast.Name)
        )
        twice = [name for name, count in names.items() if count > 1]
        assert not twice, f"{path.relative_to(ROOT)} gives {twice} twice"


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


def test_a_modules_name_says_which_one_it_is() -> None:
    names = Counter(path.name for room in ROOMS for path in sources(room))
    everybodys = {"__init__.py", "cli.py"}
    assert not {name: count for name, count in names.items() if count > SAME_NAME_MAX and name not in everybodys}
    assert names["errors.py"] == 0, "errors stand under what they are about"


def test_how_a_family_stands_is_asked_of_one_function() -> None:
    """`settled` knows that it is never before the latest bill (rules 8.3); by `settle` alone one forgets."""
    for path in sources("services"):
        calls = (node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call))
        asked = [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "settle"]
        assert not asked, f"{path.relative_to(ROOT)}:{asked}"


def test_nobody_leaves_tasks_to_who_tells_them_once() -> None:
    """A client library may lose a cancellation; a TaskGroup does not repeat it, `services.concurrency` does."""
    for path in sources("services"):
        names = (node for node in ast.walk(parsed(path)) if isinstance(node, ast.Attribute | ast.Name))
        groups = [node.lineno for node in names if "TaskGroup" in (getattr(node, "attr", ""), getattr(node, "id", ""))]
        assert not groups, f"{path.relative_to(ROOT)}:{groups}"
