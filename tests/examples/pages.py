"""The how-to pages as a reader plays them: blocks of commands, and under each what it answers."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.examples.conftest import ROOT

PAGES = sorted((ROOT / "docs").glob("how-to-*.md"))
#: Pages that have one worked example, at their end.
WORKED = (ROOT / "docs" / "webhooks.md", "## Worked example")
ANYTHING = "..."
_FENCED = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")


@dataclass(frozen=True, slots=True)
class Block:
    """Commands, and how their output is to read; `kind` json or text, None: it is not told."""

    line: int
    commands: str
    kind: str | None
    expected: str

    @property
    def only_reads(self) -> bool:
        """Whether it may be asked again, until everything that was sent before has arrived."""
        return all(line.startswith("api ") and "--" not in line for line in self.commands.splitlines())


def blocks_of(page: Path, section: str = "") -> list[Block]:
    """In order; of a section only, which is the last one, if its heading is given."""
    text = page.read_text(encoding="utf-8")
    begins = text.index(section)
    fenced = [(text[: match.start()].count("\n") + 1, match[1], match[2]) for match in _FENCED.finditer(text, begins)]
    blocks: list[Block] = []
    for line, kind, content in fenced:
        if kind == "sh":
            blocks.append(Block(line, content, None, ""))
        else:
            typed = blocks.pop()
            assert kind in ("json", "text") and typed.kind is None, f"{page.name}:{line}: an answer to nothing"
            blocks.append(Block(typed.line, typed.commands, kind, content))
    return blocks


def fits(block: Block, said: str) -> bool:
    """Whether the output reads as it is told."""
    if block.kind == "json":
        try:
            return holds(exact(block.expected), exact(said))
        except ValueError:
            return False
    if block.kind == "text":
        pattern = re.escape(block.expected.strip()).replace(re.escape(ANYTHING), ".*")
        return re.fullmatch(pattern, said.strip(), re.DOTALL) is not None
    return True


def exact(text: str) -> Any:
    """JSON with its numbers exact."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def holds(told: Any, answered: Any) -> bool:
    """Whether a document has all that is told of it; a list is told whole."""
    if told == ANYTHING:
        return True
    if isinstance(told, dict):
        return isinstance(answered, dict) and all(
            name in answered and holds(part, answered[name]) for name, part in told.items()
        )
    if isinstance(told, list):
        return isinstance(answered, list) and len(told) == len(answered) and all(map(holds, told, answered))
    return type(told) is type(answered) and bool(told == answered)
