"""The table that leads to routes finds the route that trying all of them would find, and nothing else."""

import re
from typing import Any

import pytest
from starlette.routing import Match

from services.api.routing import DeclaredRoute, Shortcut
from tests.api.schemas import idle_app


@pytest.fixture(scope="module")
def routes() -> list[Any]:
    return idle_app().routes


@pytest.fixture(scope="module")
def below(routes: list[Any]) -> list[DeclaredRoute]:
    return [route for route in routes if isinstance(route, DeclaredRoute) and route.path.startswith("/organizations/")]


@pytest.fixture(scope="module")
def shortcut(routes: list[Any]) -> Shortcut:
    return next(route for route in routes if isinstance(route, Shortcut))


def scope(method: str, path: str) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}


def tried(routes: list[Any], request_scope: dict[str, Any]) -> Any:
    """The first route that takes it, of all but the shortcut."""
    matches = ((route, route.matches(request_scope)[0]) for route in routes if not isinstance(route, Shortcut))
    return next((route for route, match in matches if match is Match.FULL), None)


@pytest.mark.parametrize("filled", ["x", "search", "a b", "é"])
def test_every_route_is_found(routes: list[Any], below: list[DeclaredRoute], shortcut: Shortcut, filled: str) -> None:
    for route in below:
        request_scope = scope(route.method, re.sub(r"{\w+}", filled, route.path))
        match, route_scope = shortcut.matches(request_scope)
        wanted = tried(routes, request_scope)
        assert match is Match.FULL and route_scope["route"] is wanted, request_scope
        assert route_scope["path_params"] == wanted.matches(request_scope)[1]["path_params"], request_scope


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/organizations/x/nothing"),
        ("GET", "/organizations/x/commitments/y/z"),
        ("GET", "/organizations/x/commitments/"),
        ("PATCH", "/organizations/x/commitments"),
        ("GET", "/organizations/x"),
        ("GET", "/organizations"),
        ("GET", "/"),
        ("GET", "/health"),
        ("GET", "commitments"),
    ],
)
def test_what_is_not_below_an_organization_is_left_to_the_others(shortcut: Shortcut, method: str, path: str) -> None:
    assert shortcut.matches(scope(method, path)) == (Match.NONE, {})


def test_it_comes_first(routes: list[Any], below: list[DeclaredRoute], shortcut: Shortcut) -> None:
    assert routes[0] is shortcut and len(below) > 150
