"""Signing in with an access key, by a link that is good once, and signing out."""

import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.access.errors import AccessUnknownError, NotSignedInError
from services.access.tokens import LINK_SECONDS, Identity
from services.console.asking import document_of, path_of
from services.console.looks import HEADERS, Addresses, rendered
from services.console.sessions import (
    Base,
    ForeignFormError,
    FormTooLargeError,
    check_form,
    check_same_site,
    forget,
    is_plain_loopback,
    keep,
    read_form,
    token_of,
)
from services.console.visits import Console, outside_error

#: Links that wait to be followed; of more the oldest is dropped.
_LINKS = 1_000
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a link leads to: the token of who asked for it, and the organization that is looked at."""

    token: str
    organization: str
    until: float


@dataclass(slots=True)
class Links:
    """Links that sign somebody in, each once and for a quarter of an hour, by a digest of their codes.

    They are known to this process alone: whoever asks for one follows it to the same address.
    """

    clock: Callable[[], float] = time.monotonic
    _entrances: dict[str, Entrance] = field(default_factory=dict)

    def make(self, token: str, organization: str) -> str:
        """A new code."""
        code = token_urlsafe(32)
        if len(self._entrances) >= _LINKS:
            del self._entrances[next(iter(self._entrances))]
        self._entrances[_digest(code)] = Entrance(token, organization, self.clock() + LINK_SECONDS)
        return code

    def look(self, code: str) -> Entrance | None:
        """What the code leads to, if it was not used and is not over."""
        entrance = self._entrances.get(_digest(code))
        return entrance if entrance is not None and self.clock() < entrance.until else None

    def take(self, code: str) -> Entrance | None:
        """The same, and the code is used up."""
        entrance = self.look(code)
        self._entrances.pop(_digest(code), None)
        return entrance


def _digest(code: str) -> str:
    return sha256(code.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SigningIn:
    """The pages that nobody has to be signed in for."""

    console: Console
    links: Links = field(default_factory=Links)

    async def front(self, request: Request) -> Response:
        """Where somebody who is signed in belongs; else the page for signing in."""
        base, identity = Base.of(request), self._identity(request)
        if identity is None:
            return RedirectResponse(f"{base.path}/sign-in", 303, HEADERS)
        if identity.is_operators:
            return await self._page(request, chooses=True)
        return RedirectResponse(_home(base, identity.organization), 303, HEADERS)

    async def choose(self, request: Request) -> Response:
        """Which organization an operator wants to see."""
        organization = request.query_params.get("organization", "").strip()
        if not organization:
            return await self.front(request)
        return RedirectResponse(_home(Base.of(request), organization), 303, HEADERS)

    async def page(self, request: Request) -> Response:
        """The page for signing in."""
        return await self._page(request, next=request.query_params.get("next", ""))

    async def sign_in(self, request: Request) -> Response:
        """An access key is exchanged for a token, by the API's own path for that."""
        try:
            check_same_site(request)
            form = await read_form(request)
        except (ForeignFormError, FormTooLargeError) as error:
            return await outside_error(request, 403, str(error))
        key, secret = form.get("key", "").strip(), form.get("secret", "").strip()
        basic = b64encode(f"{key}:{secret}".encode()).decode()
        answer = await self.console.calls.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, headers={"authorization": f"Basic {basic}"}
        )
        if answer.status_code != 200:
            why = "There is no such access key, or its secret is another one."
            if answer.status_code != 401:
                why = str(document_of(answer).get("message", ""))
            return await self._page(request, answer.status_code, next=form.get("next", ""), key=key, why=why)
        token = document_of(answer)
        return await self._entered(request, token["access_token"], form.get("next", ""), token["expires_in"])

    async def sign_out(self, request: Request) -> Response:
        """Have the browser forget the token."""
        token = token_of(request)
        try:
            check_same_site(request)
            if token is not None:
                check_form(await read_form(request), token)
        except (ForeignFormError, FormTooLargeError) as error:
            return await outside_error(request, 403, str(error))
        response = RedirectResponse(f"{Base.of(request).path}/sign-in", 303, HEADERS)
        forget(response, request)
        return response

    async def make_link(self, request: Request) -> Response:
        """POST links: for whoever has a token, an address that signs a browser in with it, once.

        The token comes in a header, which no other site's page can send.
        """
        authorization = request.headers.get("authorization", "")
        try:
            identity = self.console.gate.bearer_of(authorization)
        except (NotSignedInError, AccessUnknownError) as error:
            return JSONResponse({"message": str(error)}, 401 if isinstance(error, NotSignedInError) else 503)
        form = await read_form(request)
        organization = form.get("organization", "") if identity.is_operators else identity.organization
        code = self.links.make(authorization.partition(" ")[2].strip(), organization)
        return JSONResponse({"path": f"{Base.of(request).path}/enter/{code}"})

    async def doorstep(self, request: Request) -> Response:
        """What a link shows: as whom it signs in. To look at it uses nothing up: programs follow links, too, and
        nobody is to be signed in as somebody else unawares."""
        code = request.path_params["code"]
        entrance = self.links.look(code)
        identity = None if entrance is None else self._read(entrance.token)
        values = {"to": Addresses(Base.of(request)), "code": code, "entrance": entrance, "identity": identity}
        return await rendered("enter.html", values, 200 if identity else 404)

    async def enter(self, request: Request) -> Response:
        """Sign in by the link."""
        try:
            check_same_site(request)
        except ForeignFormError as error:
            return await outside_error(request, 403, str(error))
        entrance = self.links.take(request.path_params["code"])
        identity = None if entrance is None else self._read(entrance.token)
        if entrance is None or identity is None:
            return await self.doorstep(request)
        target = _home(Base.of(request), entrance.organization) if entrance.organization else ""
        return await self._entered(request, entrance.token, target, int(identity.expires - time.time()))

    async def _entered(self, request: Request, token: str, target: str, seconds: int) -> Response:
        base = Base.of(request)
        response = RedirectResponse(target if base.is_own(target) else f"{base.path}/", 303, HEADERS)
        keep(response, request, token, seconds)
        return response

    async def _page(self, request: Request, status: int = 200, *, chooses: bool = False, **given: Any) -> Response:
        values = {"to": Addresses(Base.of(request)), "next": "", "key": "", "why": "", "chooses": chooses, **given}
        insecure = request.url.scheme == "http" and not is_plain_loopback(request)
        return await rendered("sign_in.html", values | {"insecure": insecure}, status)

    def _identity(self, request: Request) -> Identity | None:
        token = token_of(request)
        return None if token is None else self._read(token)

    def _read(self, token: str) -> Identity | None:
        try:
            return self.console.gate.bearer_of(f"Bearer {token}")
        except (NotSignedInError, AccessUnknownError):
            return None


def _home(base: Base, organization: str) -> str:
    return base.path + path_of("organizations", organization)
