"""Query parameters and searches take the same written dates as bodies do, and compare days and instants, not texts."""

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from events.dates import DAY_RULE, MOMENT_RULE
from services.api import bill_filters
from services.api.bill_filters import BillSearch
from services.api.filters import list_conditions
from services.api.parameters import Day, parameters_of
from services.api.search import ResourceSearch
from services.api.wire import day
from services.commands.kind import Kind
from services.commands.refused import InvalidField
from services.commands.table import KINDS
from services.store.listing import condition_of
from tests.api.answers import message_of
from tests.events.dates import FAR, FORMS
from tests.store.kit import Store

Read = Callable[[str], Any]


def asked(**parameters: str) -> Request:
    """A request with these parameters, escaped as a client does."""
    query = str(httpx.QueryParams(parameters)).encode()
    return Request({"type": "http", "query_string": query, "headers": []})


def parameters() -> Iterator[tuple[str, Read]]:
    """Every query parameter that is a day, and every term of a search that compares days: how it reads a text."""
    for kind in KINDS.values():
        for filter in kind.filters:
            if filter.takes == "day":

                def listed(text: str, kind: Any = kind, filter: Any = filter) -> Any:
                    needed = {filter.needs: "x"} if filter.needs else {}
                    request = asked(**needed, **{filter.parameter: text})
                    conditions = list_conditions(parameters_of(request), kind.filters)
                    sql = condition_of(filter.test, None).sql
                    return next(found.value for found in conditions if found.sql == sql)

                yield f"{kind.path} {filter.parameter}", listed
    for reader in bill_filters.FILTERS:
        if isinstance(reader, Day):
            yield f"bills {reader.name}", partial(filtered, reader)
    for term in ("startDate>=", "endDate:"):
        yield f"commitments/search {term}", partial(searched, KINDS["commitment"], term)
    for term in ("billDate<", "startDate:", "endDate>", "dueDate<=", "externalInvoiceDate:"):
        yield f"bills/search {term}", partial(searched, None, term)
    yield "asOf", lambda text: day(text, "asOf").isoformat()


def filtered(reader: Day, text: str) -> Any:
    """What a filter of bills makes of a text."""
    found = reader.read({reader.name: [text]})
    return found and found.isoformat()


def searched(kind: Kind | None, term: str, text: str) -> Any:
    """What a search for resources of a kind, or else for bills, compares with."""
    request = asked(searchQuery=term + text)
    return (ResourceSearch(kind) if kind else BillSearch()).read(parameters_of(request)).conditions[0].value


PARAMETERS = list(parameters())


@pytest.mark.parametrize("form", [*FORMS, *FAR])
def test_a_parameter_takes_the_form_as_a_field(form: str) -> None:
    assert len(PARAMETERS) > 15
    expected, *_ = FORMS.get(form, (None,))
    for name, read in PARAMETERS:
        if expected is not None:
            assert read(form) == expected.isoformat(), name
            continue
        with pytest.raises(InvalidField) as refused:
            read(form)
        assert str(refused.value).endswith("and 2200-01-01" if form in FAR else DAY_RULE), name


def test_an_offset_that_nobody_escaped_is_read() -> None:
    assert day("2026-01-01T00:00:00 00:00", "asOf") == date(2026, 1, 1)
    with pytest.raises(InvalidField, match="asOf: must be a date"):
        day("2026-01-01 ", "asOf")


@pytest.mark.stack
async def test_a_search_compares_instants(http: httpx.AsyncClient, store: Store) -> None:
    made = await store.commitment(await store.account())
    created = (await http.get(f"/commitments/{made}")).json()["dtCreated"]
    ahead = f"{created.removesuffix('Z')}+02:00"  # two hours before it
    day = created[:10]
    for term, found in {
        f"dtCreated:{created}": True,
        f"dtCreated>{created}": False,
        f"dtCreated>={created}": True,
        f"dtCreated<={ahead}": False,
        f"dtCreated>{ahead}": True,
        f"dtCreated>={day}": True,
        f"dtCreated<{day}": False,
        f"dtCreated~{day}": True,
        "startDate:2025-12-31T19:00:00-05:00": True,
        "startDate>2026-01-01T00:00:00Z": False,
    }.items():
        listed = (await http.get("/commitments/search", params={"searchQuery": term})).json()["data"]
        assert [one["id"] for one in listed] == ([made] if found else []), term
    for path in ("/commitments/search", "/bills/search"):
        refused = await http.get(path, params={"searchQuery": "dtCreated>yesterday"})
        assert message_of(refused, 400) == f"searchQuery: dtCreated {MOMENT_RULE}"
