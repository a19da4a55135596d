"""A visitor without a browser: pages over HTTP, read as parsed HTML."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser

import httpx

from services.console.sessions import FORM_TOKEN
from tests.api_client import stranger
from tests.console.story import Office


@dataclass(slots=True)
class Element:
    """An element with what is in it. Its text is all that is below it."""

    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text below, each run of white space one blank."""
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return re.sub(r"\s+", " ", " ".join(parts)).strip()

    def every(self, tag: str, **attributes: str) -> list["Element"]:
        """All below with this tag and these attributes, in order."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag and attributes.items() <= child.attributes.items():
                    found.append(child)
                found += child.every(tag, **attributes)
        return found

    def one(self, tag: str, **attributes: str) -> "Element":
        """The only one."""
        [found] = self.every(tag, **attributes)
        return found

    @property
    def numbers(self) -> list[Decimal]:
        """The exact numbers that it shows, in order."""
        return [Decimal(data.attributes["value"]) for data in self.every("data")]


#: Elements without an end.
_VOID = {"br", "hr", "img", "input", "link", "meta"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> where <{self.open[-1].tag}> is open, line {self.getpos()}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parsed(html: str) -> Element:
    """The document. Elements that are not closed, or closed in another order, fail."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1, f"<{reader.open[-1].tag}> is never closed"
    return reader.open[0]


def rows(section: Element) -> list[list[Decimal]]:
    """The numbers of each row of the section's tables, without rows that have none."""
    return [row.numbers for body in section.every("tbody") for row in body.every("tr") if row.numbers]


@dataclass(slots=True)
class Visitor:
    """Somebody who has signed in."""

    office: Office
    http: httpx.AsyncClient

    async def get(self, path: str, status: int = 200, /, **query: str) -> httpx.Response:
        """A page of the organization, wherever it leads."""
        answer = await self.http.get(f"{self.office.base}{path}", params=query or None, follow_redirects=True)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:2000]}"
        return answer

    async def see(self, path: str, status: int = 200, /, **query: str) -> Element:
        """The same, parsed: its main part."""
        return parsed((await self.get(path, status, **query)).text).one("main")

    async def send(self, form: Element, status: int = 200, /, **fields: str) -> Element:
        """Send a form of a page, with these fields changed."""
        given = {one.attributes["name"]: one.attributes.get("value", "") for one in form.every("input")} | fields
        method = form.attributes.get("method", "get").upper()
        asked = {"params": given} if method == "GET" else {"data": given}
        answer = await self.http.request(method, form.attributes["action"], follow_redirects=True, **asked)  # type: ignore[arg-type]
        assert answer.status_code == status, f"{form.attributes}: {answer.status_code} {answer.text[:2000]}"
        return parsed(answer.text).one("main")

    async def form_token(self) -> str:
        """What the forms of this session bear."""
        page = parsed((await self.get("/accounts")).text)
        return next(one.attributes["value"] for one in page.every("input", name=FORM_TOKEN))


@asynccontextmanager
async def visiting(office: Office, key: str) -> AsyncIterator[Visitor]:
    """Sign in with one of the office's keys."""
    id, secret = office.keys[key]
    async with stranger(office.url) as http:
        answer = await http.post("/console/sign-in", data={"key": id, "secret": secret, "next": ""})
        assert answer.status_code == 303, answer.text
        yield Visitor(office, http)
