"""A query says only what its path knows: the names it takes, and of a choice the values there are."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import httpx
import m3ter
import pytest
from fastapi.routing import APIRoute
from m3ter import AsyncM3ter

from services.api.bill_jobs import asked_statuses
from services.api.calls import call_of, check_bounds, require_whole
from services.api.parameters import check_parameters
from services.api.sent import Body
from services.billing.jobs import STATUSES, create_job
from tests.api.answers import message_of
from tests.api.schemas import idle_app, operations, placed
from tests.api_client import healthy, http_client
from tests.store.kit import NOW, Store

pytestmark = pytest.mark.stack
ORGANIZATION = "/organizations/{orgId}"
OPERATIONS = [operation for operation in operations() if operation[1].startswith(ORGANIZATION)]


def declared(operation: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The operation's query parameters with the values that each may have, if they are few."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query":
            schema = parameter["schema"]
            yield parameter["name"], ["true", "false"] if schema["type"] == "boolean" else schema.get("enum", [])


def test_the_app_has_paths_of_all_sorts() -> None:
    assert len(OPERATIONS) > 100


def test_every_path_below_an_organization_has_the_one_way_in_whatever_its_handler_takes() -> None:
    below = [route for route in idle_app().routes if getattr(route, "path", "").startswith(ORGANIZATION)]
    assert sum(len(route.methods or ()) for route in below if isinstance(route, APIRoute)) == len(OPERATIONS)
    for route in below:
        assert isinstance(route, APIRoute)
        dependencies = {dependency.dependency for dependency in route.dependencies}
        assert dependencies >= {require_whole, check_bounds, check_parameters, call_of}, route.path


def test_every_handler_says_which_body_it_is_sent() -> None:
    bodies = 0
    for route in (route for route in idle_app().routes if isinstance(route, APIRoute)):
        hints = get_type_hints(route.endpoint, include_extras=True).values()
        for sent, depends in (get_args(hint)[:2] for hint in hints if get_origin(hint) is Annotated):
            if isinstance(declared_body := getattr(depends, "dependency", None), Body):
                bodies += 1
                assert issubclass(declared_body.model, models_of(get_args(sent)[0])), route.path
    assert bodies > 60


def models_of(body: Any) -> tuple[type, ...]:
    """The models of a handler's body: of an annotated union, its members; Any is none."""
    model = get_args(body)[0] if get_origin(body) is Annotated else body
    return tuple(each for each in get_args(model) or (model,) if each is not Any)


async def test_who_looks_whether_the_process_lives_may_ask_as_it_likes(url: str) -> None:
    async with http_client(url) as client:
        await healthy(client, colour="red")


async def test_no_path_takes_a_parameter_that_it_does_not_know(url: str, store: Store) -> None:
    async with http_client(url) as client:
        for method, path, operation in OPERATIONS:
            response = await client.request(method, placed(path, store.organization), params={"colour": "red"})
            names = ", ".join(name for name, _ in declared(operation)) or "none"
            told = f"colour: is not a parameter here; there are: {names}"
            assert message_of(response, 400) == told, f"{method} {path}"


CHOICES = [
    (method, path, name, values)
    for method, path, operation in OPERATIONS
    for name, values in declared(operation)
    if values
]


@pytest.mark.parametrize(("method", "path", "name", "values"), CHOICES, ids=[f"{c[0]} {c[1]} {c[2]}" for c in CHOICES])
async def test_a_choice_has_the_values_that_the_refusal_names(
    url: str, store: Store, method: str, path: str, name: str, values: list[str]
) -> None:
    rule = "must be true or false" if values == ["true", "false"] else f"must be one of {', '.join(values)}"
    async with http_client(url) as client:
        for wrong in {"NOPE", "", values[0].title()} - {*values}:
            response = await client.request(method, placed(path, store.organization), params={name: wrong})
            assert message_of(response, 400) == f"{name}: {rule}"
        for value in values:
            right = await client.request(method, placed(path, store.organization), params={name: value})
            assert right.status_code in (200, 404), right.text


def test_the_parameters_that_are_choices_are_known_to_be() -> None:
    path_and_names = {(path.removeprefix(ORGANIZATION), name) for method, path, name, _ in CHOICES if method == "GET"}
    assert path_and_names == {
        ("/accountplans", "includeall"),
        *((f"/audit/{name}", "topic") for name in ("checkpoints", "consistency", "inclusion")),
        ("/balances/{id}/transactions", "entityType"),
        ("/billjobs", "status"),
        ("/billjobs", "active"),
        ("/bills/{bill}/statement", "format"),
        ("/bills", "status"),
        ("/bills", "billingFrequency"),
        ("/bills", "locked"),
        ("/bills", "excludeLineItems"),
        ("/bills", "includeBillTotal"),
        ("/lineitems", "lineItemType"),
        ("/counteradjustments", "sortOrder"),
        ("/events", "includeActioned"),
        ("/integrationdestinations/webhooks", "active"),
        ("/integrationdestinations/webhooks/{id}/deliveries", "status"),
        ("/notifications/configurations", "active"),
        ("/picklists/currency", "archived"),
        ("/picklists/creditreasons", "archived"),
        ("/picklists/debitreasons", "archived"),
        ("/picklists/transactiontypes", "archived"),
        ("/usage/rejected", "reason"),
        ("/usage/held", "reason"),
        ("/usage/corrections", "status"),
        ("/automatictopups", "active"),
        ("/thresholdbillings", "active"),
        ("/dataexports/jobs", "status"),
        ("/overview", "window"),
        ("/accounts/{id}/outlook", "window"),
    }


@pytest.mark.parametrize(
    ("term", "rule"),
    [
        ("status:NOPE", "status must be one of PENDING, APPROVED"),
        ("locked:maybe", "locked must be true or false"),
        ("billingFrequency:HOURLY", "billingFrequency must be one of DAILY, WEEKLY, MONTHLY, ANNUALLY, AD_HOC, MIXED"),
    ],
)
async def test_a_search_for_a_choice_names_its_values(http: httpx.AsyncClient, term: str, rule: str) -> None:
    assert message_of(await http.get(f"/bills/search?searchQuery={term}"), 400) == f"searchQuery: {rule}"


#: What m3ter's client can ask for that changes nothing here, of things that are not there.
ACCEPTED: dict[str, Callable[[AsyncM3ter], Awaitable[Any]]] = {
    "a bill": lambda sdk: sdk.bills.retrieve("none", additional=["statements"]),
    "the latest bill": lambda sdk: sdk.bills.latest_by_account("none", additional=["statements"]),
    "a line": lambda sdk: sdk.bills.line_items.retrieve("none", bill_id="none", additional=["x"]),
    "lines": lambda sdk: sdk.bills.line_items.list("none", additional=["x"], next_token="x", page_size=5),
}


@pytest.mark.parametrize("what", ACCEPTED)
async def test_a_parameter_of_m3ter_that_changes_nothing_is_taken(sdk: AsyncM3ter, what: str) -> None:
    with pytest.raises(m3ter.NotFoundError):
        await ACCEPTED[what](sdk)


async def test_a_list_of_bills_may_ask_for_what_it_always_has(sdk: AsyncM3ter) -> None:
    page = await sdk.bills.list(additional=["x"], exclude_line_items=True, include_bill_total=True, status="PENDING")
    assert page.data == []


async def test_jobs_are_listed_by_status(http: httpx.AsyncClient, store: Store) -> None:
    async with store.postgres.transaction() as connection:
        for id in ("COMPLETE", "CANCELLED"):
            await create_job(connection, store.organization, f"{store.organization}-{id}", {}, NOW.date(), NOW)
            change = "UPDATE store.bill_jobs SET status = $3 WHERE organization = $1 AND id = $2"
            await connection.execute(change, store.organization, f"{store.organization}-{id}", id)
    for query, expected in {
        "": ["CANCELLED", "COMPLETE"],
        "active=false": ["CANCELLED", "COMPLETE"],
        "active=true": [],
        "active=TRUE": [],
        "active=FALSE&status=COMPLETE": ["COMPLETE"],
        "active=true&status=COMPLETE": [],
        "status=COMPLETE": ["COMPLETE"],
        "status=RUNNING": [],
    }.items():
        jobs = (await http.get(f"/billjobs?{query}")).json()["data"]
        assert [job["status"] for job in jobs] == expected, query


def test_active_jobs_are_those_that_are_not_finished() -> None:
    assert asked_statuses(None, active=True) == ["PENDING", "INITIALIZING", "RUNNING"]
    assert asked_statuses("RUNNING", active=True) == ["RUNNING"]
    assert asked_statuses(None, active=False) == list(STATUSES)


async def test_a_deep_path_is_told_by_its_beginning(http: httpx.AsyncClient) -> None:
    deep = b'{"customFields": ' + b'{"a": ["x", {"abcdefgh": ' * 20 + b'"\\u0000"' + b"}]}" * 20 + b"}"
    message = message_of(await http.post("/products", content=deep), 400)
    assert message.startswith("customFields.a[1].abcdefgh.a[1].abcdefgh") and len(message) < 300
    assert message.endswith("... (deeper): must not contain the character NUL")
    near = message_of(await http.post("/products", content=b'{"customFields": {"a": ["x", "\\u0000"]}}'), 400)
    assert near == "customFields.a[1]: must not contain the character NUL"
