"""How the product's own clients sign in: a bearer token is asked for once, and again before it ends."""

import time
from base64 import b64encode
from collections.abc import Generator

import httpx

from services.access.local import Credentials

#: Answers of an API that gives no token to this key, or not now.
_SAYS_WHY = (401, 429, 503)


class SignedIn(httpx.Auth):
    """Every request bears a token of this access key.

    An API that gives none says why, and that is the request's answer. What is no such API answers the request itself.
    """

    requires_response_body = True

    def __init__(self, credentials: Credentials) -> None:
        basic = b64encode(f"{credentials.access_key_id}:{credentials.api_secret}".encode()).decode()
        self._credentials, self._token, self._until = f"Basic {basic}", "", 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Ask for a token if there is none that still holds, then send the request with it."""
        if time.monotonic() >= self._until:
            answer = yield self._asking(request.url.copy_with(path="/oauth/token", query=None))
            if not self._took(answer) and answer.status_code in _SAYS_WHY:
                return
        if self._token:
            request.headers["authorization"] = f"Bearer {self._token}"
        answer = yield request
        if answer.status_code == 401:
            self._until = 0.0

    def _asking(self, url: httpx.URL) -> httpx.Request:
        headers = {"authorization": self._credentials}
        return httpx.Request("POST", url, data={"grant_type": "client_credentials"}, headers=headers)

    def _took(self, answer: httpx.Response) -> bool:
        try:
            document = answer.json()
            self._token, seconds = str(document["access_token"]), float(document["expires_in"])
        except (ValueError, KeyError, TypeError):
            self._token, self._until = "", 0.0
            return False
        self._until = time.monotonic() + seconds / 2
        return True
