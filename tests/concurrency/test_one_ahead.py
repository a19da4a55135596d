"""The next piece of work goes on while the last one is used, and none goes on behind who has stopped."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from services.concurrency import one_ahead


async def test_who_stops_at_an_item_before_its_work_is_awaited_leaves_none_going_on() -> None:
    begun, cancelled = list[int](), list[int]()

    async def items() -> AsyncGenerator[int, None]:
        for item in range(4):
            yield item

    async def work(item: int) -> None:
        begun.append(item)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    async with aclosing(one_ahead(items(), work)) as ahead:
        async for item, _ in ahead:
            await asyncio.sleep(0)
            assert (item, begun) == (0, [0, 1])
            break
    assert cancelled == [0, 1]
