"""Lists of resources, newest first, page by page; and search.

A page token names the position of the page's last resource, so resources that come or go between two pages neither
repeat nor hide others, and the last page has no token: clients follow it until it ends.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from projections.resources import Entity
from services.commands.errors import InvalidField
from services.store.view import COLUMNS, entity_of

_PAGE = f"SELECT {COLUMNS} FROM store.entities e WHERE e.organization = $1 AND e.kind = $2"


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL with `{}` (or `{0}`) where the placeholder of `value` goes. The SQL is ours, the value is the client's."""

    sql: str
    value: Any


@dataclass(frozen=True, slots=True)
class Page:
    """`next_token` None: this is the last."""

    entities: list[Entity[Any]]
    next_token: str | None


async def list_page(
    connection: Any, organization: str, kind: str, conditions: Sequence[Condition], size: int, token: str | None
) -> Page:
    """Up to `size` resources that fulfil all conditions, older than the token's. Raises: InvalidField for the token."""
    arguments: list[Any] = [organization, kind]
    query = _PAGE + "".join(f" AND {placed(condition, arguments)}" for condition in conditions)
    if token:
        query += f" AND {placed(Condition('e.position < {}', position_before(token)), arguments)}"
    query += f" ORDER BY e.position DESC LIMIT {size + 1}"
    entities = [entity_of(row) for row in await connection.fetch(query, *arguments)]
    more = len(entities) > size
    return Page(entities[:size], token_before(entities[size - 1].position) if more else None)


@dataclass(frozen=True, slots=True)
class Search:
    """`order` is an SQL expression of ours; `all_of` False: one fulfilled condition is enough."""

    conditions: tuple[Condition, ...]
    all_of: bool
    order: str
    ascending: bool
    offset: int
    size: int


async def search_page(connection: Any, organization: str, kind: str, search: Search) -> list[Entity[Any]]:
    """The resources found, from `offset` on; the same order gives newest first."""
    arguments: list[Any] = [organization, kind]
    query = _PAGE
    if search.conditions:
        tests = (placed(condition, arguments) for condition in search.conditions)
        query += f" AND ({(' AND ' if search.all_of else ' OR ').join(tests)})"
    direction = "ASC" if search.ascending else "DESC"
    query += f" ORDER BY {search.order} {direction} NULLS LAST, e.position DESC"
    query += f" OFFSET {search.offset} LIMIT {search.size}"
    return [entity_of(row) for row in await connection.fetch(query, *arguments)]


def placed(condition: Condition, arguments: list[Any]) -> str:
    """The condition's SQL with the number of its placeholder; its value is put behind the arguments."""
    arguments.append(condition.value)
    return f"({condition.sql.format(f'${len(arguments)}')})"


def token_before(position: int) -> str:
    """The token of the page that begins before this position."""
    return base64.urlsafe_b64encode(f"before {position}".encode()).decode().rstrip("=")


def position_before(token: str) -> int:
    """The position that a token names. Raises: InvalidField."""
    try:
        word, _, position = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().partition(" ")
        if word == "before" and position.isdecimal() and len(position) <= 18:
            return int(position)
    except (binascii.Error, ValueError):
        pass
    raise InvalidField(field="nextToken", rule="must be a token from an earlier page")
