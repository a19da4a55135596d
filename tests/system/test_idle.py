"""An idle `trueup up` costs next to nothing, and yet shows what comes at once."""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import psutil
import pytest

from events.topics import USAGE, usage_key
from services.kafka import Cluster, new_producer
from tests.system.story import ACCOUNTS, Wire, set_up, usage_of
from tests.system.up import Up, running_up

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(up: Up) -> dict[int, float]:
    """User and system time of every process of the tree, by pid, as /proc has it."""
    counters = {}
    for process in [psutil.Process(up.process.pid), *up.children()]:
        times = process.cpu_times()
        counters[process.pid] = times.user + times.system
    return counters


async def share_of_a_core(up: Up, settle_s: float, measure_s: float) -> float:
    await asyncio.sleep(settle_s)
    before, started = cpu_seconds(up), time.monotonic()
    await asyncio.sleep(measure_s)
    after = cpu_seconds(up)
    return sum(after[pid] - before.get(pid, 0.0) for pid in after) / (time.monotonic() - started)


async def seconds_until(holds: Callable[[], Awaitable[bool]]) -> float:
    started = time.monotonic()
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.005)
    return time.monotonic() - started


async def spread(act: Callable[[int], Awaitable[float]], times: int = 5) -> float:
    """The median of what it took, with pauses in which all comes to rest."""
    took = []
    for number in range(times):
        await asyncio.sleep(1.3 + number % 3 * 0.7)
        took.append(await act(number))
    return statistics.median(took)


@pytest.mark.long
async def test_it_costs_next_to_nothing_and_shows_usage_and_commands_at_once(tmp_path: Any) -> None:
    async with running_up(tmp_path / "home") as up:
        # Bounds that hold on a busy machine; what polls is far above them. `make long` measures to the point.
        assert await share_of_a_core(up, settle_s=12, measure_s=15) < 0.1
        wire = Wire(lambda: up.addresses["api_url"], "quiet")
        accounts = await set_up(wire)
        reading = await asyncpg.connect(up.addresses["database_url"])
        schema = await reading.fetchval("SELECT name FROM store.live_schema")
        records = usage_of("quiet", 0)

        async with new_producer(Cluster(up.addresses["kafka_bootstrap"]), acks="all") as producer:

            async def usage(number: int) -> float:
                # Of the records that only come once.
                once = [(code, value) for code, value in records if records.count((code, value)) == 1]
                code, value = [(code, value) for code, value in once if value != b"not json"][number]
                count = f"SELECT coalesce(sum(records), 0) FROM {schema}.usage_totals WHERE account_id = $1"
                before = await reading.fetchval(count, accounts[code])
                await producer.send_and_wait(USAGE, value, usage_key("quiet", code))

                async def seen() -> bool:
                    return bool(await reading.fetchval(count, accounts[code]) > before)

                return await seconds_until(seen)

            assert await spread(usage) < 0.5

        async def product(number: int) -> float:
            """A fact of the catalog alone: it brings no record to any partition of the log."""
            id = await wire.make("products", f"product-{number}", code=f"p{number}", name=f"P{number}")
            count_of_facts = f"SELECT count(*) FROM {schema}.facts WHERE resource_id = $1"

            async def seen() -> bool:
                return bool(await reading.fetchval(count_of_facts, id))

            return await seconds_until(seen)

        assert await spread(product) < 0.5
        assert len(accounts) == len(ACCOUNTS)
        await reading.close()
        asked_at = time.monotonic()
        up.process.terminate()
        assert (await up.ended())[0] == 0
        assert time.monotonic() - asked_at < 15


@pytest.mark.long
async def test_after_a_minute_it_takes_less_than_three_hundredths_of_a_core(tmp_path: Any) -> None:
    async with running_up(tmp_path / "home") as up:
        assert await share_of_a_core(up, settle_s=60, measure_s=60) < 0.03
