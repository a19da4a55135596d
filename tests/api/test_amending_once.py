"""An amendment is made once under its key, whoever is killed and whatever others have amended since."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest

from events.facts.usage import UsageRated
from services.api.calls import Call
from services.api.commanding import Turn, in_turn
from services.commands.correction_rules import LoggedUsage
from tests.api.answers import message_of
from tests.store.kit import Store

pytestmark = pytest.mark.stack
KEY = {"Idempotency-Key": "once"}


@pytest.fixture
def logged(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """An event of the account stands in the log, of which there is none here."""

    def put(account: str, meter: str) -> None:
        moment = datetime(2026, 1, 10, tzinfo=UTC)
        said: dict[str, Any] = {"usage_id": "u", "usage_source": "/measurements", "meter_id": meter, "ts": moment}
        rated = UsageRated(**said, measure={"calls": Decimal(1)}, catalog_offset=0, digest="0" * 32)
        usage = LoggedUsage(store.organization, account, 0, 7, uuid4(), rated)

        async def found(*_: Any) -> LoggedUsage:
            return usage

        monkeypatch.setattr("services.api.corrections._found", found)

    return put


async def test_who_asks_again_after_a_kill_gets_what_was_done_and_undoes_nothing(
    metered: httpx.AsyncClient, store: Store, logged: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    [meter] = (await metered.get("/meters")).json()["data"]
    logged(await store.account("acme"), meter["id"])
    four, five = ({"account": "acme", "id": "u", "measure": {"calls": calls}} for calls in (4, 5))

    @asynccontextmanager
    async def killed(call: Call) -> AsyncIterator[Turn]:
        async with in_turn(call) as turn:
            yield turn
        raise AssertionError("the process is gone")

    with monkeypatch.context() as patched:
        patched.setattr("services.api.corrections.in_turn", killed)
        assert (await metered.post("/usage/amend", json=four, headers=KEY)).status_code == 500
    other = (await metered.post("/usage/amend", json=five)).json()
    assert (other["was"], other["now"]) == ({"measure": {"calls": 4}}, {"measure": {"calls": 5}})

    again = [await metered.post("/usage/amend", json=four, headers=KEY) for _ in range(2)]
    assert {one.status_code for one in again} == {200} and again[0].content == again[1].content
    assert (again[0].json()["was"], again[0].json()["now"]) == ({"measure": {"calls": 1}}, {"measure": {"calls": 4}})
    done = (await metered.get("/usage/corrections")).json()["data"]
    assert [one["now"]["measure"]["calls"] for one in done] == [5, 4], "what stands is what was amended last"
    assert "another body" in message_of(await metered.post("/usage/amend", json=five, headers=KEY), 409)
