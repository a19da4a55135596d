"""An object is changed by its own functions, or where its class stands: no module fills in what another one defines.

Whoever wants to know how a value came to be so reads one file. The law is held by what the code says, without running
it: `x.attribute = ...`, `del x.attribute`, `x.attribute[...] = ...` and `x.attribute.append(...)`, for any `x` but
`self`, stand only in the module of a class that has the attribute.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.modules import ROOMS, ROOT, parsed, sources

#: What changes a list, dictionary or set.
MUTATORS = frozenset(
    (
        *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "move_to_end", "pop", "popitem"),
        *("popleft", "remove", "reverse", "setdefault", "sort", "update"),
    )
)
#: Where another module's object is changed all the same, and why: libraries whose way this is, and one hot loop.
ALLOWED = {
    ("services/api/app.py", "app.state"): "where Starlette has an application keep what its requests need",
    ("services/api/app.py", "app.router"): "routes as they are: FastAPI's own way would make each anew",
    ("services/api/openapi.py", "app"): "FastAPI's way to make the document oneself",
    ("services/api/edges/connections.py", "self.cycle"): "uvicorn tells its app so that the client has left",
    ("services/access/client.py", "request"): "httpx's way to sign a request",
    ("services/kafka/consuming.py", "consumer"): "aiokafka makes its fetcher itself: ours takes its place",
    ("services/kafka/consuming.py", "state"): "aiokafka's fetcher tells what it heard of a partition by this",
    ("services/kafka/writing.py", "batch"): "aiokafka counts a batch's records only in its own `append`",
    ("services/ingest/rating.py", "cell"): "the hot loop: a call for each record costs more than the addition",
}


def own_fields(module: ast.Module) -> set[str]:
    """The attributes of the classes that a module defines."""
    names = set()
    for defined in (node for node in ast.walk(module) if isinstance(node, ast.ClassDef)):
        declared = (node.target for node in defined.body if isinstance(node, ast.AnnAssign))
        names |= {target.id for target in declared if isinstance(target, ast.Name)}
        for node in ast.walk(defined):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
                names.add(node.attr)
    return names


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def changed(tree: ast.AST) -> Iterator[ast.Attribute]:
    """Every attribute that is assigned, deleted or changed in place."""
    for node in ast.walk(tree):
        target: ast.expr | None = None
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            target = node if isinstance(node, ast.Attribute) else node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            target = node.func.value
        if isinstance(target, ast.Attribute):
            yield target


def foreign_names(function: ast.FunctionDef | ast.AsyncFunctionDef, classes: set[str]) -> set[str]:
    """The parameters that are of a class of another module, by their annotations."""
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    noted = {argument.arg: argument.annotation for argument in arguments if isinstance(argument.annotation, ast.Name)}
    return {name for name, annotation in noted.items() if annotation.id not in classes}


def changes_of_others(module: ast.Module) -> Iterator[ast.Attribute]:
    """The changes of what no class of the module has, or of what is handed in as a class of another module."""
    classes = {node.name for node in ast.walk(module) if isinstance(node, ast.ClassDef)}
    fields = own_fields(module)
    handed_in = {
        id(change)
        for function in ast.walk(module)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and (names := foreign_names(function, classes))
        for change in changed(function)
        if isinstance(change.value, ast.Name) and change.value.id in names
    }
    for change in changed(module):
        is_own = is_self(change.value) or (isinstance(change.value, ast.Name) and change.value.id in classes)
        if not is_own and (change.attr not in fields or id(change) in handed_in):
            yield change


def told(path: Path) -> dict[tuple[str, str], int]:
    """The changes of a file, by the object that is changed, with the line of one of them."""
    where = str(path.relative_to(ROOT))
    return {(where, ast.unparse(change.value)): change.lineno for change in changes_of_others(parsed(path))}


def test_no_module_changes_what_another_one_defines() -> None:
    told_at = {where: line for room in ROOMS for path in sources(room) for where, line in told(path).items()}
    wrong = [
        f"{path}:{told_at[path, owner]} changes {owner}" for path, owner in told_at if (path, owner) not in ALLOWED
    ]
    assert not wrong, "\n".join(wrong)
    assert not ALLOWED.keys() - told_at.keys(), "allowed, and nobody does it any more"


def test_every_way_of_changing_an_object_is_seen() -> None:
    code = """
class Own:
    def __init__(self) -> None:
        self.held = []

def change(one: Own, other: Other, unknown):
    one.held = one.held.append(self.held)
    {}
"""
    for line in (
        *("other.held = 1", "other.held += 1", "del other.held", "other.held, x = 1, 2", "other.held.append(1)"),
        *("unknown.strange = 1", "unknown.strange[0] = 1", "unknown.strange.append(1)", "unknown.deep.strange |= {1}"),
        *("for unknown.strange in x: pass", "one.strange = 1"),
    ):
        assert len(list(changes_of_others(ast.parse(code.format(line))))) == 1, line
    for line in ("one.held = 1", "one.held += 1", "unknown.strange", "unknown.strange.other()", "x.append(1)"):
        assert not list(changes_of_others(ast.parse(code.format(line)))), line


def test_nobody_changes_an_object_past_its_attributes() -> None:
    for path in (path for room in ROOMS for path in sources(room)):
        calls = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
        used = {ast.unparse(call.func) for call in calls} & {
            "setattr",
            "delattr",
            "object.__setattr__",
            "object.__delattr__",
        }
        assert not used, f"{path.relative_to(ROOT)} calls {sorted(used)}"
