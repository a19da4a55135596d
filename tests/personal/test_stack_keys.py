"""On the real store: `trueup forget`, `trueup personal-keys`, and processes that lack the operator's key."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import click
import pytest
import pytest_asyncio
from click.testing import CliRunner, Result

from projections.entities import AccountEntity
from services.api.cli import _serve
from services.commands.bodies import parse_body
from services.commands.messages import CreateResource, UpdateResource
from services.commands.refused import InvalidField
from services.erasure.cli import forget, personal_keys
from services.failures import ExpectedFailure
from services.ingest.cli import run_ingest
from services.personal.keyring import Keyring, NoPersonalKeyError, WrongPersonalKeyError
from services.personal.keys import sealers_of
from services.personal.sealed import is_sealed
from services.run.process import Process
from services.run.settings import load_settings
from services.store.execute import execute, load_locked
from services.store.view import get
from tests.store.kit import NOW, Store

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]
FIRST, SECOND = "the first key of an operator, long enough", "the second key of an operator, long enough"
ACCOUNT = {"code": "acme", "name": "Ann Acmeson", "emailAddress": "ann@quiet.example"}
_STATE = """
SELECT (SELECT count(*) FROM store.personal_keys WHERE organization = $1 AND account = $2 AND key IS NOT NULL) AS keys,
  (SELECT array_agg(data->>'reason' ORDER BY position) FROM store.events
   WHERE organization = $1 AND account = $2 AND type = 'AccountForgotten') AS reasons
"""


@dataclass
class Keeping:
    """An organization that keeps keys, and what its operator types."""

    store: Store

    async def account(self, **more: Any) -> str:
        id = str(uuid4())
        async with self.store.postgres.transaction() as connection:
            resources = await load_locked(connection, self.store.organization)
            command = CreateResource("account", id, parse_body("account", ACCOUNT | more), NOW)
            await execute(connection, resources, command, self.store.generations, keyring=Keyring(FIRST))
        return id

    async def types(
        self, command: click.Command, *arguments: str, key: str = FIRST, answers: str | None = None
    ) -> Result:
        endpoints = self.store.endpoints
        environment = {
            "TRUEUP_DATABASE_URL": endpoints.database_url,
            "TRUEUP_KAFKA_BOOTSTRAP": endpoints.kafka.bootstrap,
            "TRUEUP_PERSONAL_KEY": key,
        }
        return await asyncio.to_thread(CliRunner().invoke, command, arguments, input=answers, env=environment)

    async def forgets(self, account: str, *more: str, answers: str | None = None) -> Result:
        return await self.types(forget, account, "--organization", self.store.organization, *more, answers=answers)

    async def state(self, id: str) -> tuple[int, list[str | None] | None]:
        """How many good keys the account has, and the reasons of all its forgettings."""
        async with self.store.postgres.connection() as connection:
            row = await connection.fetchrow(_STATE, self.store.organization, id)
        return row["keys"], row["reasons"]


@pytest_asyncio.fixture(loop_scope="session")
async def keeping(opened: Store) -> AsyncIterator[Keeping]:
    store = Store(opened.endpoints, opened.postgres, opened.generations)
    await store.configure(personalData="ERASABLE")
    yield Keeping(store)
    await store.drop_keys()


async def test_an_account_is_forgotten_by_its_code_or_its_id_and_again(keeping: Keeping) -> None:
    first, second = await keeping.account(), await keeping.account(code="second")
    assert [await keeping.state(id) for id in (first, second)] == [(1, None)] * 2
    done = await keeping.forgets("acme", "--yes", "--reason", "asked for")
    assert (done.exit_code, done.output) == (0, f"account acme ({first}) is forgotten: its key is destroyed\n")
    done = await keeping.forgets(second, "--yes")
    assert done.output == f"account second ({second}) is forgotten: its key is destroyed\n"
    assert [await keeping.state(id) for id in (first, second)] == [(0, ["asked for"]), (0, [None])]
    again = await keeping.forgets("acme", "--yes")
    assert again.exit_code == 0
    assert await keeping.state(first) == (0, ["asked for", None])
    async with keeping.store.postgres.connection() as connection:
        account = await get(connection, keeping.store.organization, "account", first)
    assert isinstance(account, AccountEntity) and account.forgotten and is_sealed(account.body.name)


async def test_a_key_of_an_account_that_is_gone_is_destroyed_by_its_id(keeping: Keeping) -> None:
    """Ingest may make one for usage that it took just before the account was deleted."""
    gone = str(uuid4())
    async with keeping.store.postgres.connection() as connection:
        await sealers_of(connection, keeping.store.organization, [gone], Keyring(FIRST))
    assert (await keeping.forgets(gone, "--yes")).exit_code == 0
    assert await keeping.state(gone) == (0, None)
    again = await keeping.forgets(gone, "--yes")
    assert isinstance(again.exception, ExpectedFailure) and "there is no account with id" in str(again.exception)


async def test_who_is_not_sure_destroys_nothing(keeping: Keeping) -> None:
    id = await keeping.account()
    asked = await keeping.forgets("acme", answers="n\n")
    assert asked.exit_code == 1 and f"Destroy the key of account acme ({id}) of organization" in asked.output
    assert await keeping.state(id) == (1, None)
    assert (await keeping.forgets("acme", answers="y\n")).exit_code == 0
    assert await keeping.state(id) == (0, [None])


async def test_what_is_not_there_or_kept_as_all_else_cannot_be_forgotten(keeping: Keeping, store: Store) -> None:
    for organization, account, says in (
        (keeping.store.organization, "nobody", "there is no account with id nobody"),
        ("no-such-organization", "acme", "no-such-organization"),
        (store.organization, await store.account(), "keeps personal data as all else"),
    ):
        done = await keeping.types(forget, account, "--organization", organization, "--yes")
        assert isinstance(done.exception, ExpectedFailure) and says in str(done.exception), done.exception


async def test_keys_are_encrypted_with_a_new_operators_key(keeping: Keeping) -> None:
    id = await keeping.account()
    made = (await keeping.types(personal_keys, "new")).output
    assert len(made.strip()) >= 32 and made != (await keeping.types(personal_keys, "new")).output
    refused = await keeping.types(personal_keys, "rewrap", key=SECOND)
    assert isinstance(refused.exception, WrongPersonalKeyError)
    done = await keeping.types(personal_keys, "rewrap", key=f"{SECOND}\n{FIRST}")
    assert (done.exit_code, done.output) == (0, "1 keys are encrypted with the first line\n")
    async with keeping.store.postgres.connection() as connection:
        of = connection, keeping.store.organization, [id]
        assert (await sealers_of(*of, Keyring(SECOND)))[id].seal("Ann") == (
            (await sealers_of(*of, Keyring(f"{FIRST}\n{SECOND}")))[id].seal("Ann")
        )
        with pytest.raises(WrongPersonalKeyError):
            await sealers_of(*of, Keyring(FIRST))


@pytest.mark.parametrize(("key", "error"), [(None, NoPersonalKeyError), (SECOND, WrongPersonalKeyError)])
async def test_processes_without_the_key_say_so_when_they_start(
    keeping: Keeping, key: str | None, error: type[Exception], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`trueup webhooks` does so in tests/webhooks."""
    await keeping.account()
    settings = load_settings(home=tmp_path_factory.mktemp("nowhere"), personal_key=key)
    process = Process(settings, keeping.store.endpoints, asyncio.Event())
    async with asyncio.timeout(30):
        with pytest.raises(error, match=f"organization {keeping.store.organization} .*TRUEUP_PERSONAL_KEY_FILE"):
            await _serve(process, "127.0.0.1", 0)
        with pytest.raises(error, match="TRUEUP_PERSONAL_KEY_FILE"):
            await run_ingest(keeping.store.endpoints, asyncio.Event(), keyring=Keyring(key))


async def test_a_meter_is_changed_over_all_that_segments_by_it(keeping: Keeping) -> None:
    def meter(*more: dict[str, str]) -> dict[str, Any]:
        return {"code": "m", "name": "M", "dataFields": [{"code": "n", "category": "MEASURE"}, *more]}

    async def change(version: int, *more: dict[str, str]) -> None:
        await keeping.store.run(UpdateResource("meter", meter_id, parse_body("meter", meter(*more)), version, NOW))

    meter_id = await keeping.store.create("meter", **meter({"code": "user", "category": "WHAT"}))
    sums = {"targetField": "n", "aggregation": "SUM", "rounding": "NONE", "quantityPerUnit": 1, "unit": "1"}
    of_users = {"segmentedFields": ["user"], "segments": []}
    await keeping.store.create("aggregation", name="A", code="a", meterId=meter_id, **sums, **of_users)
    await change(1)
    with pytest.raises(InvalidField, match="category: must not be WHO"):
        await change(2, {"code": "user", "category": "WHO"})
    await change(2, {"code": "user", "category": "WHAT"})
