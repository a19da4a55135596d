"""Who asks with a token of his own about what another organization has is answered as if it were nowhere.

Every route is asked by organization `mine` with ids of organization `theirs`: in its path, in each parameter of its
query and in each member of its body that may name something. The answer is the one for an id that nobody has, byte for
byte but for the id itself, and no answer of any route has an id of theirs that was not asked for.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.run.up import System
from tests.api.schemas import resolved
from tests.api_client import By, http_client
from tests.contracts.asking import (
    FREE,
    NAMED,
    OPERATIONS,
    Ask,
    in_bodies,
    in_paths,
    in_queries,
    named_in,
    nowhere,
    placed,
)
from tests.contracts.belongings import Belongings, belongings

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

#: Headers that no two answers have alike, or whose value follows from the body.
OWN_TO_EACH = {"date", "server", "x-correlation-id", "content-length"}
#: Filters that find nothing: their rule has done nothing yet; no export has a schedule; what one gives is derived, and
#: in no list of charges.
BLIND = [
    *(f"/automaticacts ['{name}']" for name in ("ruleId", "accountId", "resourceId")),
    *("/dataexports/jobs ['scheduleId']", "/charges ['scheduleId']"),
]
#: Answers about nothing.
NOTHING = ('{"data":[]}', "0 bills approved")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mine(system: System) -> Belongings:
    return await belongings(system)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def theirs(system: System) -> Belongings:
    return await belongings(system)


def client_of(belongings: Belongings) -> httpx.AsyncClient:
    """Below the organization, with a key of it."""
    url = f"{belongings.shop.system.addresses.api_url}/organizations/{belongings.shop.organization}"
    return http_client(url, by=By("own", belongings.shop.organization))


def sent(value: Any) -> Iterator[str]:
    """Names of all members that a body may have, at any depth."""
    if isinstance(value, dict):
        value = resolved(value)
        yield from (name for name, member in value.get("properties", {}).items() if not member.get("readOnly"))
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from sent(member)


async def answered(client: httpx.AsyncClient, ask: Ask, ids: Iterable[str]) -> tuple[int, dict[str, str], str]:
    """Status, headers and body, to the question about these ids in the place of its own; each reads `ID` in them."""
    request, told = json.dumps([ask.path, dict(ask.query), ask.body]), []
    for own, id in zip(ask.ids, ids, strict=True):
        request = request.replace(own, id)
        told.append(id)
    path, query, body = json.loads(request)
    answer = await client.request(ask.method, path, params=query or None, json=body)
    headers = {name: value for name, value in answer.headers.items() if name not in OWN_TO_EACH}
    shown = re.sub("|".join(map(re.escape, told)), "ID", json.dumps([headers, answer.text]))
    headers, text = json.loads(shown)
    return answer.status_code, headers, text


async def both(client: httpx.AsyncClient, ask: Ask) -> list[tuple[int, dict[str, str], str]]:
    """The answers about these ids, and about ids of nobody."""
    return [await answered(client, ask, ids) for ids in (ask.ids, [nowhere(id) for id in ask.ids])]


@pytest.mark.parametrize("asks", [in_paths, in_queries, in_bodies])
async def test_what_is_anothers_is_answered_as_if_it_were_nowhere(
    mine: Belongings, theirs: Belongings, asks: Any
) -> None:
    wrong, routes = [], set()
    async with client_of(mine) as client:
        for ask in asks(mine, theirs):
            foreign, unknown = await both(client, ask)
            routes.add((ask.method, ask.path))
            if foreign != unknown:
                wrong.append(f"{ask}: {foreign} but {unknown}")
            if [id for id in theirs.every if id in foreign[2]]:
                wrong.append(f"{ask}: {foreign} tells of theirs")
            if not any(word in foreign[2] for word in (ask.told, "ID", *NOTHING)):
                wrong.append(f"{ask}: {foreign} does not say that it was looked for")
    assert wrong == [], "\n".join(wrong)
    assert len(routes) > {in_paths: 120, in_queries: 30, in_bodies: 40}[asks]


async def test_what_is_anothers_is_in_no_answer_about_what_is_ones_own(mine: Belongings, theirs: Belongings) -> None:
    differences: dict[str, str] = {}
    for answers in (theirs, mine):
        async with client_of(answers) as client:
            for method, path, _ in OPERATIONS:
                if method == "GET":
                    at = placed(path, {part: answers.of[name] for part, name in named_in(path).items()})
                    text = (await client.get(at)).text
                    differences[answers.shop.organization] = differences.get(answers.shop.organization, "") + text
    assert [id for id in theirs.every if id in differences[mine.shop.organization]] == []
    assert [id for id in theirs.every if id not in differences[theirs.shop.organization]] == []


async def test_whose_it_is_finds_it(theirs: Belongings) -> None:
    """Else all of the above could be blind: for the owner, a query that names what is there says something else."""
    blind = []
    async with client_of(theirs) as client:
        for ask in in_queries(theirs, theirs):
            if ask.method == "GET":
                foreign, unknown = await both(client, ask)
                if foreign == unknown:
                    blind.append(f"{ask.path} {sorted(ask.query)}")
    assert blind == BLIND, "\n".join(blind)


def test_whatever_ends_like_an_id_is_asked_about_or_free() -> None:
    names: set[str] = set()
    for _, _, told in OPERATIONS:
        names |= {parameter["name"] for parameter in told.get("parameters", ()) if parameter["in"] == "query"}
        names |= {name for content in told.get("requestBody", {}).get("content", {}).values() for name in sent(content)}
    ending = {name for name in names if re.search(r"(Id|Ids|^id|^ids)$", name)}
    answered_alone = {name for name in ending if name not in NAMED and name not in FREE}
    assert answered_alone == {"ids", "notificationId"}
