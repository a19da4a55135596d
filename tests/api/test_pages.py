"""/docs: pages of the OpenAPI document that need nothing from any other host."""

import re

import httpx
import pytest

from services.api.openapi import NOT_ELSEWHERE
from tests.api.schemas import idle_app
from tests.api_client import in_process


@pytest.fixture
async def client() -> httpx.AsyncClient:
    return in_process(idle_app())


async def test_the_pages_show_the_document_and_bring_all_that_they_need(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "'/openapi.json'" in page.text and (await client.get("/openapi.json")).json()["openapi"].startswith("3.1.")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(named) == 3
    for path in named:
        assert (await client.get(path)).status_code == 200, path


async def test_nothing_is_asked_of_another_host(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert not re.search(r"https?://|[\"']//", page.text)
    assert '"validatorUrl": null' in page.text
    assert page.headers["content-security-policy"] == NOT_ELSEWHERE


async def test_only_the_pages_own_files_are_served(client: httpx.AsyncClient) -> None:
    for path in ("/docs/assets/../core.py", "/docs/assets/%2e%2e/core.py", "/docs/assets/none.js", "/redoc"):
        answer = await client.get(path)
        assert answer.status_code == 404 and answer.json().keys() == {"message"}, path
