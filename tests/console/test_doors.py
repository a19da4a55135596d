"""Every page about an organization is behind the door, and what the console holds of its own is little."""

import ast
import re
from pathlib import Path

import httpx
import pytest
from starlette.routing import Mount, Route

from services.console.app import PATH
from services.console.looks import assets, templates
from tests.api.schemas import idle_app
from tests.api_client import in_process

ROOM = Path(__file__).parents[2] / "services" / "console"


def routes() -> list[Route]:
    [console] = [route for route in idle_app().routes if isinstance(route, Mount) and route.path == PATH]
    return [route for route in console.routes if isinstance(route, Route) and "{organization}" in route.path]


@pytest.fixture
async def stranger() -> httpx.AsyncClient:
    return in_process(idle_app())


async def test_nobody_sees_or_does_anything_without_signing_in(stranger: httpx.AsyncClient) -> None:
    assert len(routes()) > 15
    for route in routes():
        path = PATH + re.sub(r"{\w+}", "x", route.path)
        for method in (route.methods or set()) - {"HEAD"}:
            answer = await stranger.request(method, path)
            assert answer.status_code == 303 and answer.headers["location"].startswith("/console/sign-in"), path
            back = "next=" in answer.headers["location"]
            assert back == (method == "GET"), "one does not come back to what a form would do"


async def test_the_door_is_open_and_leads_nowhere_else(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/console")).headers["location"] == "/console/"
    typed = await stranger.get("/console/organizations/o/accounts/?window=7")
    assert (typed.status_code, typed.headers["location"]) == (308, "/console/organizations/o/accounts?window=7")
    for path in ("/console/sign-in", "/console/static/console.css", "/console/static/console.js"):
        answer = await stranger.get(path)
        assert answer.status_code == 200 and "default-src 'none'" in answer.headers["content-security-policy"], path
    for path in ("/console/static/app.py", "/console/static/%2e%2e/app.py", "/console/static/none"):
        assert (await stranger.get(path)).status_code == 404, path


def test_templates_are_whole_and_name_no_other_host() -> None:
    names = templates().list_templates()
    assert len(names) > 15
    for name in names:
        templates().get_template(name)
        text = (ROOM / "templates" / name).read_text()
        assert not re.search(r"\son\w+=|<style|style=|javascript:|\|\s*safe|https?://", text), name
    for name, asset in assets().items():
        told = asset.content.decode().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(", told), name


def test_the_console_asks_the_api_and_nobody_else() -> None:
    """No SQL, no Kafka, no worker, and of projections calendar and minor units alone: what it knows it was answered."""
    allowed = {"services.console", "services.access", "services.failures"}
    allowed |= {
        "services.concurrency",
        "services.spelling",
        "events.absent",
        "events.dates",
        "events.decimals",
        "events.zones",
        "projections.calendar",
        "projections.money",
    }
    for path in sorted(ROOM.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.split(".")[0] in ("services", "events", "projections")
            ):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                assert all(any(f"{name}.".startswith(f"{module}.") for module in allowed) for name in names), (
                    f"{path}: {names}"
                )
