"""Who is let in, what keeps the sign-in to its browser, and which forms are taken."""

import asyncio
import re
import time
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio

from services.access.denials import WrongTokenError
from services.access.links import SpentLinks, entrance_of, link_code
from services.access.local import LocalKey
from services.access.scopes import Scope
from services.access.tokens import LINK_SECONDS, Identity, Tokens
from services.console.sessions import COOKIE, FORM_BYTES, FORM_TOKEN
from services.demo.client import Client
from services.postgres import Role, connected
from services.run.up import System
from tests import api_client
from tests.api_client import token_of
from tests.console.story import Office
from tests.console.visiting import Visitor, parsed, visiting

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
_CREDENTIALS = {"key": "no-such-key", "secret": "wrong", "next": ""}


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(office: Office) -> httpx.AsyncClient:
    """Nobody is signed in."""
    return api_client.stranger(office.url)


def cookie_of(answer: httpx.Response) -> str:
    return answer.headers.get("set-cookie", "")


async def test_who_is_not_signed_in_is_led_to_the_door_and_back(office: Office, stranger: httpx.AsyncClient) -> None:
    wanted = f"{office.base}/accounts/{office.ids['acme']}?asOf=2026-01-15"
    door = await stranger.get(wanted)
    assert door.status_code == 303 and door.headers["location"].startswith("/console/sign-in?next=%2Fconsole%2F")
    page = parsed((await stranger.get(door.headers["location"])).text)
    [form] = page.every("form")
    given = {field.attributes["name"]: field.attributes.get("value", "") for field in form.every("input")}
    id, secret = office.keys["all"]
    entered = await stranger.post(form.attributes["action"], data=given | {"key": id, "secret": secret})
    assert (entered.status_code, entered.headers["location"]) == (303, wanted)
    assert (await stranger.get(wanted)).status_code == 200


async def test_the_cookie_is_for_the_console_alone_and_no_script_reads_it(
    office: Office, stranger: httpx.AsyncClient
) -> None:
    id, secret = office.keys["all"]
    entered = await stranger.post("/console/sign-in", data={"key": id, "secret": secret, "next": "//evil.example"})
    assert entered.headers["location"] == "/console/", "the way back leads to no other site"
    assert (await stranger.get("/console/")).headers["location"] == office.base
    attributes = {part.strip().lower() for part in cookie_of(entered).split(";")[1:]}
    assert {"httponly", "path=/console", "samesite=strict"} <= attributes and "secure" not in attributes
    away = await stranger.post(
        "/console/sign-in", data={"key": id, "secret": secret, "next": ""}, headers={"host": "trueup.example"}
    )
    assert "Secure" in cookie_of(away), "beyond this machine it travels by TLS only"


async def test_a_wrong_secret_is_answered_on_the_page(office: Office, stranger: httpx.AsyncClient) -> None:
    refused = await stranger.post("/console/sign-in", data=_CREDENTIALS)
    assert refused.status_code == 401 and "no such access key" in parsed(refused.text).text
    assert not cookie_of(refused) and "wrong" not in refused.text
    broken = await stranger.get(f"{office.base}/accounts", headers={"cookie": f"{COOKIE}=none"})
    assert broken.status_code == 303 and "Max-Age=0" in cookie_of(broken)


async def test_another_organization_is_refused(visitor: Visitor) -> None:
    answer = await visitor.http.get("/console/organizations/another/accounts")
    assert answer.status_code == 403 and "not of this organization" in parsed(answer.text).text


async def test_signing_out_takes_the_cookie_away(office: Office) -> None:
    async with visiting(office, "reader") as guest:
        [form] = [form for form in parsed((await guest.get("/accounts")).text).every("form") if "Sign out" in form.text]
        given = {field.attributes["name"]: field.attributes["value"] for field in form.every("input")}
        assert (await guest.http.post("/console/sign-out", data={})).status_code == 403
        assert "Max-Age=0" in cookie_of(await guest.http.post("/console/sign-out", data=given))
        assert (await guest.http.get(f"{office.base}/accounts")).status_code == 303


async def test_only_forms_of_this_session_and_this_site_change_anything(office: Office, visitor: Visitor) -> None:
    path = f"{office.base}/operations/replay"
    good = {FORM_TOKEN: await visitor.form_token(), "reason": "id-conflict"}
    for data, headers in (
        ({"reason": "id-conflict"}, {}),
        (good | {FORM_TOKEN: "0" * 64}, {}),
        (good, {"origin": "https://evil.example"}),
        (good, {"origin": "null"}),
        (good, {"sec-fetch-site": "cross-site"}),
        (good, {"sec-fetch-site": "same-site"}),
        (good | {"filler": "x" * 70_000}, {}),
    ):
        answer = await visitor.http.post(path, data=data, headers=headers)
        assert answer.status_code == 403, (data, headers)
    foreign = await visitor.http.post("/console/sign-in", data=_CREDENTIALS, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403, "nobody is signed in as somebody else unawares"


async def test_a_link_from_elsewhere_leads_on_from_here(office: Office, stranger: httpx.AsyncClient) -> None:
    wanted = f"{office.base}/accounts"
    page = await stranger.get(wanted, headers={"sec-fetch-site": "cross-site"})
    assert page.status_code == 200 and wanted in [link.attributes["href"] for link in parsed(page.text).every("a")]


async def test_who_may_only_read_sees_nothing_that_writes(office: Office, visitor: Visitor, reader: Visitor) -> None:
    paths = ("/operations", f"/bills/{office.ids['pending']}", f"/commitments/{office.ids['prepaid']}")
    pages = [await reader.see(path) for path in paths]
    assert not [form for page in pages for form in page.every("form", method="post")]
    assert not [link for page in pages for link in page.every("a") if "…" in link.text]
    assert "takes scope usage or audit" in pages[0].text and "takes scope audit" in pages[2].text
    assert [link for link in (await visitor.see(paths[1])).every("a") if "…" in link.text]
    form = (await visitor.see(f"{paths[1]}/approve")).one("form", method="post")
    seen = {field.attributes["name"]: field.attributes["value"] for field in form.every("input")}
    approve = seen | {FORM_TOKEN: await reader.form_token()}
    answer = await reader.http.post(f"{office.base}{paths[1]}/approve", data=approve)
    assert answer.status_code == 403 and "lacks the scope" in parsed(answer.text).text


async def test_a_link_signs_in_once(office: Office, stranger: httpx.AsyncClient) -> None:
    assert (await stranger.post("/console/links")).status_code == 401
    headers = {"authorization": f"Bearer {token_of()}"}
    assert (await stranger.post("/console/links", content=bytes(FORM_BYTES + 1), headers=headers)).status_code == 413
    made = await stranger.post("/console/links", data={"organization": office.api.organization}, headers=headers)
    path = made.json()["path"]
    for _ in range(2):
        page = parsed((await stranger.get(path)).text)
        assert "signs you in as access key tests" in page.text and office.api.organization in page.text
    assert (await stranger.post(path, headers={"origin": "https://evil.example"})).status_code == 403
    entered = await stranger.post(path)
    assert (entered.status_code, entered.headers["location"]) == (303, office.base)
    assert (await stranger.get(f"{office.base}/accounts")).status_code == 200
    again = await stranger.post(path)
    assert again.status_code == 404 and "used up" in parsed(again.text).text


async def test_an_operator_chooses_the_organization(office: Office, stranger: httpx.AsyncClient) -> None:
    made = await stranger.post("/console/links", headers={"authorization": f"Bearer {token_of()}"})
    await stranger.post(made.json()["path"])
    assert "Which organization?" in parsed((await stranger.get("/console/")).text).text
    led = await stranger.get("/console/organizations", params={"organization": "a/b c"})
    assert led.headers["location"] == "/console/organizations/a%2Fb%20c"


async def test_a_link_is_good_at_any_process_and_at_all_of_them_together_once(system: System) -> None:
    tokens = Tokens(b"what all of them sign with, thirty-two bytes")
    who = Identity("AK-1", "org", frozenset({Scope.READ}), time.time() + 3600)
    code = link_code(tokens, who, "org")
    entrance, url = entrance_of(Tokens(tokens.secret), code), system.endpoints.database_url
    spent = [SpentLinks(lambda: connected(url, Role.WATCH)) for _ in range(2)]
    assert not await spent[0].is_spent(entrance)
    good = await asyncio.gather(*(each.spend(entrance) for each in spent))
    assert sorted(good) == [False, True] and await spent[1].is_spent(entrance)
    async with connected(url) as connection:
        await connection.execute(
            "UPDATE store.spent_links SET until = now() - interval '1 s' WHERE id = $1", entrance.id
        )
    assert await spent[0].spend(entrance_of(tokens, link_code(tokens, who, "org")))
    assert not await spent[1].is_spent(entrance), "what is over is not kept: its signature is good no longer"


def test_a_link_is_no_token_and_ends_by_itself() -> None:
    tokens, other = Tokens(b"secret" * 6), Tokens(b"another" * 6)
    who = Identity("AK-1", "*", frozenset({Scope.READ}), time.time() + 3600)
    code = link_code(tokens, who, "org")
    entrance = entrance_of(tokens, code)
    assert (entrance.identity.access_key_id, entrance.identity.organization, entrance.organization) == (
        "AK-1",
        "*",
        "org",
    )
    assert entrance.until <= time.time() + LINK_SECONDS + 1 and abs(entrance.identity.expires - who.expires) <= 1
    assert re.fullmatch(r"[\w.-]+", code), "a code fits an address as it is"
    for wrong, given in (
        (other, code),
        (tokens, code[:-2]),
        (tokens, ""),
        (tokens, tokens.sign("AK-1", "*", who.scopes)),
    ):
        with pytest.raises(WrongTokenError):
            entrance_of(wrong, given)
    with pytest.raises(WrongTokenError):
        tokens.read(code)
    over = link_code(tokens, replace(who, expires=time.time() - 1), "org")
    with pytest.raises(WrongTokenError):
        entrance_of(tokens, over)


async def test_the_demo_prints_such_a_link(office: Office, stranger: httpx.AsyncClient) -> None:
    organization = office.api.organization
    client = Client(office.url, organization, LocalKey(organization, *office.keys["all"]))
    try:
        link = await client.console_link()
    finally:
        await client.close()
    assert link.startswith(f"{office.url}/console/enter/")
    page = parsed((await stranger.get(link)).text)
    assert office.keys["all"][0] in page.text and organization in page.text
