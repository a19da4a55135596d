"""Facts and derivations are pure, and so is every module of services that is not said to act.

Pure is what reads no clock, draws no lot, waits for nothing and reaches nothing outside the process."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.modules import ROOT, imported, parsed, sources

IMPURE = {
    *("asyncio", "time", "random", "secrets", "socket", "subprocess", "threading", "logging", "os", "pathlib", "io"),
    *("aiokafka", "asyncpg", "click", "fastapi", "faststream", "httpx", "starlette", "structlog", "uvicorn", "uvloop"),
}


@dataclass(frozen=True)
class Acting:
    """Which modules of a room act; of `whole` rooms, which do not."""

    whole: bool
    named: frozenset[str]

    def names(self, module: str) -> bool:
        return (module in self.named) != self.whole


def all_but(*pure: str) -> Acting:
    return Acting(True, frozenset(pure))


def only(*acting: str) -> Acting:
    return Acting(False, frozenset(acting))


#: Every module of services is pure but these, which act: by themselves, or through one that they import.
ACTING = {
    "": only("concurrency", "outage", "shared_answers", "side_by_side", "whole_file"),
    "access": all_but("denials", "scopes"),
    "alerts": all_but("matching"),
    "api": all_but(
        *("answers", "bill_bodies", "data_export_bodies", "funds", "in_force", "insight_answers", "measurement"),
        *("measurement_answers", "outlook_answers", "overview_answers", "record_rates", "scopes", "shown"),
        "statement_answers",
    ),
    "api/edges": all_but(),
    "apart": all_but(),
    "archive": all_but("defects"),
    "audit": all_but(),
    "automation": all_but(),
    "billing": all_but("bill_document"),
    "console": all_but("supposable", "typed"),
    "continuity": all_but(),
    "contracts": all_but("readme_table"),
    "corrections": all_but(),
    "demo": all_but("story"),
    "doctor": all_but("findings"),
    "erasure": all_but(),
    "explain": all_but("text"),
    "exports": all_but("watermark"),
    "importing": all_but("layout"),
    "ingest": only(
        *("batch", "catalogs", "cli", "elsewhere", "handler", "partition", "record", "sealing", "showing", "snapshot"),
    ),
    "jobs": all_but(),
    "kafka": all_but("cluster", "failures"),
    "migrate": all_but(),
    "notary": all_but(),
    "personal": only("keys", "opening"),
    "postgres": all_but(),
    "projection": all_but("touched"),
    "projector": all_but(),
    "proof": only("cli", "exporting", "heads_topic"),
    "readside": all_but("family_cache", "family_state", "resting"),
    "readside/past": all_but(),
    "rebuild": all_but(),
    "refusals": all_but("refusal"),
    "relay": all_but(),
    "run": all_but(),
    "run/stack": all_but(),
    "sight": all_but("traceparent"),
    "simulate": all_but(
        *("compare", "configured", "entities", "filing", "judging", "memory_held", "memory_ingest", "naming"),
        *("naming_fields", "player", "story", "telling", "values", "yaml_lines"),
    ),
    "statement": only("as_issued", "spreadsheet"),
    "status": all_but("shown"),
    "store": all_but("extras", "rows", "schedules"),
    "webhooks": all_but("addresses", "pauses", "sealing", "signing"),
    "worker": all_but(),
}


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


SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|WHERE|EXISTS)\b|->>|::(text|jsonb|timestamptz)")


def statements(path: Path) -> Iterator[str]:
    """Texts of a module that are SQL, or parts of it."""
    texts = (node.value for node in ast.walk(parsed(path)) if isinstance(node, ast.Constant))
    yield from (
        f"{path.relative_to(ROOT)} makes SQL: {text!r}" for text in texts if isinstance(text, str) and SQL.search(text)
    )


def modules_imported(path: Path) -> Iterator[Path]:
    """The modules of services that one imports from."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("services"):
            source = ROOT.joinpath(*node.module.split("."))
            for name in (alias.name for alias in node.names):
                module = source / f"{name}.py", source.with_suffix(".py"), source / "__init__.py"
                yield next(candidate for candidate in module if candidate.exists())


def acting_in_services() -> dict[Path, str]:
    """Each module of services that acts, and why: what it does itself, or which acting one it imports."""
    imports = {path: set(modules_imported(path)) for path in sources("services")}
    acting = {path: why for path in imports for why in [*impurities(path), *statements(path)][:1]}
    while through := {
        path: f"{path.relative_to(ROOT)} imports {min(acts).relative_to(ROOT)}"
        for path, modules in imports.items()
        if path not in acting and (acts := modules & acting.keys())
    }:
        acting |= through
    return acting


def is_said_to_act(path: Path) -> bool:
    room = path.parent.relative_to(ROOT / "services").as_posix().strip(".")
    return ACTING.get(room, only()).names(path.stem)


def test_a_module_of_services_is_pure_unless_it_is_said_to_act() -> None:
    acting = acting_in_services()
    modules = [path for path in sources("services") if path.name != "__init__.py"]
    undeclared = [acting[path] for path in modules if path in acting and not is_said_to_act(path)]
    assert not undeclared, f"not in ACTING: {undeclared}"
    pure = [str(path.relative_to(ROOT)) for path in modules if path not in acting and is_said_to_act(path)]
    assert not pure, f"in ACTING, and pure: {pure}"
