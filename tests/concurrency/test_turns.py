"""Turns are fair by organization: a queue of one never stands in another's way."""

import asyncio
import random

import pytest

from services.concurrency import NoTurnError, Turns


class Desk:
    """Who has had a turn, in order; each holds it until let go."""

    def __init__(self, most: int, share: int, within: float | None = 5.0) -> None:
        self.turns = Turns("the desk", most, share, within)
        self.served: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.doors: list[asyncio.Event] = []

    async def come(self, *names: str) -> None:
        for name in names:
            door = asyncio.Event()
            self.doors.append(door)
            self.tasks.append(asyncio.create_task(self._visit(name, door)))
        await asyncio.sleep(0.01)

    async def _visit(self, name: str, door: asyncio.Event) -> None:
        async with self.turns.turn(name[0]):
            self.served.append(name)
            await door.wait()

    async def leave(self, *numbers: int) -> None:
        for number in numbers:
            self.doors[number].set()
        await asyncio.sleep(0.01)

    async def close(self) -> None:
        for door in self.doors:
            door.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_one_organization_has_its_share_and_leaves_the_rest_to_others() -> None:
    desk = Desk(most=3, share=2)
    await desk.come("a1", "a2", "a3", "a4", "b1")
    assert desk.served == ["a1", "a2", "b1"]
    await desk.leave(0)
    assert desk.served == ["a1", "a2", "b1", "a3"]
    await desk.close()


async def test_those_who_wait_take_turns_by_organization() -> None:
    desk = Desk(most=1, share=1)
    await desk.come("a1", "a2", "a3", "a4", "b1", "b2", "c1")
    await desk.leave(*range(7))
    await asyncio.gather(*desk.tasks)
    assert desk.served == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


async def test_who_stops_waiting_is_passed_over() -> None:
    desk = Desk(most=1, share=1)
    await desk.come("a1", "a2", "b1", "a3")
    desk.tasks[1].cancel()
    desk.tasks[2].cancel()
    await desk.leave(0)
    assert desk.served == ["a1", "a3"]
    await desk.leave(3)
    await desk.come("b2")
    assert desk.served == ["a1", "a3", "b2"]
    await desk.close()


async def test_a_turn_given_to_somebody_who_is_just_leaving_goes_on() -> None:
    desk = Desk(most=1, share=1)
    await desk.come("a1", "a2", "a3")
    desk.doors[0].set()
    await asyncio.sleep(0)  # a1 gives its turn to a2, which has not run since
    desk.tasks[1].cancel()
    await asyncio.sleep(0.01)
    assert desk.served == ["a1", "a3"]
    await desk.close()


async def test_nobody_waits_for_ever() -> None:
    desk = Desk(most=1, share=1, within=0.05)
    await desk.come("a1", "b1")
    with pytest.raises(NoTurnError, match=r"organization b has waited 0 s for its turn at the desk: too much is asked"):
        await desk.tasks[1]
    await desk.leave(0)
    await desk.come("b2")
    assert desk.served == ["a1", "b2"]
    await desk.close()


async def test_turns_are_never_lost_nor_doubled() -> None:
    choose, turns, held = random.Random(7), Turns("the desk", 4, 2, 5.0), list[str]()

    async def visit(whose: str) -> None:
        async with turns.turn(whose):
            held.append(whose)
            assert len(held) <= 4 and held.count(whose) <= 2
            try:
                await asyncio.sleep(choose.random() / 1000)
            finally:
                held.remove(whose)

    visits = [asyncio.create_task(visit(choose.choice("abcdef"))) for _ in range(500)]
    for task in choose.sample(visits, 200):
        await asyncio.sleep(0)
        task.cancel()
    ended = await asyncio.gather(*visits, return_exceptions=True)
    assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ended)
    assert not held and not turns._waiting and not turns._taken.total()
