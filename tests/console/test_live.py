"""What streams tell, without a system: an API that answers what a test says, and read models that move when it does."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.access.scopes import ALL
from services.access.tokens import Identity
from services.console.asking import ApiRefused, Asking
from services.console.live import Reached, Streams
from services.console.looks import Inside
from services.console.sessions import Base
from services.console.visits import Console, Visit
from services.failures import ExpectedFailure
from tests.api_client import played_by

FAMILY = {"rootAccountId": "acme", "partition": 3, "mark": "m1", "waits": False}


@dataclass
class World:
    """What the API answers by path, or refuses by status; how far the read models are; and what was asked how often."""

    answers: dict[str, Any] = field(default_factory=lambda: {"moved/acme": dict(FAMILY)})
    refusals: dict[str, int] = field(default_factory=dict)
    reached: Reached | Exception = field(default_factory=lambda: {3: (10, 1), 4: (20, 1)})
    asked: "Counter[str]" = field(default_factory=Counter)
    streams: Streams = field(init=False)

    def __post_init__(self) -> None:
        self.streams = Streams(self.look, each_seconds=0.01, last_seconds=60)

    async def look(self) -> Reached:
        if isinstance(self.reached, Exception):
            raise self.reached
        return self.reached

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/organizations/o/")
        self.asked[path] += 1
        if (status := self.refusals.get(path, 200 if path in self.answers else 404)) != 200:
            return httpx.Response(status, json={"message": "no"})
        return httpx.Response(200, json=self.answers[path])

    def visit(self, query: str = "account=acme", *, last_id: str = "", key: str = "k", **path: str) -> Visit:
        headers = [(b"last-event-id", last_id.encode())] if last_id else []
        scope = {"type": "http", "query_string": query.encode(), "headers": headers, "path_params": path, "path": "/"}
        calls = played_by(self.answer)
        asking = Asking(calls, "token", "o", "")
        identity = Identity(key, "o", ALL, 0.0)
        return Visit(cast(Console, None), Request(scope), identity, asking, Inside(Base("/console"), "o", {}))

    async def events(self, visit: Visit) -> AsyncIterator[str]:
        response = await self.streams.page(visit)
        assert isinstance(response, StreamingResponse)
        return cast(AsyncIterator[str], response.body_iterator)


async def some(events: AsyncIterator[str], count: int) -> list[str]:
    async with asyncio.timeout(30):
        return [await anext(events) for _ in range(count)]


@pytest.mark.parametrize(
    ("query", "last_id", "told"),
    [
        ("account=acme&at=m1", "", ":\n\n"),
        ("account=acme&at=m0", "", "id: m1\nevent: changed\ndata: \n\n"),
        ("account=acme&at=m0", "m1", ":\n\n"),
        ("account=acme&at=m1", "m0", "id: m1\nevent: changed\ndata: \n\n"),
        ("account=acme", "", "id: m1\n\n"),
    ],
)
async def test_a_stream_begins_at_what_the_page_was_rendered_at(query: str, last_id: str, told: str) -> None:
    """Else at what it told last: a browser that opens it again says so."""
    events = await World().events(World().visit(query, last_id=last_id))
    assert await some(events, 2) == ["retry: 5000\n\n", told]


async def test_of_a_family_nothing_is_asked_while_its_partition_stands_still() -> None:
    world = World()
    events = await world.events(world.visit("account=acme&at=m1"))
    await some(events, 5)
    world.reached = {3: (10, 1), 4: (99, 1)}
    assert set(await some(events, 3)) == {":\n\n"} and world.asked == {"moved/acme": 1}
    world.answers["moved/acme"]["mark"] = "m2"
    assert set(await some(events, 3)) == {":\n\n"}, "it is the read models that tell"
    world.reached = {3: (11, 1), 4: (99, 1)}
    assert "id: m2\nevent: changed\ndata: \n\n" in await some(events, 2)
    assert set(await some(events, 3)) == {":\n\n"} and world.asked == {"moved/acme": 2}


async def test_what_waits_for_settlement_is_asked_about_until_it_is_settled() -> None:
    world = World()
    world.answers["moved/acme"]["waits"] = True
    events = await world.events(world.visit("account=acme&at=m1"))
    await some(events, 4)
    assert world.asked["moved/acme"] == 4
    world.answers["moved/acme"] |= {"waits": False, "mark": "m2"}
    assert "id: m2\nevent: changed\ndata: \n\n" in await some(events, 2)


async def test_a_stream_outlives_what_passes_and_ends_with_what_it_is_about() -> None:
    world = World()
    events = await world.events(world.visit("account=acme&at=m1"))
    await some(events, 2)
    world.refusals["moved/acme"], world.reached = 503, ExpectedFailure("Postgres is away")
    assert set(await some(events, 3)) == {":\n\n"}
    world.answers["moved/acme"]["mark"], world.reached = "m2", {3: (11, 1)}
    del world.refusals["moved/acme"]
    assert "id: m2\nevent: changed\ndata: \n\n" in await some(events, 2)
    world.refusals["moved/acme"], world.reached = 401, {3: (12, 1)}
    with pytest.raises(StopAsyncIteration):
        await some(events, 3)


async def test_the_organizations_jobs_are_asked_about_though_no_partition_moves() -> None:
    world = World()
    world.answers = {"billjobs": {"data": []}, "bills": {"data": [{"id": "b", "lastCalculatedDate": "1"}]}}
    events = await world.events(world.visit(""))
    [_, first, still] = await some(events, 3)
    assert first.startswith("id: ") and "changed" not in first and still == ":\n\n"
    assert world.asked["bills"] == 1, "while no partition moves"
    world.answers["bills"]["data"][0]["lastCalculatedDate"], world.reached = "2", {3: (11, 1)}
    assert set(await some(events, 2)) == {":\n\n"} and world.asked["bills"] == 2
    world.answers["billjobs"]["data"].append({"status": "RUNNING"})
    assert any("event: changed" in event for event in await some(events, 2))
    world.answers["bills"]["data"][0]["status"], world.reached = "APPROVED", {3: (12, 1)}
    assert any("event: changed" in event for event in await some(events, 2))


async def test_what_is_new_may_be_followed_and_what_is_not_there_may_not() -> None:
    world = World(answers={"accounts/acme": {"id": "acme"}})
    events = await world.events(world.visit("account=acme&at=new"))
    await some(events, 2)
    world.answers["moved/acme"] = dict(FAMILY)
    assert "id: m1\nevent: changed\ndata: \n\n" in await some(events, 2)
    with pytest.raises(ApiRefused):
        await world.events(World(answers={}).visit("bill=nothing"))


async def test_a_process_that_ends_ends_all_streams_and_begins_none() -> None:
    world = World()
    world.streams.each_seconds = 600
    events = await world.events(world.visit("account=acme&at=m1"))
    await some(events, 1)
    waiting = asyncio.create_task(some(events, 1))
    await asyncio.sleep(0)
    world.streams.end()
    with pytest.raises(StopAsyncIteration):
        await waiting
    with pytest.raises(ApiRefused):
        await world.events(world.visit())


async def test_streams_are_bounded_for_each_visitor_and_for_all() -> None:
    world = World()
    world.streams.most, world.streams.most_each = 3, 2
    streams = [await world.events(world.visit()) for _ in range(2)]
    for stream in streams:
        await some(stream, 1)
    with pytest.raises(ApiRefused, match="too many"):
        await world.events(world.visit())
    other = await world.events(world.visit(key="other"))
    await some(other, 1)
    with pytest.raises(ApiRefused, match="too many"):
        await world.events(world.visit(key="third"))
    await cast(Any, streams[0]).aclose()
    await world.events(world.visit())


async def test_streams_that_are_asked_for_at_once_are_bounded_too() -> None:
    world = World()
    world.streams.most_each = 2
    streams = [await world.events(world.visit()) for _ in range(5)]
    begun = [[event async for event in _first(stream)] for stream in streams]
    assert begun == [["retry: 5000\n\n"]] * 2 + [[]] * 3


async def _first(stream: AsyncIterator[str]) -> AsyncIterator[str]:
    async for event in stream:
        yield event
        return


async def test_a_page_bears_the_mark_from_before_it_asked_anything() -> None:
    world = World()

    async def page(visit: Visit) -> Response:
        world.answers["moved/acme"]["mark"] = "m2"
        return Response(visit.request.state.mark)

    followed = world.streams.followed(page)
    assert (await followed(world.visit("", account="acme"))).body == b"m1"
    assert (await followed(world.visit("", commitment="unknown"))).body == b""
