"""Ingest on real Kafka and Postgres: every record is settled once, whatever is sent, and whoever dies."""

import asyncio
import json
import os
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from events.codec import encode
from events.envelope import seal
from events.facts.usage import UsageRated, UsageRead
from events.sources import usage_source
from events.topics import EVENTS
from services.kafka import Record
from tests.forked import ForkedChild, started
from tests.ingest.live import PATIENCE_S, Live, usages
from tests.ingest.world import NOW, World

pytestmark = pytest.mark.stack


async def test_usage_is_rated_refused_dropped_or_carried_and_the_partition_goes_on(system: Live) -> None:
    world = system.world(accounts=12)
    await system.create(world)
    code = world.codes[0]
    here = world.partition(code)
    stray = next(other for other in world.codes if world.partition(other) != here)
    async with system.worker():
        await system.publish(
            here,
            [
                world.usage("a", code, 150),
                b"not json",
                world.usage("a", code, 150),
                world.usage("a", code, 151),
                world.usage("s", stray),
                world.usage("x", "nobody"),
                world.usage("big", code, data={"who": {"user": "x" * 700_000}}),
                world.usage("b", code, 10),
            ],
        )
        event = world.event("binary", code)
        data = json.dumps(event.pop("data")).encode()
        await system.publish(here, [data], [(f"ce_{name}", text.encode()) for name, text in event.items()])
        log = await system.settled()
    facts = usages(log)
    assert Counter(fact.usage_id for fact in facts) == Counter(["a", "s", "b", "binary"])
    charges = {fact.usage_id: [charge.amount for charge in fact.charges] for fact in facts}
    assert charges["a"] == [Decimal("6.25")] and charges["b"] == [Decimal("0.05")]
    refused = Counter(refusal["reason"] for refusal in await system.rejected())
    assert refused == {"not-json": 1, "id-conflict": 1, "unknown-account": 1, "oversized": 1}
    reads = [envelope.data for envelope in log if isinstance(envelope.data, UsageRead)]
    assert (sum(fact.duplicate for fact in reads), sum(fact.rerouted for fact in reads)) == (1, 1)


async def test_usage_sent_after_a_command_is_judged_with_it(system: Live) -> None:
    async with system.worker():
        for _ in range(5):
            world = system.world()
            await system.create(world)
            await system.publish(world.partition("acme-0"), [world.usage("a")])
        log = await system.settled()
    assert len([fact for fact in usages(log) if fact.charges]) == 5
    assert await system.rejected() == []


async def test_split_shuffled_and_repeated_usage_adds_up_to_the_same(system: Live) -> None:
    world = system.world(accounts=4)
    await system.create(world)
    dice = random.Random(7)
    sent = [(f"u{number}", dice.choice(world.codes), number % 17) for number in range(3_000)]
    shuffled = sent + dice.sample(sent, 1_000)
    dice.shuffle(shuffled)
    async with system.worker():
        for start in range(0, len(shuffled), 500):
            partition = dice.randrange(system.partitions)
            await system.publish(partition, [world.usage(*use) for use in shuffled[start : start + 500]])
        log = await system.settled()
    facts = usages(log)
    assert sorted(fact.usage_id for fact in facts) == sorted(usage_id for usage_id, _, _ in sent)
    for code in world.codes:
        total = sum(tokens for _, owner, tokens in sent if owner == code)
        amounts = [
            charge.amount
            for envelope in log
            if isinstance(envelope.data, UsageRated) and envelope.account == world.account_id(code)
            for charge in envelope.data.charges
        ]
        assert sum(amounts, Decimal(0)) == 6 + (total - 100) * Decimal("0.005")


async def test_a_restarted_worker_knows_what_was_accepted(system: Live) -> None:
    world = system.world()
    await system.create(world)
    here = world.partition("acme-0")
    async with system.worker():
        await system.publish(here, [world.usage("a", tokens=99)])
        await system.settled()
    await system.publish(here, [world.usage("a", tokens=99), world.usage("b", tokens=2)])
    async with system.worker():
        log = await system.settled()
    facts_by_id = {fact.usage_id: fact for fact in usages(log)}
    assert len(usages(log)) == 2 and facts_by_id["b"].charges[0].amount == Decimal("5.015")


async def test_a_second_writer_is_noticed_and_the_log_decides(system: Live) -> None:
    world = system.world()
    await system.create(world)
    here = world.partition("acme-0")
    async with system.worker():
        first = await system.publish(here, [world.usage("a")])
        await system.settled()
        # A worker that lost the partition is still writing: it has accepted "z" as the next record.
        zombie = UsageRated(
            usage_id="z",
            usage_source="tests",
            meter_id=world.id("meter"),
            ts=NOW,
            catalog_offset=0,
            digest="00" * 16,
            measure={"tokens": Decimal(50)},
        )
        source = usage_source(system.generations.usage, here)
        account = world.account_id("acme-0")
        envelope = seal(zombie, source=source, sequence=first + 1, organization=world.organization, account=account,
                        time=NOW)  # fmt: skip
        await system.writer.append(EVENTS, here, [Record(None, encode(envelope))])
        await system.publish(here, [world.usage("ours", tokens=50)])
        await system.settled()
        await system.publish(here, [world.usage("after", tokens=50)])
        log = await system.settled()
    facts = [fact for fact in usages(log)]
    assert [fact.usage_id for fact in facts] == ["a", "z", "after"]
    # 10 + 50 were before: the last 50 reach the second band, so the memory was folded from the log.
    assert facts[-1].charges[0].amount == Decimal("5.45")


@pytest.mark.long
async def test_kill_minus_nine_in_mid_load_loses_and_doubles_nothing(system: Live, tmp_path: Path) -> None:
    world = system.world(accounts=30)
    await system.create(world)
    loading = asyncio.create_task(_load(system, world))
    for _ in range(3):
        process = await _start_worker(system, tmp_path)
        await asyncio.sleep(1.5)
        await process.kill()
    good, bad = await loading
    process = await _start_worker(system, tmp_path)
    log = await system.settled()
    async with asyncio.timeout(PATIENCE_S):
        assert await process.stop() == 0
    assert Counter(fact.usage_id for fact in usages(log)) == Counter(good)
    assert sorted(refusal["value"] for refusal in await system.rejected()) == sorted(bad)


async def _load(system: Live, world: World) -> tuple[list[str], list[str]]:
    """Usage for about five seconds in all partitions, some of it repeated, astray or bad."""
    dice = random.Random(11)
    good: list[str] = []
    bad: list[str] = []
    for turn in range(50):
        for partition in range(system.partitions):
            values = []
            for number in range(40):
                name = f"{turn}-{partition}-{number}"
                codes = [code for code in world.codes if world.partition(code) == partition] or world.codes
                code = dice.choice(codes if number % 10 else world.codes)
                values.append(world.usage(name, code))
                good.append(name)
                if number % 8 == 0:
                    values.append(world.usage(name, code))
                if number % 9 == 0:
                    values.append(f"bad {name}".encode())
                    bad.append(f"bad {name}")
            await system.publish(partition, values)
        await asyncio.sleep(0.1)
    return good, bad


async def _start_worker(system: Live, folder: Path) -> ForkedChild:
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    environment = os.environ | {
        "TRUEUP_KAFKA_BOOTSTRAP": system.endpoints.kafka.bootstrap,
        "TRUEUP_DATABASE_URL": system.endpoints.database_url,
        "TRUEUP_WORKER_SESSION_MS": "6000",
    }
    log = folder / "log"
    process = await started("ingest", "--ready-file", str(ready), environment=environment, log=log)
    async with asyncio.timeout(PATIENCE_S):
        while not ready.exists():
            assert process.returncode is None, log.read_text()
            await asyncio.sleep(0.05)
    return process
