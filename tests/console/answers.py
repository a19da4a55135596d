"""A console whose API's answers are noted: its pages are made in this process, of what the real API answers, so that
all numbers of a page can be looked for among the answers that it was made of, whichever page it is."""

import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import httpx
import msgspec
from playwright.async_api import BrowserContext, Page, Route
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from services.access.gate import Gate
from services.access.scopes import ALL, Scope
from services.access.tokens import Identity
from services.api.scopes import PREFIX, needed_by
from services.console.app import console_routes
from services.console.live import Reached, Streams
from services.console.sessions import COOKIE
from tests.api_client import in_process, stranger
from tests.console.alone import NO_LINKS
from tests.console.story import Office

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
#: Texts of a page beside what is marked as a number, a time or a code, and beside drawings, whose axes name numbers of
#: their own. What a fold says of itself counts what is in it, and a field's label says what it takes.
_TEXTS = """() => {
  const found = [], walker = document.createTreeWalker(document.getElementById("page"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (!text.parentElement.closest("data, time, code, svg, summary, label")) found.push(text.textContent);
  }
  return found;
}"""
_MARKED = "found => found.map(one => one.value)"
_DAY = re.compile(r"\b[A-Z][a-z]{2} \d{1,2}, \d{4}")
_NUMBER = re.compile(r"(?<![\w.@/])\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")


@dataclass(slots=True)
class Noted:
    """The API, by way of which all that it answers is noted."""

    http: httpx.AsyncClient
    organization: str
    answers: list[Any] = field(default_factory=list)
    #: How many numbers and days of pages were looked for.
    compared: int = 0

    async def forward(self, request: Request) -> Response:
        """Ask the API the same."""
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        answer = await self.http.request(request.method, target, headers=headers, content=await request.body())
        if answer.headers.get("content-type", "").startswith("application/json"):
            self.answers.append(_DECODER.decode(answer.content))
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    def bearer_of(self, _: str) -> Identity:
        """Whose token it is, the API judges."""
        return Identity("AK-1", self.organization, ALL, time.time() + 3600)

    async def strangers(self, page: Page) -> list[str]:
        """What the page shows, and neither its address nor an answer has: marked numbers, and numbers and days in its
        texts."""
        asked = {_decimal(number) for number in _NUMBER.findall(page.url)}
        numbers, texts = {number for number in asked if number is not None}, [page.url]
        for value in _leaves(self.answers):
            if isinstance(value, str):
                texts.append(value)
            else:
                numbers.add(value)
        said = "\n".join(texts)
        named = set(_NUMBER.findall(said))
        marked = await page.eval_on_selector_all("#page data", _MARKED)
        self.compared += len(marked)
        strange = [value for value in marked if Decimal(value) not in numbers]
        for text in await page.evaluate(_TEXTS):
            days, others = _DAY.findall(text), _NUMBER.findall(_DAY.sub("", text))
            self.compared += len(days) + len(others)
            for day in days:
                if datetime.strptime(day, "%b %d, %Y").date().isoformat() not in said:
                    strange.append(day)
            for number in others:
                if number not in named and _decimal(number) not in numbers:
                    strange.append(f"{number} in {text.strip()!r}")
        return strange


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None


def _leaves(answer: Any) -> Iterator[Decimal | str]:
    """Numbers and texts at whatever depth, and how many each list has."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            yield name
            yield from _leaves(value)
    elif isinstance(answer, list):
        yield Decimal(len(answer))
        for value in answer:
            yield from _leaves(value)
    elif isinstance(answer, str):
        yield answer
    elif answer is not None and not isinstance(answer, bool):
        yield Decimal(answer)


@asynccontextmanager
async def noting(office: Office, context: BrowserContext) -> AsyncIterator[Noted]:
    """The browser's pages come from this process, which asks the office's API; all else of them is as it is."""
    id, secret = office.keys["all"]
    async with stranger(office.url) as http:
        token = (await http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(id, secret))).json()
        noted = Noted(http, office.api.organization)
        api = Starlette(routes=[Path("/{path:path}", noted.forward, methods=["GET", "POST"])])
        app = Starlette(routes=console_routes(api, cast(Gate, noted), _needed, Streams(_reached), NO_LINKS))
        cookies = {COOKIE: token["access_token"]}
        async with in_process(app, office.url, cookies=cookies) as pages:

            async def made_here(route: Route) -> None:
                if "/live" in route.request.url:
                    await route.abort()
                    return
                language = await route.request.header_value("accept-language") or ""
                given = await pages.get(route.request.url, headers={"accept-language": language})
                await route.fulfill(status=given.status_code, headers=dict(given.headers), body=given.content)

            await context.route("**/console/**", made_here)
            try:
                yield noted
            finally:
                await context.unroute("**/console/**", made_here)


def _needed(method: str, path: str) -> frozenset[Scope]:
    return needed_by(method, f"{PREFIX}{path}")


async def _reached() -> Reached:
    return {}
