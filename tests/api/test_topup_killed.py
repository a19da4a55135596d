"""The API is killed -9 at every line behind the commit of a top-up: it is made once, and all who ask again under its
key are told the same, by whichever of them the answer is made."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

import httpx
import pytest
import pytest_asyncio

from tests.api.posted_once import PLACES, post_once
from tests.killing import Run, forks
from tests.store.kit import Store

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
KEY = "topup"
BODY = json.dumps({"amount": 5, "date": "2026-02-01", "version": 1})
#: One statement, so one moment of the database, even while it still commits what the killed process has sent.
_STATE = """
SELECT (SELECT count(*) FROM store.events WHERE organization = $1 AND stream = 'commitment-' || $2 AND version = 2),
  (SELECT answer FROM store.idempotency WHERE organization = $1 AND path LIKE '%' || $2 || '%' AND whole)
"""


class State(NamedTuple):
    """How often the commitment was topped up, and the answer that is kept; None: there is none yet."""

    made: int
    answer: bytes | None


@dataclass
class ToppingUp:
    """Commitments of an account, and an API that is killed while it tops up one of them."""

    store: Store
    account: str
    http: httpx.AsyncClient
    run: Run

    async def killed_at(self, moment: int) -> State | None:
        """What the kill has left, and what was told then is one answer; None: it was answered before that."""
        id = await self.store.commitment(self.account)
        path = f"/commitments/{id}/topups"
        status = await self.run(moment, self.store.organization, path, KEY, BODY)
        left = await self.state(id)
        headers = {"Idempotency-Key": KEY, "content-type": "application/json"}
        told = [await self.http.post(path, content=BODY, headers=headers) for _ in range(2)]
        assert {answer.status_code for answer in told} == {200}, moment
        assert told[0].content == told[1].content and left.answer in (None, told[0].content), moment
        assert (told[0].json()["version"], told[0].json()["amountRemaining"]) == (2, 105), moment
        assert (await self.state(id)) == State(1, told[0].content), moment
        assert status in (None, 200)
        return left if status is None else None

    async def state(self, id: str) -> State:
        async with self.store.postgres.connection() as connection:
            return State(*await connection.fetchrow(_STATE, self.store.organization, id))


@pytest_asyncio.fixture(loop_scope="session")
async def topping_up(opened: Store, store: Store, http: httpx.AsyncClient) -> AsyncIterator[ToppingUp]:
    servers = opened.endpoints.database_url, opened.endpoints.kafka.bootstrap
    async with forks(post_once, *servers, "", places=PLACES, most_turns=1) as run:
        yield ToppingUp(store, await store.account(), http, run)


async def test_a_topup_is_made_and_answered_once_wherever_the_api_is_killed(topping_up: ToppingUp) -> None:
    """The last line at which nothing is done is looked for by halves, then every line behind it."""
    low, high = 0, 256
    while high - low > 1:
        middle = (low + high) // 2
        left = await topping_up.killed_at(middle)
        low, high = (middle, high) if left is not None and not left.made else (low, middle)
    assert low > 40, "it was killed on its way to the commit"
    states, moment = list[State](), high
    while (left := await topping_up.killed_at(moment)) is not None:
        states.append(left)
        moment += 1
    assert [state.made for state in states] == [1] * len(states)
    kept = [state.answer is not None for state in states]
    assert kept == sorted(kept) and not kept[0] and kept[-1], "killed before its answer was kept, and behind that"
