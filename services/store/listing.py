"""Lists of resources, newest first unless asked otherwise, page by page, with filters as conditions on rows of
`store.entities`; and search.

Days are compared as text `YYYY-MM-DD`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from projections.entities import Entity
from services.commands.filters import (
    DrawsFor,
    Equals,
    EqualsOrLacks,
    HasCode,
    HasId,
    IsActive,
    IsOneOf,
    IsSwitched,
    NamesOneOf,
    OfAccount,
    OfPicklist,
    OnDay,
    Test,
    Through,
)
from services.commands.refused import UnknownReference
from services.store.conditions import has_code, is_of_account, names_one_of
from services.store.view import OF_KIND, entity_of

#: The order of creation.
BY_POSITION = "e.position"
_NAMED = f"{OF_KIND} AND e.id = ANY($3)"
_OF_METERS = f"{OF_KIND} AND e.body->>'meterId' = ANY($3)"


@dataclass(frozen=True, slots=True)
class SqlCondition:
    """SQL with `{}` (or `{0}`) where the placeholder of `value` goes. The SQL is ours, the value is the client's."""

    sql: str
    value: Any


async def list_page(
    connection: Any,
    organization: str,
    kind: str,
    conditions: Sequence[SqlCondition],
    size: int,
    *,
    oldest_first: bool = False,
) -> list[Entity[Any]]:
    """Up to `size` resources that fulfil all conditions, in the order of creation, or newest first."""
    arguments: list[Any] = [organization, kind]
    query = OF_KIND + all_placed(conditions, arguments)
    query += f" ORDER BY e.position {'ASC' if oldest_first else 'DESC'} LIMIT {size}"
    return [entity_of(row) for row in await connection.fetch(query, *arguments)]


async def named(connection: Any, organization: str, kind: str, ids: Sequence[str]) -> dict[str, Entity[Any]]:
    """The resources of a kind with these ids, by id, without missing ones."""
    rows = await connection.fetch(_NAMED, organization, kind, list(ids))
    return {row["id"]: entity_of(row) for row in rows}


async def referred_to(
    connection: Any, organization: str, field: str, kind: str, ids: Sequence[str]
) -> dict[str, Entity[Any]]:
    """The resources that a field of a body names, by id. Raises: UnknownReference."""
    entities = await named(connection, organization, kind, ids)
    for id in ids:
        if id not in entities:
            raise UnknownReference(field=field, kind=kind, id=id)
    return entities


async def aggregations_of(connection: Any, organization: str, meters: Sequence[str]) -> list[Entity[Any]]:
    """The aggregations of these meters."""
    return [entity_of(row) for row in await connection.fetch(_OF_METERS, organization, "aggregation", list(meters))]


@dataclass(frozen=True, slots=True)
class Search:
    """A search. `order` is an SQL expression of ours; `all_of` False: one fulfilled condition is enough."""

    conditions: tuple[SqlCondition, ...]
    all_of: bool
    order: str
    ascending: bool
    offset: int
    size: int
    #: The fields in its conditions and order, by the wire's names.
    named: frozenset[str] = frozenset()

    def placed(self, arguments: list[Any]) -> str:
        """The continuation of a WHERE clause; the values are appended to the arguments."""
        tests = [placed(condition, arguments) for condition in self.conditions]
        return f" AND ({(' AND ' if self.all_of else ' OR ').join(tests)})" if tests else ""


async def search_page(connection: Any, organization: str, kind: str, search: Search) -> list[Entity[Any]]:
    """The resources found, from `offset` on; the same order gives newest first."""
    arguments: list[Any] = [organization, kind]
    query = OF_KIND + search.placed(arguments)
    query += f" ORDER BY {_ordered(search)} OFFSET {search.offset} LIMIT {search.size}"
    return [entity_of(row) for row in await connection.fetch(query, *arguments)]


def _ordered(search: Search) -> str:
    """The ORDER BY clause; rows without the value come last. For positions this is not written, because every row has
    one, and only so can the index serve.
    """
    direction = "ASC" if search.ascending else "DESC"
    if search.order == BY_POSITION:
        return f"{BY_POSITION} {direction}"
    return f"{search.order} {direction} NULLS LAST, {BY_POSITION} DESC"


def placed(condition: SqlCondition, arguments: list[Any]) -> str:
    """The condition's SQL with its placeholder's number; its value is appended to the arguments."""
    arguments.append(condition.value)
    return f"({condition.sql.format(f'${len(arguments)}')})"


def all_placed(conditions: Iterable[SqlCondition], arguments: list[Any]) -> str:
    """The continuation of a WHERE clause that requires all of these conditions."""
    return "".join(f" AND {placed(condition, arguments)}" for condition in conditions)


def condition_of(test: Test, value: Any) -> SqlCondition:
    """The condition on a row `e` that passes the test with this value."""
    if isinstance(test, EqualsOrLacks) and value:
        test, value = NamesOneOf(test.field), [value]
    return SqlCondition(_sql(test, "e", "$2"), value)


def _sql(test: Test, row: str, kind: str) -> str:
    """SQL on a row of this name and kind; `{0}` is the placeholder of the value."""
    match test:
        case HasId():
            sql = f"{row}.id = ANY({{0}})"
        case HasCode() | OfAccount() | NamesOneOf():
            sql = _looked_up(test, row, kind)
        case Equals(field):
            sql = f"{row}.body->>'{field}' = {{0}}"
        case IsOneOf(field):
            sql = f"{row}.body->>'{field}' = ANY({{0}})"
        case EqualsOrLacks(field):
            sql = f"coalesce({row}.body->>'{field}', '') = {{0}}"
        case OnDay(field, comparison):
            sql = f"{_day(row, field)} {comparison} {{0}}"
        case IsActive():
            ends = f"({row}.body->>'endDate' IS NULL OR {_day(row, 'endDate')} > {{0}})"
            sql = f"{_day(row, 'startDate')} <= {{0}} AND {ends}"
        case DrawsFor():
            names = f"{row}.body->'productIds'"
            sql = f"(coalesce({names}, '[]') = '[]' OR {names} ? {{0}})"
        case OfPicklist():
            sql = f"({{0}}::boolean OR {row}.body->>'archived' IS DISTINCT FROM 'true')"
        case IsSwitched(field):
            sql = f"({row}.body->>'{field}' IS DISTINCT FROM 'false') = {{0}}::boolean"
        case Through(field, other, of_named):
            named = f"{row}_named"
            sql = (
                f"EXISTS (SELECT FROM store.entities {named} WHERE {named}.organization = {row}.organization"
                f" AND {named}.kind = '{other}' AND {named}.id = {row}.body->>'{field}'"
                f" AND {_sql(of_named, named, repr(other))})"
            )
        case _:
            assert_never(test)
    return sql


def _looked_up(test: HasCode | OfAccount | NamesOneOf, row: str, kind: str) -> str:
    """Conditions that an index answers."""
    match test:
        case HasCode():
            return has_code(row, kind, "{0}")
        case OfAccount():
            return is_of_account(row, "{0}")
        case NamesOneOf(field):
            return names_one_of(row, field, "{0}")


def _day(row: str, field: str) -> str:
    """The day of the body's date or date-time, by the rule of `projections.calendar.named_day`."""
    text = f"({row}.body->>'{field}')"
    there = f"{text}::timestamptz AT TIME ZONE coalesce({row}.timezone, 'UTC')"
    named = f"length({text}) = 10 OR {text} LIKE '%T00:00:00Z'"
    return f"CASE WHEN {named} THEN left({text}, 10) ELSE to_char({there}, 'YYYY-MM-DD') END"
