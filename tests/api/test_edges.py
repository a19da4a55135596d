"""The edges of every path, by walks over all of them: how often, of what type, by which method; and nothing breaks."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from services.access.keys import create_key
from services.access.scopes import ALL
from services.api.app import create_app
from services.api.edges.connections import Limits
from services.api.edges.rates import Allowance, Rates
from services.readside.waiter import Waiter
from tests.api.schemas import OPERATIONS_BELOW, operations, placed
from tests.api_client import TOKEN_SECRET, http_client, token_of
from tests.edges.serving import raw_client, served
from tests.official import official_client
from tests.store.kit import Store

pytestmark = pytest.mark.stack

#: Method and path of what takes a body.
TAKES_BODY = [
    (method, path) for method, path, told in operations() if "requestBody" in told and path.startswith("/organizations")
]
GETS = [path for method, path, _ in operations() if method == "GET"]


def below(path: str, store: Store) -> str:
    return placed(path, store.organization)


@pytest_asyncio.fixture(loop_scope="session")
async def client(url: str, waited: list[Waiter]) -> AsyncIterator[httpx.AsyncClient]:
    """Of the whole API, not below an organization."""
    async with http_client(url) as found:
        yield found


@pytest.mark.parametrize(
    "given", [{"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}]
)
async def test_no_path_takes_a_body_that_says_that_it_is_no_json(
    client: httpx.AsyncClient, store: Store, given: dict[str, str]
) -> None:
    for method, path in TAKES_BODY:
        answer = await client.request(method, below(path, store), content=b'{"a":1}', headers=given)
        assert answer.status_code == 415, (method, path, answer.text)
        wanted = f"Content-Type: must be application/json, not {given['content-type']}"
        assert answer.json() == {"message": wanted}


async def test_every_path_takes_json_with_a_charset_and_packed(client: httpx.AsyncClient, store: Store) -> None:
    headers = {"content-type": "application/json; charset=UTF-8", "content-encoding": "gzip"}
    for method, path in TAKES_BODY:
        answer = await client.request(method, below(path, store), content=gzip.compress(b'{"a":1}'), headers=headers)
        assert answer.status_code in (400, 404), (method, path, answer.text)
        assert not answer.json()["message"].startswith(("Content-Type", "body: must be JSON:")), (method, path)


async def test_what_takes_no_body_does_not_mind_what_type_nothing_is_of(
    client: httpx.AsyncClient, store: Store
) -> None:
    for method, path in OPERATIONS_BELOW:
        if (method, path) not in TAKES_BODY:
            answer = await client.request(method, below(path, store), headers={"content-type": "application/json"})
            assert answer.status_code in (200, 400, 404), (method, path, answer.text)


@pytest.mark.parametrize(
    "body",
    [b"", b"[" * 5_000, b"[" + b"0," * 30_000 + b"0]", b"\xff\xfe", b"null", b'"x"', b'{"a":' * 70 + b"1" + b"}" * 70],
    ids=["nothing", "deep", "many", "binary", "null", "text", "deep objects"],
)
async def test_no_body_breaks_a_path(client: httpx.AsyncClient, store: Store, body: bytes) -> None:
    for method, path in TAKES_BODY:
        headers = {"content-type": "application/json"}
        answer = await client.request(method, below(path, store), content=body, headers=headers)
        assert answer.status_code < 500, (method, path, answer.text)
        assert answer.status_code == 200 or answer.json().keys() >= {"message"}


async def test_no_path_holds_a_body_without_end(client: httpx.AsyncClient, store: Store) -> None:
    for method, path in TAKES_BODY:
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        content = gzip.compress(b" " * 5_000_000)
        answer = await client.request(method, below(path, store), content=content, headers=headers)
        assert answer.status_code == (403 if path.endswith("/measurements") else 413), (method, path, answer.text)


@pytest.mark.parametrize("path", GETS)
async def test_head_of_every_path_is_its_get_without_a_body(
    client: httpx.AsyncClient, store: Store, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.api.health.KEPT_SECONDS", 60.0)  # two looks apart may see two things
    at, named = below(path, store), {"x-correlation-id": "mine"}
    got, head = await client.get(at, headers=named), await client.head(at, headers=named)
    assert (head.status_code, head.content) == (got.status_code, b"")
    moving = {"date"} if path != "/health" else {"date", "content-length"}
    assert {name: value for name, value in head.headers.items() if name not in moving} == {
        name: value for name, value in got.headers.items() if name not in moving
    }


async def test_a_stack_trace_is_in_no_answer(
    client: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> object:
        raise ZeroDivisionError("the words of a bug")

    monkeypatch.setattr("services.api.calls.load_config", fail)
    monkeypatch.setattr("services.api.commanding.load_config", fail)
    answer = await client.get(below("/organizations/{orgId}/products", store))
    assert answer.status_code == 500
    assert re.fullmatch(
        r"an error inside Trueup; its log says more about x-correlation-id [0-9a-f]{16}", answer.json()["message"]
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rates() -> Rates:
    """Ten at once and hardly any after them."""
    return Rates(Allowance(0.01, 10), Allowance(0.01, 10))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def limited(opened: Store, rates: Rates) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an API with these rates."""
    at = (opened.endpoints.database_url, opened.endpoints.kafka)
    app = create_app(*at, rates=rates, token_secret=TOKEN_SECRET)
    async with served(Limits(), app) as port, http_client(f"http://127.0.0.1:{port}") as found:
        yield found


async def test_a_flood_is_refused_and_costs_no_other_organization(
    limited: httpx.AsyncClient, opened: Store, store: Store
) -> None:
    other = Store(opened.endpoints, opened.postgres, opened.generations)
    await other.configure()
    products = "/organizations/{orgId}/products"
    answers = [await limited.get(below(products, store)) for _ in range(30)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429] * 20
    seconds = int(answers[-1].headers["retry-after"])
    assert 50 < seconds <= 100
    assert answers[-1].json() == {
        "message": f"organization {store.organization} asks more than 0.01 times a second; try again in {seconds} s"
    }
    assert [(await limited.get(below(products, other))).status_code for _ in range(10)] == [200] * 10
    usage = await limited.post(below("/organizations/{orgId}/measurements", store), json={"measurements": []})
    assert usage.status_code == 400, "usage has an allowance of its own"
    async with opened.postgres.connection() as connection:
        made = await create_key(connection, store.organization, ALL)
    right, form = (made.key.id, made.secret), {"grant_type": "client_credentials"}
    for _ in range(20):
        assert (await limited.post("/oauth/token", data=form, auth=("stranger", "wrong"))).status_code in (401, 429)
        assert (await limited.post("/oauth/token", data=form, auth=right)).status_code == 200
        assert (await limited.get("/health")).status_code != 429


async def test_every_path_of_an_organization_counts(limited: httpx.AsyncClient, store: Store, rates: Rates) -> None:
    for allowance in (rates.usage, rates.others):
        while not allowance.take(store.organization):
            pass
    for method, path in OPERATIONS_BELOW:
        answer = await limited.request(method, below(path, store))
        assert answer.status_code == 429, (method, path, answer.text)
        assert answer.headers["retry-after"].isdigit()


async def test_the_official_client_comes_again_when_it_is_told(opened: Store, store: Store) -> None:
    at = (opened.endpoints.database_url, opened.endpoints.kafka)
    app = create_app(*at, rates=Rates.of(10, 10), token_secret=TOKEN_SECRET)
    async with served(Limits(), app) as port:
        url, started = f"http://127.0.0.1:{port}", asyncio.get_running_loop().time()
        async with official_client(url, store.organization) as sdk:
            made = await asyncio.gather(*(sdk.products.create(code=f"p{number}", name="P") for number in range(18)))
        assert len({product.id for product in made}) == 18
        assert asyncio.get_running_loop().time() - started >= 1


async def test_an_upload_of_a_gigabyte_is_cut_off_wherever_it_goes(url: str, store: Store) -> None:
    """To a path that takes no body it is answered at once, and not heard to its end."""
    async with raw_client(int(url.rpartition(":")[2])) as client:
        head = f"DELETE {below('/organizations/{orgId}/products/none', store)} HTTP/1.1\r\nhost: x\r\n"
        head += f"authorization: Bearer {token_of()}\r\n"
        client.send(f"{head}content-length: 1000000000\r\n\r\n".encode() + b" " * 100_000)
        assert (await client.answer()).status == 404
        assert await client.is_cut()
