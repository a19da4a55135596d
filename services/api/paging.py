"""Pages of the list paths, newest first unless asked otherwise: the size of a page, its beginning, and the token of the
next page.

A token names the position of a page's last entry, so entries that come or go between two pages neither repeat nor hide
others, and the last page has no token: clients follow it until it ends.
"""

import base64
import binascii
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeVar

from fastapi import Response

from services.api.parameters import Query, Reader, text_schema, value_of, whole_number
from services.api.wire import answer
from services.commands.refused import InvalidField
from services.store.listing import SqlCondition

T = TypeVar("T")
PAGE_SIZE_MAX = 100
#: For how long entries are looked for that are shown; clients wait for longer.
FILLING_SECONDS = 20.0
#: By when entries were made; the first is the default.
ORDERS = ("DESC", "ASC")


@dataclass(frozen=True, slots=True)
class Page:
    """Up to `size` entries at positions below `before`; None: the newest. With `oldest_first`, the entries above it."""

    size: int
    before: int | None
    oldest_first: bool = False

    @property
    def is_first(self) -> bool:
        """Whether it is the first page."""
        return self.before is None

    @property
    def fetched(self) -> int:
        """One entry more than is shown tells whether another page follows."""
        return self.size + 1

    def older(self, column: str) -> list[SqlCondition]:
        """The condition on a column or SQL expression that is an entry's position."""
        if self.is_first:
            return []
        return [SqlCondition(f"{column} {'>' if self.oldest_first else '<'} {{}}", self.before)]

    def fetched_of(self, in_order: Iterable[T], position: Callable[[T], int]) -> list[T]:
        """The entries that a query would fetch, from entries in memory in the page's order; no more of them are
        read.
        """
        follows = (entry for entry in in_order if self.before is None or self._follows(position(entry), self.before))
        return list(islice(follows, self.fetched))

    def _follows(self, position: int, last: int) -> bool:
        return position > last if self.oldest_first else position < last

    def shown(self, entries: Sequence[T]) -> Sequence[T]:
        """The entries that the page shows: the last fetched one only tells that there are more."""
        return entries[: self.size]

    def answer(
        self,
        data: list[Any],
        entries: Sequence[T],
        position: Callable[[T], int],
        beside: Mapping[str, Any] = MappingProxyType({}),
    ) -> Response:
        """The answer: `data` are the documents of the shown `entries`; `beside` are further members."""
        return answer(self.document(data, entries, position) | dict(beside))

    def document(self, data: list[Any], entries: Sequence[T], position: Callable[[T], int]) -> dict[str, Any]:
        """The answer as a document, without `beside`."""
        return {"data": data} | self.following(entries, position)

    def following(self, entries: Sequence[T], position: Callable[[T], int]) -> dict[str, str]:
        """The beginning of the next page, if there is one."""
        more = len(entries) > self.size
        return {"nextToken": self._token(position(entries[self.size - 1]))} if more else {}

    def _token(self, position: int) -> str:
        text = f"{_word(self.oldest_first)} {position}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


async def filled(
    page: Page, read: Callable[[Page], Awaitable[tuple[list[Any], Sequence[T]]]], position: Callable[[T], int]
) -> Response:
    """The answer of a list that only learns by reading its entries which of them it shows: the first page from this one
    on that shows any, because m3ter's clients end with a page that shows none, whatever its token.

    `read` gives a page's documents and its fetched entries. What takes longer than FILLING_SECONDS is a page without
    any after all.
    """
    ends = time.monotonic() + FILLING_SECONDS
    while True:
        data, entries = await read(page)
        if data or len(entries) <= page.size or time.monotonic() > ends:
            return page.answer(data, entries, position)
        page = replace(page, before=position(entries[page.size - 1]))


class AnyPage(Reader[None]):
    """Takes `pageSize` and `nextToken` and ignores them: the list is short and always complete."""

    def __init__(self) -> None:
        taken = text_schema(description="Taken and not read: all stands on one page.")
        self.schemas = {"pageSize": taken, "nextToken": taken}

    def read(self, query: Query) -> None:
        """Ignore the parameters."""


class Paging(Reader[Page]):
    """`pageSize`, `least` to `most`, and `nextToken`; `sorts`: and a `sortOrder`. `oldest_first`: the only order."""

    def __init__(
        self,
        most: int = PAGE_SIZE_MAX,
        *,
        sorts: bool = False,
        oldest_first: bool = False,
        least: int = 1,
        size_name: str = "pageSize",
    ) -> None:
        self.most, self.oldest_first, self.least, self.size_name = most, oldest_first, least, size_name
        size = {"type": "integer", "minimum": least, "maximum": most, "default": PAGE_SIZE_MAX}
        self.schemas = {
            size_name: {**size, "description": "Most entries of the page."},
            "nextToken": text_schema(description="The `nextToken` of an earlier page; without it, the first page."),
        }
        if sorts:
            order = "By when they were made; DESC, the newest first, unless given."
            self.schemas["sortOrder"] = {"type": "string", "enum": list(ORDERS), "description": order}

    def read(self, query: Query) -> Page:
        token = value_of(query, "nextToken")
        size = whole_number(query, self.size_name, PAGE_SIZE_MAX, self.least, self.most)
        oldest_first = self.oldest_first or value_of(query, "sortOrder") == "ASC"
        return Page(size, _position(token, _word(oldest_first)) if token else None, oldest_first)


def _word(oldest_first: bool) -> str:
    """The prefix of a token before its position: a token of the other order is refused here."""
    return "after" if oldest_first else "before"


def _position(token: str, expected: str) -> int:
    try:
        word, _, position = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().partition(" ")
        if word == expected and position.isdecimal() and len(position) <= 18:
            return int(position)
    except (binascii.Error, ValueError):
        pass
    raise InvalidField(field="nextToken", rule="must be a token from an earlier page")
