"""Waiting for the first of several things to happen, without looking again and again."""

import asyncio
from collections.abc import Sequence
from typing import Any


async def first_of(seconds: float, *events: asyncio.Event, futures: "Sequence[asyncio.Future[Any]]" = ()) -> None:
    """Until one of the events is set, one of the futures is done, or the time is over. Futures are left as they are."""
    if any(event.is_set() for event in events):
        return
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait((*futures, *waits), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
