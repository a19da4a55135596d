"""What a command imports when it starts: an operator's answers at once, and a worker loads what it works with."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from events.facts.base import FactModel
from services.api.app import create_app
from services.kafka import Cluster
from services.run.cli import COMMANDS

ROOT = Path(__file__).parent.parent.parent
#: What takes a tenth of a second of a processor or more, or is many modules of our own.
HEAVY = {
    *("aiokafka", "fastapi", "faststream", "httpx", "numpy", "starlette", "uvicorn", "yaml"),
    *("events.facts", "projections.settlement", "services.api.app"),
}
LOG = {"aiokafka", "events.facts"}
SETTLING = LOG | {"projections.settlement"}
#: Command -> all that it loads of these.
LOADS = {
    "up": {"aiokafka"},
    "migrate": LOG,
    "rebuild-store": SETTLING,
    "archive": {"aiokafka"},
    "restore": {"aiokafka"},
    "api": HEAVY - {"faststream", "numpy", "yaml"},
    "relay": LOG,
    "ingest": SETTLING | {"faststream", "numpy"},
    "projector": SETTLING | {"faststream"},
    "doctor": LOG,
    "status": SETTLING,
    "keys": {"aiokafka"},
    **dict.fromkeys(("forget", "personal-keys"), SETTLING),
    "bill": SETTLING,
    "explain": SETTLING,
    "replay": SETTLING,
    "audit": SETTLING,
    "assist": SETTLING,
    "notary": {"aiokafka"},
    "webhooks": LOG | {"httpx"},
    "proof": SETTLING,
    "export": SETTLING | {"yaml"},
    "verify": SETTLING,
    "foreign": LOG,
    "import": {"httpx"},
    "simulate": SETTLING | {"starlette", "yaml"},
    "contracts": SETTLING | {"fastapi", "httpx", "starlette", "services.api.app"},
    "demo": LOG | {"httpx"},
}


@cache
def imported(module: str) -> frozenset[str]:
    """What a module of ours imports when it is imported, and the packages that this is in; {} for any other."""
    place = ROOT / module.replace(".", "/")
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return frozenset(_imports(ast.parse(file.read_text()).body)) if file.exists() else frozenset()


def _imports(statements: list[ast.stmt]) -> Iterator[str]:
    """Those of functions are not, nor those that are there for types alone."""
    for statement in statements:
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            names = [f"{statement.module}.{alias.name}" for alias in statement.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def loaded(module: str) -> set[str]:
    """All that importing the module imports, through modules of ours."""
    found, ahead = set[str](), [*imported(module), module]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += imported(name)
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_loads_nothing_heavy_that_it_does_not_need(command: str) -> None:
    module = COMMANDS[command][0].partition(":")[0]
    assert loaded(module) & HEAVY == LOADS[command]


def test_the_command_itself_loads_nothing_heavy() -> None:
    assert not loaded("services.run.cli") & HEAVY


def test_no_request_waits_until_a_model_is_built() -> None:
    class Told(FactModel):
        """A new one, so that no other test has used it."""

        amount: int

    assert not Told.__pydantic_complete__
    create_app("postgresql://nobody@127.0.0.1:1/none", Cluster("127.0.0.1:1"))
    assert Told.__pydantic_complete__
