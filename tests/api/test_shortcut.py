"""The table that leads to routes finds the route that trying all of them would find, and nothing else."""

import re
from typing import Any

import pytest
from starlette.routing import Match

from services.api.routing import DeclaredRoute, Shortcut
from tests.api.schemas import idle_app

ROUTES = idle_app().routes
SHORTCUT = next(route for route in ROUTES if isinstance(route, Shortcut))
BELOW = [route for route in ROUTES if isinstance(route, DeclaredRoute) and route.path.startswith("/organizations/")]


def scope(method: str, path: str) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}


def tried(asked: dict[str, Any]) -> Any:
    """The first route that takes it, of all but the shortcut."""
    matches = ((route, route.matches(asked)[0]) for route in ROUTES if route is not SHORTCUT)
    return next((route for route, match in matches if match is Match.FULL), None)


@pytest.mark.parametrize("route", BELOW, ids=[f"{route.method} {route.path}" for route in BELOW])
@pytest.mark.parametrize("filled", ["x", "search", "a b", "é"])
def test_every_route_is_found(route: DeclaredRoute, filled: str) -> None:
    asked = scope(route.method, re.sub(r"{\w+}", filled, route.path))
    match, found = SHORTCUT.matches(asked)
    wanted = tried(asked)
    assert match is Match.FULL and found["route"] is wanted
    assert found["path_params"] == wanted.matches(asked)[1]["path_params"]


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
def test_what_is_not_below_an_organization_is_left_to_the_others(method: str, path: str) -> None:
    assert SHORTCUT.matches(scope(method, path)) == (Match.NONE, {})


def test_it_comes_first() -> None:
    assert ROUTES[0] is SHORTCUT and len(BELOW) > 150
