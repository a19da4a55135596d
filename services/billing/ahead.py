"""Work on the next item while the last one's result is being used."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def one_ahead(
    items: AsyncGenerator[T, None], work: Callable[[T], Awaitable[R]]
) -> AsyncGenerator[tuple[T, Awaitable[R]], None]:
    """Each item with its work, which has begun; that of the next item goes on meanwhile.

    Work that nobody came to await is cancelled, so it must be such that nothing is lost by that.
    """

    async def begun(item: T) -> R:
        return await work(item)

    ahead: deque[tuple[T, asyncio.Task[R]]] = deque()
    try:
        async with aclosing(items):
            async for item in items:
                ahead.append((item, asyncio.create_task(begun(item))))
                if len(ahead) > 1:
                    yield ahead.popleft()
        while ahead:
            yield ahead.popleft()
    finally:
        for _, task in ahead:
            task.cancel()
        await asyncio.gather(*(task for _, task in ahead), return_exceptions=True)
