"""The product's modules as they are written, for laws of how they are."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("events", "projections", "services")


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    """To parse all of them anew is most of what a law takes. Nobody changes a tree."""
    return ast.parse(path.read_text())
