"""Who asks at the same moment shares one answer, which is never older than the question."""

import asyncio
from collections.abc import Collection

import pytest

from services.shared_answers import AskedTogether, SharedAnswer


class Oracle:
    """Counts what it is asked; each answer takes until it is let out."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def ask(self) -> int:
        self.asked += 1
        answer = self.asked
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return answer


async def test_many_ask_once_and_who_comes_meanwhile_gets_the_next_answer() -> None:
    oracle = Oracle()
    shared = SharedAnswer(oracle.ask)
    first = [asyncio.create_task(shared.get()) for _ in range(2_000)]
    await asyncio.sleep(0.01)
    later = [asyncio.create_task(shared.get()) for _ in range(2_000)]
    await asyncio.sleep(0.01)
    oracle.gate.set()
    assert set(await asyncio.gather(*first)) == {1} and set(await asyncio.gather(*later)) == {2}
    await asyncio.sleep(0.01)
    assert oracle.asked == 2


async def test_an_error_is_everybodys_and_the_next_question_is_asked_anew() -> None:
    oracle = Oracle()
    oracle.gate.set()
    oracle.error = ValueError("no answer")
    shared = SharedAnswer(oracle.ask)
    for error in await asyncio.gather(*(shared.get() for _ in range(3)), return_exceptions=True):
        assert error is oracle.error
    oracle.error = None
    assert await shared.get() == 2


async def test_who_stops_waiting_stops_nobody_else() -> None:
    oracle = Oracle()
    shared = SharedAnswer(oracle.ask)
    waiting = [asyncio.create_task(shared.get()) for _ in range(3)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    oracle.gate.set()
    assert await asyncio.gather(*waiting[1:]) == [1, 1]


async def test_closing_ends_every_wait() -> None:
    oracle = Oracle()
    shared = SharedAnswer(oracle.ask)
    waiting = [asyncio.create_task(shared.get()) for _ in range(2)]
    await asyncio.sleep(0.01)
    waiting.append(asyncio.create_task(shared.get()))
    await asyncio.sleep(0.01)
    await shared.close()
    for task in waiting:
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_what_is_asked_for_by_name_is_asked_for_together() -> None:
    asked, gate = list[set[str]](), asyncio.Event()

    async def ask(names: Collection[str]) -> dict[str, str]:
        asked.append(set(names))
        await gate.wait()
        return {name: f"what has the name {name}" for name in names if name != "nothing"}

    together = AskedTogether(ask)
    first = asyncio.create_task(together.get("a"))
    await asyncio.sleep(0.01)
    later = [asyncio.create_task(together.get(name)) for name in ("a", "b", "nothing", "b")]
    await asyncio.sleep(0.01)
    gate.set()
    a, b = (f"what has the name {name}" for name in "ab")
    assert (await first, await asyncio.gather(*later)) == (a, [a, b, None, b])
    assert asked == [{"a"}, {"a", "b", "nothing"}]
