"""What tests ask of an answer."""

import httpx


def message_of(response: httpx.Response, status: int) -> str:
    """The error's text; every error has this shape and no other."""
    assert response.status_code == status, f"{response.request.method} {response.request.url.path}: {response.text}"
    assert list(response.json()) == ["message"]
    return str(response.json()["message"])
