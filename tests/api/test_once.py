"""A command is answered once: whoever sends it again gets the same bytes, whatever happened after the commit."""

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.api.calls import Call
from services.api.derived import _standing_rows
from services.api.wire import encode
from services.postgres import PostgresUnreachableError
from services.store.view import load_config
from tests.api.answers import message_of
from tests.api.schemas import OPERATIONS_BELOW, placed
from tests.api_client import CONFIG, http_client
from tests.store.kit import Store

pytestmark = pytest.mark.stack
KEY = {"Idempotency-Key": "once"}


def terms(account: str, **more: Any) -> dict[str, Any]:
    term = {"startDate": "2026-01-01", "endDate": "2027-01-01"}
    return {"accountId": account, "amount": 100, "currency": "USD", **term, **more}


TOP_UP = {"amount": 5, "date": "2026-02-01", "version": 1}


def crash_before_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is undone: after the commit, before what settlement derives is read."""

    async def crash(*_: Any) -> bytes:
        raise AssertionError("the process is gone")

    monkeypatch.setattr("services.api.commanding.document_at", crash)


async def test_a_crash_between_commit_and_answer_leaves_one_answer_to_all_who_ask_again(
    http: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    commitment = await store.commitment(await store.account())
    path = f"/commitments/{commitment}/topups"
    crash_before_the_answer(monkeypatch)
    assert (await http.post(path, json=TOP_UP, headers=KEY)).status_code == 500
    monkeypatch.undo()
    answers = await asyncio.gather(*(http.post(path, json=TOP_UP, headers=KEY) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["amountRemaining"] == 105
    assert len((await http.get(f"/commitments/{commitment}")).json()["topUps"]) == 1
    assert "used before with another body" in message_of(
        await http.post(path, json=TOP_UP | {"amount": 7}, headers=KEY), 409
    )


async def test_what_changed_or_went_before_its_answer_was_made_is_answered_as_it_was_made(
    http: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await store.account()
    commitment = await store.commitment(account)
    path = f"/commitments/{commitment}/topups"
    crash_before_the_answer(monkeypatch)
    await http.post(path, json=TOP_UP, headers=KEY)
    monkeypatch.undo()
    put = await http.put(f"/commitments/{commitment}", json=terms(account, amount=7, version=2))
    assert put.status_code == 200
    changed = await http.post(path, json=TOP_UP, headers=KEY)
    assert "amountSpent" not in changed.json()
    assert (changed.json()["id"], changed.json()["version"], changed.json()["amount"]) == (commitment, 2, 100)
    assert (await http.delete(f"/commitments/{commitment}?force=true")).status_code == 200
    assert (await http.post(path, json=TOP_UP, headers=KEY)).content == changed.content


async def test_an_answer_that_cannot_be_kept_is_given_to_nobody(
    http: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await store.account()
    first, second = [f"/commitments/{await store.commitment(account)}/topups" for _ in range(2)]

    async def away(*_: Any) -> bytes:
        raise PostgresUnreachableError("postgresql://u@host/db", ConnectionRefusedError("refused"))

    monkeypatch.setattr("services.store.idempotency.make_whole", away)
    assert "did not answer" in message_of(await http.post(first, json=TOP_UP, headers=KEY), 503)
    assert (await http.post(second, json=TOP_UP)).status_code == 200
    monkeypatch.undo()
    answers = [await http.post(first, json=TOP_UP, headers=KEY) for _ in range(2)]
    assert answers[0].status_code == 200 and answers[0].content == answers[1].content
    assert len(answers[0].json()["topUps"]) == 1


async def test_two_who_make_an_answer_whole_at_once_tell_the_same(
    http: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/commitments/{await store.commitment(await store.account())}/topups"
    answered_with, second_done = list[int](), asyncio.Event()

    async def standing(*arguments: Any, **more: Any) -> dict[str, dict[str, Any]]:
        answered_with.append(1)
        number = len(answered_with)
        if number == 1:
            await second_done.wait()
        rows = await _standing_rows(*arguments, **more)
        return {id: {**row, "spent": Decimal(number)} for id, row in rows.items()}

    monkeypatch.setattr("services.api.derived._standing_rows", standing)
    first = asyncio.create_task(http.post(path, json=TOP_UP, headers=KEY))
    while not answered_with:
        await asyncio.sleep(0.01)
    second = await http.post(path, json=TOP_UP, headers=KEY)
    second_done.set()
    assert (await first).content == second.content
    assert (second.json()["amountSpent"], len(answered_with)) == (2, 2)


async def test_what_another_command_changes_meanwhile_is_not_mixed_in(
    http: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What settles behind the commit may be of later terms: then the answer shows what was done alone (decision 19)."""
    commitment = await store.commitment(await store.account())
    path = f"/commitments/{commitment}/topups"

    async def later(*arguments: Any, **more: Any) -> Mapping[str, Mapping[str, Any]]:
        monkeypatch.undo()
        assert (await http.post(path, json=TOP_UP | {"version": 2})).json()["amountRemaining"] == 110
        return await _standing_rows(*arguments, **more)

    monkeypatch.setattr("services.api.derived._standing_rows", later)
    first, again = [await http.post(path, json=TOP_UP, headers=KEY) for _ in range(2)]
    assert (first.json()["version"], len(first.json()["topUps"])) == (2, 1)
    assert "amountRemaining" not in first.json()
    assert first.content == again.content


async def test_an_answer_is_made_once(http: httpx.AsyncClient, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    account, made = await store.account(), list[Any]()
    commitment = await store.commitment(account)

    def counted(document: Any) -> bytes:
        made.append(document)
        return encode(document)

    monkeypatch.setattr("services.api.commanding.encode", counted)
    for path, body, headers in (
        ("/products", {"code": "p", "name": "P"}, KEY),
        ("/products", {"code": "q", "name": "Q"}, {}),
        ("/commitments", terms(account), {}),
    ):
        made.clear()
        assert (await http.post(path, json=body, headers=headers)).status_code == 200
        assert len(made) == 1, path
    made.clear()
    assert (await http.post(f"/commitments/{commitment}/topups", json=TOP_UP, headers=KEY)).status_code == 200
    assert ["amountSpent" in document for document in made] == [False, True], "what was done, then the answer"


@pytest.fixture
def configurations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose configuration was read, in order."""
    loaded: list[str] = []

    def counting(load: Callable[..., Any]) -> Callable[..., Any]:
        async def counted(connection: Any, organization: str) -> Any:
            loaded.append(organization)
            return await load(connection, organization)

        return counted

    for function in ("services.api.calls.load_config", "services.api.commanding.load_config"):
        monkeypatch.setattr(function, counting(load_config))
    return loaded


async def test_what_is_found_is_not_asked_whose_it_is(
    http: httpx.AsyncClient, store: Store, configurations: list[str]
) -> None:
    commitment = await store.commitment(await store.account())
    for id, status, organizations_asked in ((commitment, 200, []), ("none", 404, [store.organization])):
        configurations.clear()
        assert ((await http.get(f"/commitments/{id}")).status_code, configurations) == (status, organizations_asked)


async def test_configuration_is_read_once_per_request(
    http: httpx.AsyncClient, store: Store, configurations: list[str]
) -> None:
    account = await store.account()
    commitment = await store.commitment(account)
    for method, path, body in (
        ("GET", "/accounts", None),
        ("GET", "/bills", None),
        ("GET", "/clock", None),
        ("PUT", "/organizationconfig", CONFIG | {"version": 1}),
        ("POST", "/products", {"code": "p", "name": "P"}),
        ("POST", f"/commitments/{commitment}/topups", {"amount": 1, "date": "2026-02-01", "version": 1}),
        ("DELETE", f"/commitments/{commitment}", None),
        ("POST", "/billjobs", {"billDate": "2026-02-01"}),
        ("POST", "/bills/approve", {"billIds": ["0" * 36]}),
    ):
        configurations.clear()
        assert (await http.request(method, path, json=body)).status_code in (200, 404), path
        assert configurations == [store.organization], path


async def test_nothing_below_an_organization_is_reached_but_by_the_one_way_in(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def untouched(*_: Any) -> Any:
        raise AssertionError("it was reached")

    monkeypatch.setattr(Call, "reading", untouched)
    async with http_client(url) as client:
        for method, path in OPERATIONS_BELOW:
            answer = await client.request(method, placed(path, "x" * 81), content=b"{}")
            told = "orgId: must be 1 to 80 printable characters"
            assert message_of(answer, 400) == told, f"{method} {path}"
