"""m3ter's search grammar: `startDate>2023-01-01$accountId:0620...`.

Terms are joined by `$`. A term is a parameter, a comparator and a value, which may itself contain comparators, as
instants do. `:` means "equals", `~` "starts with".
"""

import re
from abc import abstractmethod
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from events.actors import UNNAMED
from events.dates import instant_at, read_day, read_moment
from events.resources.bounds import INT32_MAX
from events.resources.organization import OrganizationConfig
from services.api.paging import ORDERS, PAGE_SIZE_MAX
from services.api.parameters import Query, Reader, choice_rule, text_schema, value_of, whole_number
from services.api.wire import unescaped
from services.commands.kind import Kind
from services.commands.refused import InvalidField, shortened
from services.personal.fields import sealed_of
from services.store.conditions import has_code, is_of_account, names_one_of
from services.store.listing import BY_POSITION, Search, SqlCondition

DEFAULT_SIZE = 10
#: Most characters of a search: it may have several terms, and one of them may list ids.
SEARCH_MAX = 10_000
#: Most terms. Each may be a table that Postgres joins, and a thousand of them took it 20 s to plan.
TERMS_MAX = 50
OPERATORS = ("AND", "OR")
_SCHEMAS: dict[str, dict[str, Any]] = {
    "searchQuery": text_schema(
        SEARCH_MAX, description="Terms joined by `$`: a field, one of `>` `>=` `:` `<` `<=` `~`, and a value."
    ),
    "fromDocument": {
        **{"type": "integer", "minimum": 0, "maximum": INT32_MAX, "default": 0},
        "description": "How many of what is found are passed over.",
    },
    "pageSize": {
        **{"type": "integer", "minimum": 1, "maximum": PAGE_SIZE_MAX, "default": DEFAULT_SIZE},
        "description": "Most entries of the answer.",
    },
    # An empty text stands for the default, which is the first.
    "operator": {
        **{"type": "string", "pattern": "^(AND|OR)?$", "default": OPERATORS[0]},
        "description": "Whether all terms must hold, or any.",
    },
    "sortBy": text_schema(description="A stored field; by when they were made unless given."),
    "sortOrder": {
        **{"type": "string", "pattern": "^(DESC|ASC)?$", "default": ORDERS[0]},
        "description": "Which way they are sorted.",
    },
}
TERM = re.compile(r"^([A-Za-z]+)(>=|<=|>|<|:|~)(.*)$", re.DOTALL)
_COLUMNS = {
    "id": "e.id",
    "startDate": "e.start_date",
    "endDate": "e.end_date",
    "version": "e.version",
    "dtCreated": "to_char(e.created AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')",
    "dtLastModified": "to_char(e.modified AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')",
    "createdBy": f"coalesce(e.created_by, '{UNNAMED}')",
    "lastModifiedBy": f"coalesce(e.modified_by, '{UNNAMED}')",
}
#: Fields that are compared as days, and fields that are compared as instants, where a day stands for its midnight in
#: UTC.
_DAYS = {"startDate", "endDate", "billDate", "dueDate", "externalInvoiceDate"}
_INSTANTS = {"dtCreated"}
#: The format of instants in their columns, so that both can be compared as texts.
_INSTANT = "%Y-%m-%dT%H:%M:%S.%f"
_LISTS = {"ids": "e.id = ANY({})", "codes": has_code("e", "$2", "{}")}


class Searching(Reader[Search]):
    """Reads `searchQuery`, `operator`, `sortBy`, `sortOrder`, `fromDocument` and `pageSize`.

    A subclass defines the fields that a term may name, and a term's SQL.
    """

    schemas = _SCHEMAS

    def read(self, query: Query) -> Search:
        terms = [term for term in (value_of(query, "searchQuery", SEARCH_MAX) or "").split("$") if term]
        if len(terms) > TERMS_MAX:
            raise InvalidField(field="searchQuery", rule=f"must have at most {TERMS_MAX} terms")
        sort_by = value_of(query, "sortBy")
        return Search(
            conditions=tuple(self.condition(term) for term in terms),
            all_of=_choice(query, "operator", OPERATORS) == "AND",
            order=self.order(sort_by),
            ascending=_choice(query, "sortOrder", ORDERS) == "ASC",
            offset=whole_number(query, "fromDocument", 0, 0, INT32_MAX),
            size=whole_number(query, "pageSize", DEFAULT_SIZE, 1, PAGE_SIZE_MAX),
            named=frozenset({sort_by or "", *(parts[1] for term in terms if (parts := TERM.match(term)))}),
        )

    def condition(self, term: str) -> SqlCondition:
        """The condition of a term. Raises: InvalidField."""
        parts = TERM.match(term)
        if parts is None or parts[1] not in self.fields:
            rule = f"each term must be one of {', '.join(self.fields)}, then one of > >= : < <= ~, then a value;"
            rule += f" not {shortened(term)!r}"
            raise InvalidField(field="searchQuery", rule=rule)
        name, comparator, value = parts.groups()
        return self.test(name, comparator, value)

    @property
    @abstractmethod
    def fields(self) -> Sequence[str]:
        """The fields that a term may name."""

    @abstractmethod
    def test(self, name: str, comparator: str, value: str) -> SqlCondition:
        """The condition that a field compares like this with the value. Raises: InvalidField."""

    @abstractmethod
    def order(self, name: str | None) -> str:
        """The SQL expression to sort by. Raises: InvalidField."""


class ResourceSearch(Searching):
    """Finds resources in the event store, by the fields that their kind's row lists."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    @property
    def fields(self) -> Sequence[str]:
        return self.kind.searched

    def test(self, name: str, comparator: str, value: str) -> SqlCondition:
        if name in _LISTS:
            only_equal(name, comparator)
            return SqlCondition(_LISTS[name], value.split(","))
        if name in ("productId", "productIds"):
            only_equal(name, comparator)
            return SqlCondition("e.body->'productIds' ?| {}", value.split(","))
        if name == "code" and comparator == ":":
            return SqlCondition(has_code("e", "$2", "ARRAY[{}]"), value)
        if name == "accountId" and comparator == ":" and self.kind.owner == "accountId":
            return SqlCondition(is_of_account("e", "{0}"), value)
        if name in self.kind.model.references and comparator == ":":
            return SqlCondition(names_one_of("e", name, "{0}"), [value])
        return compared(name, _COLUMNS.get(name, f"e.body->>'{name}'"), comparator, value)

    def order(self, name: str | None) -> str:
        return _order(self.kind, name)


def check_plain(kind: Kind, search: Search, config: OrganizationConfig | None) -> None:
    """Check that the search is not about a sealed field, because sealed texts cannot be compared. Raises:
    InvalidField.
    """
    if (name := sealed_of(kind.model, search.named, config)) is not None:
        rule = f"{name} is sealed, for the organization has personalData ERASABLE: search by another field"
        raise InvalidField(field="searchQuery", rule=rule)


def _choice(query: Query, name: str, values: tuple[str, str]) -> str:
    """The parameter's value; the first one by default. Raises: InvalidField for a value that is not listed."""
    text = value_of(query, name) or values[0]
    if text not in values:
        raise InvalidField(field=name, rule=choice_rule(values))
    return text


def compared(name: str, column: str, comparator: str, value: str) -> SqlCondition:
    """The condition of a term on a column of texts. With `~` the value may be a part of a date; otherwise a date must
    be complete.

    Raises: InvalidField.
    """
    if comparator == "~":
        return SqlCondition(f"starts_with({column}, {{}})", value)
    try:
        if name in _DAYS:
            value = read_day(unescaped(value)).isoformat()
        elif name in _INSTANTS:
            value = f"{instant_at(read_moment(unescaped(value))):{_INSTANT}}"
    except ValueError as error:
        raise InvalidField(field="searchQuery", rule=f"{name} {error}") from None
    return SqlCondition(f"{column} {'=' if comparator == ':' else comparator} {{}}", value)


def only_equal(name: str, comparator: str) -> None:
    """Check that a field which allows no other comparator is compared with `:`. Raises: InvalidField."""
    if comparator != ":":
        raise InvalidField(field="searchQuery", rule=f"{name} can be compared with : only")


def _order(kind: Kind, name: str | None) -> str:
    """The SQL expression to sort by: any stored field; numbers sort as numbers. Raises: InvalidField."""
    if name is None:
        return BY_POSITION
    if name in _COLUMNS:
        return _COLUMNS[name]
    by_alias: dict[str | None, Any] = {field.alias: field for field in kind.model.model_fields.values()}
    if name not in by_alias:
        raise InvalidField(field="sortBy", rule=f"must be a stored field of {kind.name}")
    kinds = _plain_types(by_alias[name].annotation)
    if not kinds <= {str, bool, date, datetime, Decimal, int}:
        raise InvalidField(field="sortBy", rule=f"{name} has no order")
    return f"(e.body->>'{name}')::numeric" if kinds <= {Decimal, int} else f"e.body->>'{name}'"


def _plain_types(annotation: Any) -> set[Any]:
    """The types that a field may hold besides None: `str` for a choice of names; lists and maps stay as they are."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _plain_types(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return {kind for part in get_args(annotation) for kind in _plain_types(part)}
    if origin is Literal:
        return {type(value) for value in get_args(annotation)}
    return set() if annotation is type(None) else {annotation}
