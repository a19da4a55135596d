"""Every route says what it needs, and none below an organization is without."""

import pytest
from fastapi.routing import APIRoute

from services.access.scopes import Scope
from services.api.calls import LINK, call_of, signed_in
from services.api.routing import DeclaredRoute
from services.api.scopes import OTHERS, PREFIX
from tests.api.schemas import document, idle_app, operations

#: Whoever asks.
OPEN = {"/health", "/oauth/token", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}


def routes() -> list[DeclaredRoute]:
    """All that lies below an organization."""
    return [route for route in idle_app().routes if isinstance(route, DeclaredRoute) and route.path.startswith(PREFIX)]


def depended_on(route: APIRoute) -> set[object]:
    return {dependency.call for dependency in route.dependant.dependencies}


def test_every_route_below_an_organization_needs_a_scope() -> None:
    assert len(routes()) > 80
    for route in routes():
        assert route.needed, route.path
        assert {call_of, signed_in} <= depended_on(route), route.path
        operation = document()["paths"][route.path][route.method.lower()]
        by_link: list[dict[str, list[str]]] = (
            [{"link": []}] if any(parameter["name"] == LINK for parameter in operation["parameters"]) else []
        )
        assert operation["security"] == [*({"token": [scope.value]} for scope in sorted(route.needed)), *by_link]


def test_whoever_is_not_signed_in_is_told_so_before_anything_else() -> None:
    for route in routes():
        assert route.dependant.dependencies[0].call is signed_in, route.path


def test_what_lies_elsewhere_is_open() -> None:
    elsewhere = {path: operation for _, path, operation in operations() if not path.startswith(PREFIX)}
    assert elsewhere.keys() <= OPEN
    assert elsewhere["/oauth/token"]["security"] == [{"accessKey": []}]
    assert elsewhere["/health"]["security"] == []
    paths = {getattr(route, "path", None) for route in idle_app().routes}
    unknown = {path for path in paths if path is not None and not path.startswith(PREFIX)} - OPEN
    assert unknown <= {"/docs/assets", "/console", ""}, unknown  # what needs a token there: tests/console/test_doors.py


def test_the_table_names_routes_that_are_there() -> None:
    there = {(route.method, route.path.removeprefix(PREFIX)) for route in routes()}
    assert OTHERS.keys() <= there, OTHERS.keys() - there


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/accounts/{id}", {Scope.READ}),
        ("POST", "/accounts", {Scope.WRITE}),
        ("PUT", "/bills/{bill}/lock", {Scope.WRITE}),
        ("DELETE", "/commitments/{id}", {Scope.WRITE}),
        ("POST", "/billjobs", {Scope.WRITE}),
        ("POST", "/usage/query", {Scope.READ}),
        ("POST", "/measurements", {Scope.USAGE}),
        ("POST", "/usage/rejected/replay", {Scope.USAGE}),
        ("POST", "/usage/void", {Scope.WRITE}),
        ("POST", "/usage/amend", {Scope.WRITE}),
        ("POST", "/usage/void/matching", {Scope.WRITE}),
        ("GET", "/usage/rejected/{id}/bytes", {Scope.USAGE, Scope.AUDIT}),
        ("GET", "/usage/held", {Scope.USAGE, Scope.AUDIT}),
        ("GET", "/events/{id}", {Scope.AUDIT}),
        ("GET", "/bills/{bill}/lineitems/{line}/explain", {Scope.AUDIT}),
        ("PUT", "/organizationconfig", {Scope.ADMIN}),
        ("POST", "/clock", {Scope.ADMIN}),
    ],
)
def test_who_may_what(method: str, path: str, needed: set[Scope]) -> None:
    [route] = [route for route in routes() if route.path == PREFIX + path and route.method == method]
    assert route.needed == needed


def test_the_document_tells_how_to_sign_in() -> None:
    schemes = document()["components"]["securitySchemes"]
    flow = schemes["token"]["flows"]["clientCredentials"]
    assert (flow["tokenUrl"], set(flow["scopes"])) == ("/oauth/token", {scope.value for scope in Scope})
    assert schemes["accessKey"]["scheme"] == "basic"
    assert (schemes["link"]["in"], schemes["link"]["name"]) == ("query", LINK)
