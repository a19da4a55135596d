"""Commands that come at once share a transaction, and stay what they were: in turn, and each with its own end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from services.api.grouping import MOST, Groups, Shared
from services.concurrency import NoTurnError, Turns
from services.postgres import PostgresUnreachableError
from tests.api_client import CONFIG
from tests.store.kit import Store

pytestmark = pytest.mark.stack

_TABLE = "CREATE TABLE IF NOT EXISTS public.grouped (organization text, name text, UNIQUE (organization, name))"
_INSERT = "INSERT INTO public.grouped (organization, name) VALUES ($1, $2) RETURNING pg_current_xact_id()::text"
_NAMES = "SELECT name FROM public.grouped WHERE organization = $1 ORDER BY name"
_ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE query = $1 AND wait_event = 'PgSleep'"
Work = Callable[[Shared], Awaitable[Any]]


class Desk:
    """Groups of one organization, and work that leaves a name, which nobody else may leave."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.groups = Groups(Turns("a test", most=10, share=1), "a test")

    async def do(self, *works: Work) -> list[Any]:
        """What became of each: the number of its transaction, or its error."""
        return await asyncio.gather(*map(self.ask, works), return_exceptions=True)

    async def ask(self, work: Work) -> Any:
        """What the work returned, once it is committed."""
        async with self.groups.shared(self.store.postgres, self.store.organization) as shared:
            result = await work(shared)
        return result

    def leave(self, name: str, error: type[Exception] | None = None) -> Work:
        """Leave a name, and then fail, if it is to."""

        async def work(shared: Shared) -> str:
            number = str(await shared.connection.fetchval(_INSERT, self.store.organization, name))
            if error is not None:
                raise error(name)
            return number

        return work

    async def left(self) -> str:
        async with self.store.postgres.connection() as connection:
            return "".join(row["name"] for row in await connection.fetch(_NAMES, self.store.organization))


@pytest_asyncio.fixture(loop_scope="session")
async def desk(store: Store) -> AsyncIterator[Desk]:
    async with store.postgres.connection() as connection:
        await connection.execute(_TABLE)
    yield Desk(store)
    async with store.postgres.connection() as connection:
        await connection.execute("DROP TABLE public.grouped")


async def test_who_comes_at_once_shares_a_transaction_of_bounded_size(desk: Desk) -> None:
    outcomes = await desk.do(*(desk.leave(name) for name in "abcdefghijklmnopqrst"))
    assert list(Counter(outcomes).values()) == [MOST, MOST, 4]
    assert await desk.left() == "abcdefghijklmnopqrst"
    [later] = await desk.do(desk.leave("z"))
    assert later not in outcomes


@pytest.mark.parametrize("failing", ["a", "b", "d"])
async def test_who_fails_takes_back_its_own_work_alone(desk: Desk, failing: str) -> None:
    works = [desk.leave(name, ValueError if name == failing else None) for name in "abcd"]
    outcomes = await desk.do(*works)
    assert [name for name, outcome in zip("abcd", outcomes, strict=True) if isinstance(outcome, ValueError)] == [
        failing
    ]
    assert await desk.left() == "abcd".replace(failing, "")


async def test_a_statement_that_postgres_refuses_is_its_own_end_too(desk: Desk) -> None:
    outcomes = await desk.do(*(desk.leave(name) for name in "aabbc"))
    refused = [isinstance(error, asyncpg.UniqueViolationError) for error in outcomes]
    assert refused == [False, True, False, True, False]
    assert await desk.left() == "abc"


async def test_a_lost_connection_fails_those_who_were_in_it_and_nobody_else(desk: Desk) -> None:
    async def lose(shared: Shared) -> None:
        await shared.connection.fetchval("SELECT pg_terminate_backend(pg_backend_pid())")

    *lost, after = await desk.do(desk.leave("a"), desk.leave("b"), lose, desk.leave("c"))
    assert [type(error) for error in lost] == [PostgresUnreachableError] * 3
    assert isinstance(after, str) and await desk.left() == "c"


async def test_who_has_left_is_passed_over_and_his_place_is_taken(desk: Desk) -> None:
    organization = desk.store.organization
    async with desk.groups.turns.turn(organization):
        gone, stays = (asyncio.create_task(desk.ask(desk.leave(name))) for name in "ab")
        await asyncio.sleep(0.05)
        gone.cancel()
    await stays
    assert await desk.left() == "b" and gone.cancelled()


@pytest.mark.parametrize("leaving", ["a", "b"])
async def test_who_leaves_in_the_midst_takes_back_its_own_work_alone(desk: Desk, leaving: str) -> None:
    at_work, tasks = asyncio.Event(), dict[str, asyncio.Task[Any]]()

    def slow(name: str) -> Work:
        async def work(shared: Shared) -> None:
            await desk.leave(name)(shared)
            if name == leaving:
                at_work.set()
                await shared.connection.execute(asleep)

        return work

    asleep = f"SELECT pg_sleep(60) AS {desk.store.organization.replace('-', '_')}"
    for name in "abc":
        tasks[name] = asyncio.create_task(desk.ask(slow(name)))
    await at_work.wait()
    # Postgres does not hear who cancels a statement that it has not begun.
    async with asyncio.timeout(30), desk.store.postgres.connection() as connection:
        while not await connection.fetchval(_ASLEEP, asleep):
            await asyncio.sleep(0.01)
    tasks[leaving].cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    assert [name for name, task in tasks.items() if task.cancelled()] == [leaving]
    assert await desk.left() == "abc".replace(leaving, "")


async def test_who_waits_too_long_is_told_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk.groups.turns.turn(desk.store.organization):
        with monkeypatch.context() as patch:
            patch.setattr("services.api.grouping.WAIT_SECONDS", 0.1)
            outcomes = await desk.do(desk.leave("a"), desk.leave("b"))
    assert [type(error) for error in outcomes] == [NoTurnError, NoTurnError]
    [done] = await desk.do(desk.leave("c"))
    assert isinstance(done, str) and await desk.left() == "c"


async def test_work_is_done_in_the_context_of_its_request(desk: Desk) -> None:
    named = ContextVar[str]("named")

    async def work(_: Shared) -> str:
        return named.get()

    async def ask(name: str) -> str:
        named.set(name)
        return str(await desk.ask(work))

    assert await asyncio.gather(*map(ask, "abc")) == ["a", "b", "c"]


async def test_what_one_leaves_is_the_nexts_unless_work_was_taken_back(desk: Desk) -> None:
    versions = list[Any]()

    def leaving(name: str, *, fails: bool = False) -> Work:
        async def work(shared: Shared) -> None:
            versions.append(shared.held)
            shared.leave(name)
            if fails:
                raise ValueError

        return work

    await desk.do(leaving("a"), leaving("b"), leaving("c", fails=True), leaving("d"), leaving("e"))
    assert versions == [None, "a", "b", None, "d"]


async def test_a_command_sees_the_configuration_that_the_one_before_it_left(http: httpx.AsyncClient) -> None:
    configuration = (await http.get("/organizationconfig")).json()
    sent = CONFIG | {"version": configuration["version"]}
    answers = await asyncio.gather(
        *(http.put("/organizationconfig", json=sent | {"daysBeforeBillDue": days}) for days in range(11, 17))
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 5}
    [kept] = [answer.json() for answer in answers if answer.status_code == 200]
    assert kept["version"] == configuration["version"] + 1 and (await http.get("/organizationconfig")).json() == kept


async def test_of_creates_at_once_with_one_code_one_is_made(store: Store, http: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(http.post("/products", json={"code": f"p{number % 4}", "name": "P"}) for number in range(12))
    )
    assert Counter(answer.status_code for answer in answers) == {200: 4, 409: 8}
    listed = (await http.get("/products")).json()["data"]
    assert sorted(product["code"] for product in listed) == ["p0", "p1", "p2", "p3"]


async def test_positions_follow_the_order_of_commits(store: Store, http: httpx.AsyncClient) -> None:
    """Whoever reads on from the last position seen misses nothing, while groups of two organizations append."""
    other = Store(store.endpoints, store.postgres, store.generations)
    await other.configure()
    seen = list[int]()
    done = asyncio.Event()

    async def follow() -> None:
        async with store.postgres.connection() as connection:
            finished = False
            while not finished:
                finished = done.is_set()
                last = seen[-1] if seen else 0
                rows = await connection.fetch(
                    "SELECT position FROM store.events WHERE position > $1 AND organization = ANY($2) ORDER BY 1",
                    last,
                    [store.organization, other.organization],
                )
                seen.extend(row["position"] for row in rows)
                await asyncio.sleep(0)

    following = asyncio.create_task(follow())
    paths = [f"/organizations/{of_store.organization}/products" for of_store in (store, other)]
    base = str(http.base_url).partition("/organizations/")[0]
    for burst in range(5):
        bodies = [{"code": f"q{burst}-{number}", "name": "Q"} for number in range(10)]
        made = await asyncio.gather(*(http.post(f"{base}{path}", json=body) for path in paths for body in bodies))
        assert {answer.status_code for answer in made} == {200}
    done.set()
    await following
    async with store.postgres.connection() as connection:
        every = await connection.fetch(
            "SELECT position FROM store.events WHERE organization = ANY($1) ORDER BY 1",
            [store.organization, other.organization],
        )
    assert seen == [row["position"] for row in every] and len(seen) > 100
