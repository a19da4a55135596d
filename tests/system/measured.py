"""A load of usage over HTTP, whose clients send again what was not confirmed, while something is killed."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from tests.system.story import START, Left, Wire, set_up

CLIENTS, REQUESTS, ITEMS = 4, 10, 200
#: Of accounts that the story has, and of ones that the usage brings into being.
CODES = ("account-0", "account-1", "account-2", "new-0", "new-1")


def items_of(client: int, request: int) -> list[dict[str, Any]]:
    """What one request of one client says."""
    serials = range((client * REQUESTS + request) * ITEMS, (client * REQUESTS + request + 1) * ITEMS)
    return [
        {
            "account": CODES[serial % len(CODES)], "meter": "api", "ts": START.isoformat(), "uid": f"m-{serial}",
            "measure": {"calls": 1 + serial % 5},
        }
        for serial in serials
    ]  # fmt: skip


async def submit_all(wire: Wire, between: Callable[[int], Awaitable[None]]) -> None:
    """Every client sends its requests one after the other, meanwhile `between` is called again and again."""
    await set_up(wire)
    running = [asyncio.create_task(_client(wire, client)) for client in range(CLIENTS)]
    for part in range(4):
        await between(part)
        await asyncio.sleep(0.2)
    await asyncio.gather(*running)


async def _client(wire: Wire, client: int) -> None:
    for request in range(REQUESTS):
        await wire.do("POST", "measurements", {"measurements": items_of(client, request)})
        await asyncio.sleep(0.05)


def sent_calls() -> Decimal:
    """The calls of the whole load, each once."""
    return Decimal(sum(1 + serial % 5 for serial in range(CLIENTS * REQUESTS * ITEMS)))


def counted_calls(left: Left) -> Decimal:
    """The calls that were counted."""
    return sum((Decimal(row["total"]) for row in left["usage_totals"]), Decimal(0))
