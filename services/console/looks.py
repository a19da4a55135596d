"""The look of pages: templates, their filters, the files that browsers fetch beside them, and the headers of all
answers.
"""

import asyncio
import time
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.console import wording
from services.console.asking import Missing, path_of
from services.console.sessions import Base
from services.spelling import PLAIN

#: A page requests nothing from any other host, and runs no inline script or style.
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    # Without a referrer browsers would not tell the origin of a form.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
#: The files, with their media types.
_ASSETS = {"console.css": "text/css", "console.js": "text/javascript", "icon.svg": "image/svg+xml"}
#: The cache control of these files: their addresses change with their content.
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that browsers fetch."""

    content: bytes
    media: str

    @property
    def mark(self) -> str:
        """A mark that differs for different content."""
        return sha256(self.content).hexdigest()[:12]


@cache
def assets() -> dict[str, Asset]:
    """All files by name."""
    folder = files("services.console") / "static"
    return {name: Asset((folder / name).read_bytes(), media) for name, media in _ASSETS.items()}


async def serve_asset(request: Request) -> Response:
    """The file that the path names, or 404."""
    asset = assets().get(request.path_params["name"])
    if asset is None:
        return Response(status_code=404)
    return Response(asset.content, media_type=asset.media, headers=HEADERS | {"cache-control": _FOR_EVER})


class Templates(Environment):
    """The templates. A variable that is missing is an error, and every text is escaped."""

    def __init__(self) -> None:
        super().__init__(
            loader=PackageLoader("services.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.filters |= {filter.__name__: filter for filter in wording.FILTERS}
        self.tests["missing"] = lambda value: isinstance(value, Missing)


@cache
def templates() -> Environment:
    """The templates, loaded once."""
    return Templates()


@dataclass(frozen=True, slots=True)
class PageAddresses:
    """Addresses of pages, for templates."""

    base: Base

    def asset(self, name: str) -> str:
        """The address of a file of the console. It changes with the file's content, so browsers may cache it."""
        return f"{self.base.path}/static/{name}?{assets()[name].mark}"

    def outside(self, *parts: str) -> str:
        """The address of a page that is about no organization."""
        return self.base.path + path_of(*parts)


@dataclass(frozen=True, slots=True)
class Inside(PageAddresses):
    """Addresses of pages about an organization. `moment`: the day and the moment of the whole visit, kept in the
    address of every page that can be seen as of them.
    """

    organization: str
    moment: dict[str, str]

    def to(self, *parts: str, **query: Any) -> str:
        """The address of a page; parameters that are None or empty are left out."""
        given = {name: str(value) for name, value in query.items() if value not in (None, "")}
        path = self.base.path + path_of("organizations", self.organization, *parts)
        return f"{path}?{urlencode(given)}" if given else path

    def at(self, *parts: str, **query: Any) -> str:
        """The address of a page as of the same day and as known at the same moment."""
        return self.to(*parts, **self.moment | query)

    def here(self, path: str) -> str:
        """The address of the page at this path, as of the same day and as known at the same moment."""
        return f"{path}?{urlencode(self.moment)}" if self.moment else path


async def rendered(
    template: str,
    values: dict[str, Any],
    status: int = 200,
    form: str = PLAIN,
    *,
    began: float | None = None,
) -> HTMLResponse:
    """A rendered page, with numbers in the format of locale `form`. Rendering runs in a thread, because a page of 5,000
    lines would hold up all requests.

    `began`: when the page's first call to the API began, by `time.perf_counter`; a header tells the duration.
    """
    answered = time.perf_counter()
    page = await asyncio.to_thread(_made, template, values, form)
    parts = {"api": answered - (answered if began is None else began), "rendering": time.perf_counter() - answered}
    timing = ", ".join(f"{name};dur={took * 1000:.1f}" for name, took in parts.items())
    return HTMLResponse(page, status, headers=HEADERS | {"server-timing": timing})


def _made(template: str, values: dict[str, Any], form: str) -> str:
    with wording.spelled_in(form):
        return templates().get_template(template).render(values)
