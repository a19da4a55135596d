"""One watcher for all who wait: what it costs, and what it tells whoever waits too long."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.errors import RequestTimedOutError

from events.sources import Origins, read_source
from events.topics import CATALOG, EVENTS, MIB, USAGE
from services.concurrency import Turns
from services.kafka import Cluster, KafkaUnreachableError
from services.readside import watching
from services.readside.looking import FoldProgress, Looker, Seen, TopicEnds
from services.readside.waiter import Waiter
from services.readside.watching import ProjectionStalledError, Watcher, open_watcher
from services.store.generations import Generations
from tests.store.kit import Store

PARTITIONS = 2
WAITERS = 2_000
GENERATIONS = Generations("c", "g", PARTITIONS, Origins(frozenset("cg")), MIB)


class World:
    """Event store, relay, log and read models as numbers; counts who looks at them."""

    def __init__(self) -> None:
        self.head = self.relayed = 5
        self.usage = self.read = 7
        self.log = self.folded = 11
        self.looks = 0
        self.asked = dict.fromkeys((USAGE, EVENTS, CATALOG), 0)
        self.error: Exception | None = None
        self.watcher = Watcher(Looker("postgresql://u@127.0.0.1:9/db"), {})
        self.watcher.looker.look = self.look  # type: ignore[method-assign]
        self.watcher._look._ask = self.look
        self.watcher._ends = {topic: self.ends_of(topic) for topic in self.asked}

    async def look(self) -> Seen:
        self.looks += 1
        await asyncio.sleep(0.001)
        if self.error is not None:
            raise self.error
        offsets = dict.fromkeys(range(PARTITIONS), self.folded)
        read = {partition: {read_source("g", partition): self.read} for partition in range(PARTITIONS)}
        return Seen(self.head, self.relayed, FoldProgress(offsets, offsets, read), GENERATIONS)

    def ends_of(self, topic: str) -> TopicEnds:
        ends = TopicEnds(Cluster("nowhere:1"), topic)

        async def ask() -> dict[int, int]:
            self.asked[topic] += 1
            await asyncio.sleep(0.001)
            return dict.fromkeys(
                range(1 if topic == CATALOG else PARTITIONS), self.usage if topic == USAGE else self.log
            )

        ends._shared._ask = ask
        return ends

    def waiting(self, wait: Callable[[Waiter], Awaitable[None]], within: float | None = 20.0) -> list[Any]:
        return [asyncio.ensure_future(wait(Waiter(self.watcher, within))) for _ in range(WAITERS)]


async def test_thousands_of_waiters_are_one_look_and_one_question() -> None:
    world = World()
    world.relayed, world.read, world.folded = 4, 6, 10
    waits = world.waiting(Waiter.until_projected)
    await asyncio.sleep(0.5)
    world.read = 7
    await asyncio.sleep(0.3)
    world.relayed = 5
    await asyncio.sleep(0.3)
    assert not any(task.done() for task in waits)
    world.folded = 11
    await asyncio.gather(*waits)
    assert world.asked == {USAGE: 2, EVENTS: 1, CATALOG: 1}
    assert world.looks < 100 and not world.watcher._waits
    looks = world.looks
    await asyncio.sleep(0.3)
    assert world.looks == looks, "looks while nobody waits"


async def test_what_is_there_is_not_waited_for() -> None:
    world = World()
    await asyncio.gather(*world.waiting(Waiter.until_commands_projected))
    assert world.looks <= 5


async def test_while_nothing_moves_it_looks_less_often() -> None:
    world = World()
    world.relayed = 4
    waits = world.waiting(Waiter.until_commands_projected)
    await asyncio.sleep(2)
    assert world.looks < 25
    world.relayed = 5
    await asyncio.gather(*waits)


@pytest.mark.parametrize(
    ("behind", "message"),
    [
        ("relayed", "waited for the relay to publish every command for 0 s without progress: is the relay running?"),
        ("read", "waited for usage to be rated and projected for 0 s without progress: is the ingest worker or the"),
        ("folded", "waited for the log to be projected for 0 s without progress: is the projector running?"),
    ],
)
async def test_whoever_waits_too_long_is_told_what_for(behind: str, message: str) -> None:
    world = World()
    setattr(world, behind, 0)
    with pytest.raises(ProjectionStalledError) as told:
        await Waiter(world.watcher, 0.3).until_projected()
    assert str(told.value).startswith(message)
    assert not world.watcher._waits


async def test_progress_that_does_not_suffice_is_told_as_such() -> None:
    world = World()
    world.head = 1_000_000

    async def relay() -> None:
        while True:
            world.relayed += 1
            await asyncio.sleep(0.01)

    relaying = asyncio.create_task(relay())
    with pytest.raises(ProjectionStalledError, match="the relay has not caught up yet, try again"):
        await Waiter(world.watcher, 0.4).until_commands_projected()
    relaying.cancel()


async def test_without_a_deadline_a_wait_ends_when_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PROGRESS_SECONDS", 0.4)
    world = World()
    world.head = 20

    async def relay() -> None:
        for _ in range(10):  # for longer than PROGRESS_SECONDS, but it moves
            world.relayed += 1
            await asyncio.sleep(0.1)

    relaying, began = asyncio.create_task(relay()), asyncio.get_running_loop().time()
    with pytest.raises(ProjectionStalledError, match="is the relay running"):
        await Waiter(world.watcher).until_commands_projected()
    assert asyncio.get_running_loop().time() - began > 1.2
    await relaying


async def test_an_outage_is_told_to_everybody_and_the_next_wait_begins_anew() -> None:
    world = World()
    world.relayed = 4
    waits = world.waiting(Waiter.until_commands_projected)
    await asyncio.sleep(0.2)
    world.error = KafkaUnreachableError(Cluster("anything"), "away")
    for error in await asyncio.gather(*waits, return_exceptions=True):
        assert error is world.error
    world.error, world.relayed = None, 5
    await Waiter(world.watcher).until_commands_projected()


@pytest.mark.stack
async def test_ends_are_asked_by_a_reader_that_is_made_anew_after_an_error(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = TopicEnds(store.endpoints.kafka, EVENTS)
    first = await ends.get()
    assert len(first) == store.generations.partitions
    clients = ends._open
    assert await ends.get() == first and ends._open is clients
    assert clients is not None

    async def fail(*_: Any) -> dict[int, int]:
        raise RequestTimedOutError("the broker went away")

    monkeypatch.setattr(clients[1]._open, "end_offsets", fail)
    with pytest.raises(KafkaUnreachableError, match="the broker went away"):
        await ends.get()
    assert await ends.get() == first and ends._open is not clients
    await ends.close()


@pytest.mark.stack
async def test_waiters_hold_no_connection(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does the look wait for one: the pool may be taken whole."""
    await store.account()  # no relay runs, so this is never published
    monkeypatch.setattr(store.postgres, "_turns", Turns("nothing", most=1, share=0, within=0.1))
    async with open_watcher(store.endpoints.database_url, store.endpoints.kafka) as watcher:
        waits = [asyncio.create_task(Waiter(watcher, 1.0).until_commands_projected()) for _ in range(WAITERS)]
        ended = await asyncio.gather(*waits, return_exceptions=True)
    assert {type(error) for error in ended} == {ProjectionStalledError}
