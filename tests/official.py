"""m3ter's own Python clients before our API; no test makes another one (`tests/test_built_once.py`)."""

from collections.abc import Callable

import httpx
from m3ter import AsyncM3ter, M3ter

from tests.api_client import token_of

#: What a client wants to be told even if it has a token.
_ANY_KEY = ("key", "secret")


def official_client(
    url: str, organization: str, token: str | None = None, *, key: tuple[str, str] = _ANY_KEY, strict: bool = False
) -> AsyncM3ter:
    """With a token, which this client never fetches by itself: an operator's unless it is said whose.

    `strict`: an answer that is not as m3ter declares it is an error.
    """
    return AsyncM3ter(
        api_key=key[0],
        api_secret=key[1],
        token=token or token_of(),
        org_id=organization,
        base_url=url,
        _strict_response_validation=strict,
    )


def official_blocking_client(
    url: str, organization: str, token: str | None = None, *, key: tuple[str, str] = _ANY_KEY
) -> M3ter:
    """The one that blocks; without a token it fetches one for its key."""
    return M3ter(api_key=key[0], api_secret=key[1], token=token, org_id=organization, base_url=url)


def official_client_of(organization: str, answer: Callable[[httpx.Request], httpx.Response]) -> M3ter:
    """The one that blocks, before an API that this function plays."""
    http = httpx.Client(transport=httpx.MockTransport(answer), verify=False)
    id, secret = _ANY_KEY
    return M3ter(
        api_key=id,
        api_secret=secret,
        token="token",
        org_id=organization,
        base_url="http://played",
        http_client=http,
        max_retries=0,
    )
