"""A visitor's request for a page: the organization, the day and the moment; and the page for a refused request."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.access.denials import AccessUnknownError, NoTokenError, NotSignedInError
from services.access.gate import Gate
from services.access.scopes import Scope
from services.access.tokens import Identity
from services.console.asking import ApiRefused, Asking, or_missing
from services.console.forms import form_for
from services.console.looks import HEADERS, Inside, PageAddresses, rendered
from services.console.sessions import (
    Base,
    ForeignFormError,
    FormTooLargeError,
    check_form,
    check_same_site,
    forget,
    form_token,
    read_form,
    token_of,
)
from services.console.time_bar import is_form, moment_of, read_day, time_bar

#: The API's table: the scopes of which a request needs one, by its method and its path below an organization.
Needed = Callable[[str, str], frozenset[Scope]]
Form = dict[str, str]
_TITLES = {
    400: "That was not understood",
    403: "Not with this key",
    404: "Not found",
    409: "Not as things stand",
    429: "Too many questions",
    503: "Not now",
}


@dataclass(frozen=True, slots=True)
class Console:
    """What all pages need: a client for the API, the gate that identifies visitors, and the table of scopes."""

    calls: httpx.AsyncClient
    gate: Gate
    needed: Needed


@dataclass(frozen=True, slots=True)
class Visit:
    """A signed-in visitor's request for a page about an organization."""

    console: Console
    request: Request
    identity: Identity
    asking: Asking
    to: Inside
    began: float = field(default_factory=time.perf_counter)

    @property
    def organization(self) -> str:
        """The organization that the page is about."""
        return self.asking.organization

    @property
    def query(self) -> dict[str, str]:
        """The address's parameters without blank ones; of several with one name the last one."""
        return {name: value.strip() for name, value in self.request.query_params.items() if value.strip()}

    def may(self, method: str, path: str) -> bool:
        """Whether the visitor's key may make such a request to the API."""
        return bool(self.console.needed(method, path) & self.identity.scopes)

    async def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A rendered page with the common values, in the locale of its account. A header tells how long queries and
        rendering took.
        """
        form = await form_for(self.asking, self.request.headers.get("accept-language", ""), values)
        timed = "span" in values
        bar = time_bar(values["span"], self.to.moment) if timed else None
        values = self._values() | {"timed": timed, "time": bar} | values
        return await rendered(template, values, status, form, began=self.began)

    def span(self, account: str) -> Awaitable[Any]:
        """The range of days and moments in which there is anything to see of the account."""
        return or_missing(self.asking.get("accounts", account, "timespan"))

    @property
    def dated_before(self) -> str | None:
        """The day after the requested service day: bills are dated before it."""
        day = read_day(self.to.moment.get("asOf"))
        return None if day is None or day == date.max else str(day + timedelta(days=1))

    @property
    def known_at(self) -> str | None:
        """The moment as known at which the page is requested; None: now."""
        return self.to.moment.get("knownAt")

    def go(self, *parts: str, **query: Any) -> Response:
        """Redirect to a page, after a form was sent."""
        return RedirectResponse(self.to.to(*parts, **query), 303, HEADERS)

    def _values(self) -> dict[str, Any]:
        return {
            "visit": self,
            "to": self.to,
            "organization": self.organization,
            "who": self.identity.access_key_id,
            "may": self.may,
            "form_token": form_token(self.asking.token),
            "query": self.query,
            "here": path_asked(self.request),
            "as_of": self.to.moment.get("asOf"),
            "known_at": self.to.moment.get("knownAt"),
        }


def path_asked(request: Request) -> str:
    """The path of the page as it stands in an address, with ids escaped."""
    return quote(str(request.scope.get("app_root_path", "")) + str(request.scope["path"]))


Page = Callable[[Visit], Awaitable[Response]]
Action = Callable[[Visit, Form], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def visit_of(console: Console, request: Request) -> Visit:
    """The visit that a request makes, with its visitor. Raises: NotSignedInError, AccessUnknownError."""
    token = token_of(request)
    if token is None:
        raise NoTokenError
    identity = console.gate.bearer_of(f"Bearer {token}")
    organization = request.path_params["organization"]
    correlation = request.headers.get("x-correlation-id", "")
    moment = moment_of(request.query_params)
    asking = Asking(console.calls, token, organization, correlation)
    return Visit(console, request, identity, asking, Inside(Base.of(request), organization, moment))


def shown(console: Console, page: Page) -> Endpoint:
    """The endpoint of a page that is only read."""

    async def endpoint(request: Request) -> Response:
        try:
            visit = visit_of(console, request)
        except NotSignedInError:
            return await sign_in_first(request)
        except AccessUnknownError as error:
            return await outside_error(request, 503, str(error))
        if is_form(request.query_params):
            return RedirectResponse(visit.to.here(path_asked(request)), 303, HEADERS)
        try:
            return await page(visit)
        except ApiRefused as error:
            return await refused(visit, error)

    return endpoint


def done(console: Console, action: Action) -> Endpoint:
    """The endpoint of a form that changes something; only a page of this session can send it."""

    async def endpoint(request: Request) -> Response:
        try:
            visit = visit_of(console, request)
            check_same_site(request)
            form = await read_form(request)
            check_form(form, visit.asking.token)
        except NotSignedInError:
            return await sign_in_first(request)
        except AccessUnknownError as error:
            return await outside_error(request, 503, str(error))
        except (ForeignFormError, FormTooLargeError) as error:
            return await outside_error(request, 403, str(error))
        try:
            return await action(visit, form)
        except ApiRefused as error:
            return await refused(visit, error)

    return endpoint


async def refused(visit: Visit, error: ApiRefused) -> Response:
    """The page for a request that the API refused."""
    if error.status == 401:  # the token expired between two calls
        return await sign_in_first(visit.request)
    title = _TITLES.get(error.status, "That did not work")
    return await visit.page("refused.html", error.status, code=error.status, title=title, message=str(error))


async def outside_error(request: Request, status: int, message: str) -> Response:
    """An error page for a visitor who is not known."""
    values = {"to": PageAddresses(Base.of(request)), "title": _TITLES.get(status, "That did not work")}
    return await rendered("outside_error.html", values | {"status": status, "message": message}, status)


async def sign_in_first(request: Request) -> Response:
    """Redirect to the sign-in page, and from there back to this page.

    For a link from another site browsers withhold the cookie, though the visitor may be signed in. Then a page is shown
    that leads here once more, now from this site.
    """
    base = Base.of(request)
    back = path_asked(request) + (f"?{request.url.query}" if request.url.query else "")
    target = back if request.method == "GET" and base.is_own(back) else ""
    if target and request.headers.get("sec-fetch-site") == "cross-site":
        return await rendered("continue.html", {"to": PageAddresses(base), "target": target})
    where = f"{base.path}/sign-in" + (f"?next={quote(target, safe='')}" if target else "")
    response = RedirectResponse(where, 303, HEADERS)
    if token_of(request) is not None:
        forget(response, request)
    return response
