"""HTTP for the live player: one organization of a running API, its numbers exact, its refusals the player's."""

import json
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from services.failures import ExpectedFailure, Worded
from services.simulate.player import RefusedError

TIMEOUT_SECONDS = 90.0
#: What an answer may say without being the product's judgement of the step.
_NO_JUDGEMENT = (401, 403, 408, 429)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class ApiFailedError(Worded, ExpectedFailure):
    """{method} {url} {what}"""

    def __init__(self, method: str, url: object, what: str) -> None:
        super().__init__(method=method, url=url, what=what)


class LiveOrganization:
    """Calls below one organization's path."""

    def __init__(self, client: httpx.Client, organization: str) -> None:
        self.id, self._client = organization, client

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The answer's document. Raises: RefusedError with the answer's message, ApiFailedError."""
        content = None if body is None else _ENCODER.encode(body)
        url = f"/organizations/{self.id}/{path}"
        try:
            answer = self._client.request(method, url, content=content, params=query, headers=_JSON)
        except httpx.HTTPError as error:
            raise ApiFailedError(method, self._client.base_url.join(url), f"got no answer: {error}") from error
        document = _parsed(answer)
        if answer.status_code == 200 and document is not None:
            return document
        message = document.get("message") if isinstance(document, dict) else None
        if message is None or (answer.status_code == 404 and str(message).startswith("there is no /")):
            what = f"answered {answer.status_code}, and not as Trueup's API does: is this its address?"
            raise ApiFailedError(method, answer.url, what)
        if 400 <= answer.status_code < 500 and answer.status_code not in _NO_JUDGEMENT:
            raise RefusedError(str(message))
        raise ApiFailedError(method, answer.url, f"answered {answer.status_code}: {message}")


_JSON = {"content-type": "application/json"}


def _parsed(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content, parse_float=Decimal)
    except ValueError:
        return None
