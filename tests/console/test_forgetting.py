"""The page that forgets personal data: it names what goes, and goes on only with the account's code."""

from typing import Any

from services.access.scopes import Scope
from tests.console.alone import ACCOUNT, BASE, CONFIG, MadeUp, account, before, links

PERSONAL: dict[str, Any] = ACCOUNT | {
    "emailAddress": "ann@example.com",
    "address": {"addressLine1": "1 <b>Lane</b>", "country": "GB"},
    "customFields": {"contact": "Bert", "tier": "gold"},
}
KEEPS: dict[str, Any] = CONFIG | {"personalData": "ERASABLE", "personalCustomFields": ["contact", "other"]}
HELD: dict[str, Any] = account(**{"accounts/a": PERSONAL, "organizationconfig": KEEPS, "accounts/a/forget": PERSONAL})
PATH = "/accounts/a/forget"


async def test_it_names_what_is_forgotten_and_what_is_not() -> None:
    async with before(MadeUp(HELD)) as visit:
        facts = (await visit.see(PATH)).one("dl")
        assert [cell.text.strip() for cell in facts.every("dd")] == [
            *("Acme", "ann@example.com", "1 <b>Lane</b>", "Bert", "who used it")
        ]


async def test_it_is_done_with_the_accounts_code_alone() -> None:
    made_up = MadeUp(HELD)
    async with before(made_up) as visit:
        refused = await visit.send(PATH, code="acm", reason="asked for")
        assert refused.status_code == 400 and "Nothing was done" in refused.text
        assert not [request for request in made_up.asked if request[0] == "POST"]
        done = await visit.send(PATH, code=" acme ", reason="asked for")
        assert done.status_code == 303 and done.headers["location"] == f"{BASE}/accounts/a"
        assert ("POST", "accounts/a/forget", {}) in made_up.asked
        made_up.answers["accounts/a/forget"] = (409, "it is away")
        assert "it is away" in (await visit.send(PATH, code="acme")).text


async def test_only_who_may_forget_is_led_there_and_only_where_keys_are_kept() -> None:
    async with before(MadeUp(HELD)) as visit:
        assert f"{BASE}{PATH}" in links(await visit.see("/accounts/a"))
    async with before(MadeUp(HELD, scopes=frozenset({Scope.READ, Scope.WRITE}))) as visit:
        assert f"{BASE}{PATH}" not in links(await visit.see("/accounts/a"))
        assert not (await visit.see(PATH)).every("input", id="code")
    async with before(MadeUp(account())) as visit:
        assert f"{BASE}{PATH}" not in links(await visit.see("/accounts/a"))
        page = await visit.see(PATH)
        assert "keeps personal data as all else" in page.text and not page.every("input", id="code")


async def test_an_account_that_was_forgotten_says_when() -> None:
    forgotten = PERSONAL | {"name": "[forgotten]", "forgottenAt": "2026-03-01T10:00:00Z"}
    async with before(MadeUp(HELD | {"accounts/a": forgotten})) as visit:
        [notice] = [
            paragraph for paragraph in (await visit.see("/accounts/a")).every("p") if "was forgotten" in paragraph.text
        ]
        assert notice.text.startswith("Its personal data was forgotten on 1 Mar 2026")
