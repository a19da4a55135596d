"""Citations: of rules by number (`rules 4.6`, of a whole section `rules 4`), of decisions, and of worked examples."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
#: Folders that people write in, and what they write.
ROOMS = ("events", "projections", "services", "tests", "benchmarks", "docs", "deploy", "examples")
WRITTEN = {".py", ".md", ".sql", ".yaml", ".toml"}

_NUMBER = r"\d+(?:\.\d+)?"
_LIST = rf"({_NUMBER}(?:(?:, | and | to ){_NUMBER})*)"
_CITED = {
    "rule": re.compile(rf"\brules?(?:\.md)? {_LIST}"),
    "decision": re.compile(rf"\bdecisions? {_LIST}"),
    "example": re.compile(r"\b(E\d{2}) of examples\.md"),
}
_TARGETS = {
    "rule": (DOCS / "rules.md", re.compile(rf"(?m)^(?:## (\d+)\. |\*\*({_NUMBER}) )")),
    "decision": (DOCS / "design.md", re.compile(rf"(?m)^\*\*Decision ({_NUMBER})\. ")),
    "example": (DOCS / "examples.md", re.compile(r"(?m)^- (E\d{2}) ")),
}


def cited(text: str) -> Iterator[tuple[str, str]]:
    """(kind, number) of each citation."""
    for kind, pattern in _CITED.items():
        for found in pattern.finditer(text):
            for number in re.findall(rf"E\d{{2}}|{_NUMBER}", found[1]):
                yield kind, number


def targets() -> set[tuple[str, str]]:
    """(kind, number) of all that can be cited."""
    return {
        (kind, next(part for part in found if part) if isinstance(found, tuple) else found)
        for kind, (path, pattern) in _TARGETS.items()
        for found in pattern.findall(path.read_text(encoding="utf-8"))
    }


@cache
def written() -> list[tuple[str, str]]:
    """(path below the root, text) of every file that people write."""
    paths = [*sorted(ROOT.glob("*.md")), *(path for room in ROOMS for path in sorted((ROOT / room).rglob("*")))]
    wanted = [path for path in paths if path.suffix in WRITTEN and path.is_file()]
    return [(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in wanted]
