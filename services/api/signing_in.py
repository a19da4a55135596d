"""Signing in, for the product's own clients: a bearer token is asked for once, and says who they are."""

import time
from base64 import b64encode
from collections.abc import Generator

import httpx


class SignedIn(httpx.Auth):
    """Every request bears the token of this access key id.

    Where none is to be had the request goes without, and its own answer says what is wrong.
    """

    requires_response_body = True

    def __init__(self, access_key_id: str) -> None:
        # Until access control comes, any secret does.
        credentials = b64encode(f"{access_key_id}:{access_key_id}".encode()).decode()
        self._credentials, self._token, self._until = f"Basic {credentials}", "", 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Ask for a token if there is none that still holds, then send the request with it."""
        if time.monotonic() >= self._until:
            self._take((yield self._asking(request.url.copy_with(path="/oauth/token", query=None))))
        if self._token:
            request.headers["authorization"] = f"Bearer {self._token}"
        yield request

    def _asking(self, url: httpx.URL) -> httpx.Request:
        headers = {"authorization": self._credentials}
        return httpx.Request("POST", url, data={"grant_type": "client_credentials"}, headers=headers)

    def _take(self, answer: httpx.Response) -> None:
        try:
            document = answer.json()
            self._token, seconds = str(document["access_token"]), float(document["expires_in"])
        except (ValueError, KeyError, TypeError):
            self._token, seconds = "", 0.0
        self._until = time.monotonic() + seconds / 2
