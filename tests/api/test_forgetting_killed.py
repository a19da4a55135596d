"""The API is killed -9 at the lines around the commit by which an account is forgotten: key and fact are there, or
gone, together; and who asks again under the same Idempotency-Key has done it once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import uuid4

import pytest
import pytest_asyncio

from services.commands.bodies import parse_body
from services.commands.messages import CreateResource
from services.personal.keyring import Keyring
from services.store.execute import execute, load_locked
from tests.api.posted_once import PLACES, post_once
from tests.killing import Run, forks
from tests.store.kit import NOW, Store

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
SECRET = "the operator's key of this test, long enough"
#: One statement, so one moment of the database, even while it still commits what the killed process has sent.
_STATE = """
SELECT (SELECT count(*) FROM store.personal_keys WHERE organization = $1 AND account = $2 AND key IS NOT NULL) AS keys,
  (SELECT count(*) FROM store.events WHERE organization = $1 AND account = $2 AND type = 'AccountForgotten') AS facts
"""
#: Lines before the commit's own and behind it at which it is killed.
AROUND = 3


class State(NamedTuple):
    """Good keys of the account, and facts that say that it is forgotten."""

    keys: int
    facts: int


KEPT, FORGOTTEN = State(keys=1, facts=0), State(keys=0, facts=1)


@dataclass
class Forgetting:
    """Accounts of an organization that keeps keys, and an API that is killed."""

    store: Store
    run: Run
    #: Accounts that were being forgotten, by the moment at which that was killed.
    left: dict[int, str] = field(default_factory=dict)

    async def account(self) -> str:
        id, document = (
            str(uuid4()),
            {"code": f"a-{uuid4().hex[:8]}", "name": "Ann", "emailAddress": "ann@quiet.example"},
        )
        async with self.store.postgres.transaction() as connection:
            resources = await load_locked(connection, self.store.organization)
            command = CreateResource("account", id, parse_body("account", document), NOW)
            await execute(connection, resources, command, self.store.generations, keyring=Keyring(SECRET))
        return id

    async def forget(self, moment: int, id: str) -> int | None:
        return await self.run(moment, self.store.organization, f"/accounts/{id}/forget", "forget")

    async def state(self, id: str) -> State:
        async with self.store.postgres.connection() as connection:
            return State(*await connection.fetchrow(_STATE, self.store.organization, id))

    async def killed_at(self, moment: int) -> State | None:
        """What a request that is killed there has left; None: it was answered before that."""
        id = await self.account()
        status = await self.forget(moment, id)
        left = await self.state(id)
        assert left in (KEPT, FORGOTTEN), moment
        if status is None:
            self.left[moment] = id
            return left
        assert (status, left) == (200, FORGOTTEN)
        return None


@pytest_asyncio.fixture(loop_scope="session")
async def forgetting(opened: Store) -> AsyncIterator[Forgetting]:
    store = Store(opened.endpoints, opened.postgres, opened.generations)
    await store.configure(personalData="ERASABLE")
    arguments = (opened.endpoints.database_url, opened.endpoints.kafka.bootstrap, SECRET)
    async with forks(post_once, *arguments, places=PLACES, most_turns=1) as run:
        yield Forgetting(store, run)
    await store.drop_keys()


async def test_key_and_fact_go_together_wherever_the_api_is_killed(forgetting: Forgetting) -> None:
    """The last line at which nothing is done is looked for by halves, then all lines around it."""
    low, high, found = 0, 256, dict[int, State | None]()
    while high - low > 1:
        middle = (low + high) // 2
        found[middle] = await forgetting.killed_at(middle)
        low, high = (middle, high) if found[middle] == KEPT else (low, middle)
    assert low > 40, "it was killed on its way to the commit"
    for moment in {*range(low - AROUND, high + AROUND)} - found.keys():
        found[moment] = await forgetting.killed_at(moment)
    states = [found[moment] for moment in range(low - AROUND, high + AROUND)]
    assert states[: AROUND + 1] == [KEPT] * (AROUND + 1)
    assert states[AROUND + 1] == FORGOTTEN, "it was killed between commit and answer"
    for id in (forgetting.left[low], forgetting.left[high]):
        assert [await forgetting.forget(0, id), await forgetting.state(id)] == [200, FORGOTTEN]
