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


def tried(routes: list[Any], asked: dict[str, Any]) -> Any:
    """The first route that takes it, of all but the shortcut."""
    matches = ((route, route.matches(asked)[0]) for route in routes if not isinstance(route, Shortcut))
    return next((route for route, match in matches if match is Match.FULL), None)


@pytest.mark.parametrize("filled", ["x", "search", "a b", "é"])
def test_every_route_is_found(routes: list[Any], below: list[DeclaredRoute], shortcut: Shortcut, filled: str) -> None:
    for route in below:
        asked = scope(route.method, re.sub(r"{\w+}", filled, route.path))
        match, found = shortcut.matches(asked)
        wanted = tried(routes, asked)
        assert match is Match.FULL and found["route"] is wanted, asked
        assert found["path_params"] == wanted.matches(asked)[1]["path_params"], asked


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
