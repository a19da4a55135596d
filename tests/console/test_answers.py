"""Numbers of a page that no answer has are found, and every page is walked over, so that the walk can fail."""

import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import pytest

from services.console.app import FOLLOWED, PAGES
from tests.console.answers import Noted
from tests.console.pictures import pages
from tests.console.story import Office


@dataclass
class Shown:
    """As much of a browser's page as is asked for."""

    texts: list[str]
    marked: list[str]
    url: str = "http://here/accounts?asOf=2026-01-15"

    async def evaluate(self, _: str) -> list[str]:
        return self.texts

    async def eval_on_selector_all(self, *_: str) -> list[str]:
        return self.marked


NOTED = {"total": Decimal("1620.00"), "day": "2026-03-11", "lines": [{"units": 5}, {"units": 6}], "code": "c-77"}


@pytest.mark.parametrize(
    ("text", "strange"),
    [
        ("$1,620.00 will be left", 0), ("$1,620.01 will be left", 1), ("out on Mar 11, 2026.", 0),
        ("out on Mar 12, 2026.", 1), ("with 2 lines", 0), ("with 3 lines", 1), ("c-77, as of 15", 0), ("bill 4f00", 0),
    ],
)  # fmt: skip
async def test_what_no_answer_has_is_found(text: str, strange: int) -> None:
    noted = Noted(cast(Any, None), "o", [NOTED])
    assert len(await noted.strangers(cast(Any, Shown([text], [])))) == strange


async def test_so_is_a_marked_number() -> None:
    noted = Noted(cast(Any, None), "o", [NOTED])
    assert await noted.strangers(cast(Any, Shown([], ["1620", "5", "7"]))) == ["7"]
    assert noted.compared == 3


def test_every_page_is_walked_over() -> None:
    """Of the console's addresses below an organization all that are pages, and no files, have a picture."""
    ids = defaultdict[str, str](lambda: "x")
    walked = [path.partition("?")[0] for path in pages(Office(cast(Any, None), cast(Any, None), ids)).values()]
    for path, _ in (*PAGES, *FOLLOWED):
        if "{format}" not in path and not path.endswith(("/bytes", "/file")):
            pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
            assert any(re.fullmatch(pattern, address) for address in walked), path
