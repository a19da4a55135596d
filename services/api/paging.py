"""Pages of the list paths, newest first: how much is asked for and from where on, and the token of what follows.

A token names the position of a page's last entry, so entries that come or go between two pages neither repeat nor hide
others, and the last page has no token: clients follow it until it ends.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Response

from services.api.queries import PAGE_SIZE_MAX, one, whole_number
from services.api.wire import answer
from services.commands.errors import InvalidField

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """Up to `size` entries, those at positions below `before`; None: the newest."""

    size: int
    before: int | None

    @property
    def fetched(self) -> int:
        """One more than is shown tells whether another page follows."""
        return self.size + 1

    def shown(self, entries: Sequence[T]) -> Sequence[T]:
        """Of what was fetched."""
        return entries[: self.size]

    def answer(self, data: list[Any], entries: Sequence[T], position: Callable[[T], int]) -> Response:
        """`data` are the documents of what is shown of `entries`."""
        more = len(entries) > self.size
        return answer({"data": data} | ({"nextToken": _token(position(entries[self.size - 1]))} if more else {}))


def page_asked(found: dict[str, list[str]], most: int = PAGE_SIZE_MAX) -> Page:
    """`pageSize` and `nextToken` of the parameters. Raises: InvalidField."""
    token = one(found, "nextToken")
    return Page(whole_number(found, "pageSize", PAGE_SIZE_MAX, 1, most), _position(token) if token else None)


def _token(position: int) -> str:
    return base64.urlsafe_b64encode(f"before {position}".encode()).decode().rstrip("=")


def _position(token: str) -> int:
    try:
        word, _, position = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().partition(" ")
        if word == "before" and position.isdecimal() and len(position) <= 18:
            return int(position)
    except (binascii.Error, ValueError):
        pass
    raise InvalidField(field="nextToken", rule="must be a token from an earlier page")
