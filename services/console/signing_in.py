"""Signing in with an access key or by a link that works once, and signing out."""

import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.access.denials import AccessUnknownError, NotSignedInError, WrongTokenError
from services.access.links import Entrance, SpentLinks, entrance_of, link_code
from services.access.tokens import Identity
from services.console.asking import document_of, path_of
from services.console.looks import HEADERS, PageAddresses, rendered
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

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class SigningIn:
    """The pages that need no sign-in."""

    console: Console
    spent_links: SpentLinks

    async def front(self, request: Request) -> Response:
        """Redirect a signed-in visitor to the organization's page; an operator chooses one; others get the sign-in
        page.
        """
        base, identity = Base.of(request), self._identity(request)
        if identity is None:
            return RedirectResponse(f"{base.path}/sign-in", 303, HEADERS)
        if identity.is_operators:
            return await self._page(request, chooses=True)
        return RedirectResponse(_home(base, identity.organization), 303, HEADERS)

    async def choose(self, request: Request) -> Response:
        """Redirect an operator to the chosen organization."""
        organization = request.query_params.get("organization", "").strip()
        if not organization:
            return await self.front(request)
        return RedirectResponse(_home(Base.of(request), organization), 303, HEADERS)

    async def page(self, request: Request) -> Response:
        """The sign-in page."""
        return await self._page(request, next=request.query_params.get("next", ""))

    async def sign_in(self, request: Request) -> Response:
        """Sign in: exchange an access key for a token, by the API's own path for that."""
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
        """Sign out: the browser deletes the token."""
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
        """POST links: gives a caller with a token an address that signs a browser in with it, once.

        The token comes in a header, which no page of another site can send.
        """
        authorization = request.headers.get("authorization", "")
        try:
            identity = self.console.gate.bearer_of(authorization)
        except (NotSignedInError, AccessUnknownError) as error:
            return JSONResponse({"message": str(error)}, 401 if isinstance(error, NotSignedInError) else 503)
        try:
            form = await read_form(request)
        except FormTooLargeError as error:
            return JSONResponse({"message": str(error)}, 413)
        organization = form.get("organization", "") if identity.is_operators else identity.organization
        code = link_code(self.console.gate.tokens, identity, organization)
        return JSONResponse({"path": f"{Base.of(request).path}/enter/{code}"})

    async def doorstep(self, request: Request) -> Response:
        """The page of a link: it names the key that it signs in with. Opening it does not use up the link, because
        programs open links, too, and nobody should be signed in as somebody else unawares.
        """
        try:
            entrance = self._entrance(request)
            if entrance is not None and await self.spent_links.is_spent(entrance):
                entrance = None
        except AccessUnknownError as error:
            return await outside_error(request, 503, str(error))
        values = {"to": PageAddresses(Base.of(request)), "code": request.path_params["code"], "entrance": entrance}
        return await rendered("enter.html", values, 200 if entrance else 404)

    async def enter(self, request: Request) -> Response:
        """Sign in by the link, and use it up."""
        try:
            check_same_site(request)
            entrance = self._entrance(request)
            if entrance is None or not await self.spent_links.spend(entrance):
                return await self.doorstep(request)
        except ForeignFormError as error:
            return await outside_error(request, 403, str(error))
        except AccessUnknownError as error:
            return await outside_error(request, 503, str(error))
        who, seconds = entrance.identity, int(entrance.identity.expires - time.time())
        token = self.console.gate.tokens.sign(who.access_key_id, who.organization, who.scopes, seconds=seconds)
        target = _home(Base.of(request), entrance.organization) if entrance.organization else ""
        return await self._entered(request, token, target, seconds)

    def _entrance(self, request: Request) -> Entrance | None:
        """The content of the address's link; None if it has expired, or its key is revoked. Raises:
        AccessUnknownError.
        """
        gate = self.console.gate
        try:
            entrance = entrance_of(gate.tokens, request.path_params["code"])
        except WrongTokenError:
            return None
        return None if gate.is_revoked(entrance.identity.access_key_id) else entrance

    async def _entered(self, request: Request, token: str, target: str, seconds: int) -> Response:
        base = Base.of(request)
        response = RedirectResponse(target if base.is_own(target) else f"{base.path}/", 303, HEADERS)
        keep(response, request, token, seconds)
        return response

    async def _page(self, request: Request, status: int = 200, *, chooses: bool = False, **given: Any) -> Response:
        values = {"to": PageAddresses(Base.of(request)), "next": "", "key": "", "why": "", "chooses": chooses, **given}
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
