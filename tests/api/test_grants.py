"""What a stranger sends to ask for a token: a form or JSON, and so little that reading it keeps nobody waiting."""

import gzip

import httpx
import pytest
from fastapi import FastAPI

from services.access.signing_in import IssuedToken
from services.api import auth
from services.api.auth import GRANT_BYTES
from services.api.statuses import handle_errors
from tests.api_client import in_process

FORM = {"content-type": "application/x-www-form-urlencoded"}
GRANT = b"grant_type=client_credentials"


class Anybody:
    """Stands for `SignIn`: every key is right."""

    async def token_for(self, *_: str) -> IssuedToken:
        return IssuedToken("a token", 18_000)


class Whole:
    """Stands for `Standing`: nothing is broken."""

    def require(self) -> None:
        pass


@pytest.fixture
async def client() -> httpx.AsyncClient:
    app = FastAPI()
    handle_errors(app)
    app.include_router(auth.router)
    app.state.sign_in, app.state.standing = Anybody(), Whole()
    return in_process(app, auth=("key", "secret"))


async def test_a_form_of_a_million_fields_is_refused_unread_packed_or_not(client: httpx.AsyncClient) -> None:
    form = b"a=b&" * 250_000 + GRANT
    for body, headers in ((form, {}), (gzip.compress(form), {"content-encoding": "gzip"})):
        answer = await client.post("/oauth/token", content=body, headers=FORM | headers)
        assert (answer.status_code, answer.json()) == (413, {"message": f"body: is larger than {GRANT_BYTES} bytes"})


@pytest.mark.parametrize("media", ["application/json", "Application/JSON; charset=UTF-8"])
async def test_json_is_json_however_its_type_is_written(client: httpx.AsyncClient, media: str) -> None:
    body = b'{"grant_type": "client_credentials", "scope": "m3ter-resources/m3ter-scope"}'
    assert (await client.post("/oauth/token", content=body, headers={"content-type": media})).status_code == 200


async def test_a_form_is_a_form(client: httpx.AsyncClient) -> None:
    assert (await client.post("/oauth/token", content=GRANT, headers=FORM)).status_code == 200
    assert (await client.post("/oauth/token", content=b"grant_type=password", headers=FORM)).status_code == 400
