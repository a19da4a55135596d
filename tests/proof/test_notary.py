"""The notary on a real log: killed anywhere it goes on, and what was changed behind it is named."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
import pytest_asyncio

from events.topics import CATALOG, EVENTS, MIB, TREE_HEADS
from services.kafka import BatchWriter, Cluster, KafkaUnreachableError, LogReader, Record
from services.kafka.writing import Appended
from services.migrate.topics import make_topics
from services.notary.cli import sign_log
from services.notary.signing import Notary
from services.proof.cli import LogDiffersError, check_partition
from services.proof.exporting import NotSignedYetError, prove_consistency, prove_inclusion
from services.proof.head import TopicPartition
from services.proof.heads_topic import NoHeadsError, OtherLogError, all_heads, newest_head
from services.proof.verifying import verify
from services.run.stack import Stack
from tests.proof.signed_log import LOG, OTHER_SIGNER, SHARED, SIGNER, Numbered, signed_log, tokens_of

pytestmark = pytest.mark.stack
SIGNED = signed_log()
HALF = 30


async def made(stack: Stack, prefix: str, records: dict[TopicPartition, Numbered]) -> Cluster:
    """Topics of their own, with these records."""
    cluster = replace(stack.endpoints.kafka, prefix=prefix)
    await make_topics(cluster, 1, MIB, {})
    for place, numbered in records.items():
        await append(cluster, place, [value for _, value in numbered])
    return cluster


async def append(cluster: Cluster, place: TopicPartition, values: Sequence[bytes | None]) -> None:
    async with BatchWriter(cluster) as writer:
        await writer.append(*place, [Record(None, value or b"") for value in values])


async def tokens_in(cluster: Cluster) -> list[str]:
    """What the topic of heads holds, as it stands."""
    async with LogReader(cluster) as reader:
        [end] = (await reader.end_offsets(TREE_HEADS, [0])).values()
        return [one.value.decode() async for polled in reader.read(TREE_HEADS, 0, 0, end) for one in polled]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(stack: Stack) -> AsyncIterator[Cluster]:
    """Half of the log is there."""
    yield await made(stack, "proof.", {LOG: SIGNED.records[LOG][:HALF], SHARED: []})


class LosesAcknowledgements(BatchWriter):
    """Its first append is written, and nobody is told."""

    async def append(self, topic: str, partition: int, records: Sequence[Record]) -> list[Appended]:
        await super().append(topic, partition, records)
        raise KafkaUnreachableError(self.cluster, "the answer was lost")


async def run(cluster: Cluster, writer: BatchWriter, *wanted: TopicPartition) -> None:
    async with LogReader(cluster) as reader, writer:
        notary = Notary(SIGNER, reader, writer)
        for place in wanted:
            await notary.begin(place)
        for place in wanted:
            await notary.step(place)


async def test_killed_anywhere_it_loses_no_head_and_makes_none_that_says_something_else(cluster: Cluster) -> None:
    async with LogReader(cluster) as reader:
        with pytest.raises(NoHeadsError, match="let `trueup notary` run"):
            await all_heads(reader, LOG)
    with pytest.raises(KafkaUnreachableError):
        await run(cluster, LosesAcknowledgements(cluster), LOG)
    await run(cluster, BatchWriter(cluster), LOG)
    wanted = tokens_of(SIGNED.records[LOG], LOG)
    assert await tokens_in(cluster) == wanted[:1]
    # Two at once, of which one has not seen what the other has signed.
    async with LogReader(cluster) as reader, BatchWriter(cluster) as writer:
        slow, fast = (Notary(SIGNER, reader, writer) for _ in range(2))
        await slow.begin(LOG)
        await fast.begin(LOG)
        await append(cluster, LOG, [value for _, value in SIGNED.records[LOG][HALF:]])
        await fast.step(LOG)
        await slow.step(LOG)
        assert await tokens_in(cluster) == [*wanted, *wanted[1:]]
        assert [one.token for one in await all_heads(reader, LOG)] == wanted
        newest = await newest_head(reader, LOG, SIGNER.key)
        assert newest is not None and newest.size == len(wanted)
        assert await newest_head(reader, LOG, OTHER_SIGNER.key) is None


async def test_the_process_signs_every_partition_and_ends_when_it_is_asked_to(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much there is to be signed, it takes a little at a time."""
    monkeypatch.setattr("services.notary.signing._AT_ONCE", 4)
    await append(cluster, SHARED, [value for _, value in SIGNED.records[SHARED]])
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(sign_log(cluster, SIGNER, stop, ready=ready.set))
    async with asyncio.timeout(30), LogReader(cluster) as reader:
        await ready.wait()
        wanted = tokens_of(SIGNED.records[SHARED], SHARED)
        while (newest := await newest_head(reader, SHARED, SIGNER.key)) is None or newest.size < len(wanted):
            await asyncio.sleep(0.1)
        stop.set()
        await running
        assert [one.token for one in await all_heads(reader, SHARED)] == wanted


async def test_a_record_and_a_checkpoint_are_proved_from_the_log(cluster: Cluster) -> None:
    async with LogReader(cluster) as reader:
        for offset in (0, HALF, 50):
            proof = await prove_inclusion(reader, LOG, offset)
            assert proof.value.encode() == SIGNED.records[LOG][offset][1]
            assert verify(proof, SIGNER.key).wrong == []
            assert verify(proof.model_copy(update={"value": proof.value + " "})).wrong == [
                f"the record at offset {offset} of {EVENTS}/0 is not the one that was signed"
            ]
        assert verify(await prove_consistency(reader, LOG, 2), SIGNER.key).wrong == []
        with pytest.raises(NotSignedYetError, match="is not signed yet"):
            await prove_inclusion(reader, LOG, SIGNED.records[LOG][-1][0])
        assert (await prove_inclusion(reader, SHARED, 3)).topic == CATALOG
        await check_partition(reader, LOG, SIGNER.key)
        await check_partition(reader, SHARED)


@pytest.mark.parametrize("place", [5, HALF])
async def test_a_record_that_was_put_into_the_log_is_named(stack: Stack, place: int) -> None:
    """Somebody writes the log anew with one record more; the checkpoints stand as they were published."""
    values = [value for _, value in SIGNED.records[LOG]]
    more: Numbered = list(enumerate([*values[:place], b"put in", *values[place:]]))
    heads: Numbered = [(0, token.encode()) for token in tokens_of(SIGNED.records[LOG], LOG)]
    forged = await made(stack, f"forged-{place}.", {LOG: more, (TREE_HEADS, 0): heads})
    async with LogReader(forged) as reader, BatchWriter(forged) as writer:
        with pytest.raises(LogDiffersError, match=f"the record at offset {place} was put in"):
            await check_partition(reader, LOG)
        with pytest.raises(OtherLogError, match="is not what checkpoint"):
            await prove_inclusion(reader, LOG, place)
        with pytest.raises(OtherLogError, match="the log was changed, made anew, or restored"):
            await Notary(SIGNER, reader, writer).begin(LOG)
