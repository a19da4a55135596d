"""Lists of resources, newest first unless asked otherwise, page by page; and search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from projections.resources import Entity
from services.store.view import COLUMNS, entity_of

_PAGE = f"SELECT {COLUMNS} FROM store.entities e WHERE e.organization = $1 AND e.kind = $2"


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL with `{}` (or `{0}`) where the placeholder of `value` goes. The SQL is ours, the value is the client's."""

    sql: str
    value: Any


async def list_page(
    connection: Any,
    organization: str,
    kind: str,
    conditions: Sequence[Condition],
    size: int,
    *,
    oldest_first: bool = False,
) -> list[Entity[Any]]:
    """Up to `size` resources that fulfil all conditions, in the order in which they were made, or newest first."""
    arguments: list[Any] = [organization, kind]
    query = _PAGE + "".join(f" AND {placed(condition, arguments)}" for condition in conditions)
    query += f" ORDER BY e.position {'ASC' if oldest_first else 'DESC'} LIMIT {size}"
    return [entity_of(row) for row in await connection.fetch(query, *arguments)]


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
