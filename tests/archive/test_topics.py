"""Topics into files and back, on a real Kafka: what stands in them, whatever stands in them, and what is in the way."""

import asyncio
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka.admin import NewPartitions, NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition

from events.topics import CATALOG, EVENTS, GAP_HEADER, TREE_HEADS, USAGE
from services.archive.archiver import Archiver
from services.archive.defects import AnotherTopicError, NotEmptyError, PartitionsDifferError
from services.archive.partition_counts import counts_of
from services.archive.place import FilePlace
from services.archive.read_back import load
from services.archive.restoring import restore
from services.archive.verifying import verify
from services.breaks import LogCutError, TopicMissingError
from services.kafka import BatchWriter, Cluster, LogReader, Record, bytes_of_name, new_admin, new_producer
from services.migrate.topics import let_writers_stamp
from services.run.stack import Stack
from tests.archive.kit import records
from tests.kafka.odd_records import publish_with_unreadable_header

pytestmark = pytest.mark.stack
COUNTS = {TREE_HEADS: 1, EVENTS: 2, CATALOG: 1, USAGE: 2}
LIMIT = 8 * 1024 * 1024


class Seen(NamedTuple):
    offset: int
    ms: int
    kind: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[bytes, bytes | None]]


@pytest.fixture
def place(tmp_path: Path) -> FilePlace:
    return FilePlace(str(tmp_path))


def cluster_of(stack: Stack, prefix: str) -> Cluster:
    """As far as anybody can see, a cluster of its own."""
    return replace(stack.endpoints.kafka, prefix=f"{prefix}.")


async def filled(stack: Stack, prefix: str) -> Cluster:
    """Topics with records of all kinds: empty, odd, large, of transactions that were committed and aborted."""
    cluster = cluster_of(stack, prefix)
    await let_writers_stamp(cluster, COUNTS, LIMIT, may=False)
    odd = [Record(None, b""), Record(b"", b"\xff\x00", [("a", None), ("a", b"")]), Record(b"k", b"x" * 2_000_000)]
    async with BatchWriter(cluster) as writer:
        for topic, count in COUNTS.items():
            for partition in range(count):
                await writer.append(topic, partition, [*odd, *(Record(b"k", b"%d" % n) for n in range(50))])
                await transact(cluster, topic, partition)
                await writer.append(topic, partition, [Record(b"last", None)])
    await publish_with_unreadable_header(cluster, cluster.topic(USAGE), 1, b"odd")
    return cluster


async def transact(cluster: Cluster, topic: str, partition: int) -> None:
    async with new_producer(cluster, transactional_id=f"{cluster.prefix}{topic}") as producer:
        for is_good in (True, False):
            await producer.begin_transaction()
            await producer.send_and_wait(cluster.topic(topic), b"%d" % is_good, partition=partition)
            await (producer.commit_transaction() if is_good else producer.abort_transaction())
            await until_stable(cluster, topic, partition)


async def until_stable(cluster: Cluster, topic: str, partition: int) -> None:
    """A broker answers before the end of a transaction stands in its topics."""
    async with LogReader(cluster) as every, LogReader(cluster, committed=True) as stable, asyncio.timeout(60):
        while await every.end_offsets(topic, [partition]) != await stable.end_offsets(topic, [partition]):
            await asyncio.sleep(0.05)


async def standing(cluster: Cluster, topic: str) -> list[list[Seen]]:
    """What a reader of the topic sees, by partition."""
    found: list[list[Seen]] = []
    async with LogReader(cluster, exact=True, committed=topic == USAGE) as reader:
        for partition, end in sorted((await reader.end_offsets(topic, range(COUNTS[topic]))).items()):
            begin = (await reader.beginning_offsets(topic, [partition]))[partition]
            found.append([])
            async for some in reader.read(topic, partition, begin, end):
                for one in some:
                    headers = [(bytes_of_name(name), value) for name, value in one.headers]
                    found[-1].append(Seen(one.offset, one.timestamp, one.timestamp_type, one.key, one.value, headers))
    return found


def kept(place: FilePlace, topic: str, partition: int) -> list[Seen]:
    manifest = load(place, topic, partition)
    return [Seen(*one[:5], list(one.headers)) for one in records(place, manifest)]


@asynccontextmanager
async def administering(cluster: Cluster) -> Any:
    admin = new_admin(cluster)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def contents(seen: Sequence[Seen]) -> list[tuple[int, bytes | None, bytes | None]]:
    return [(one.ms, one.key, one.value) for one in seen]


async def test_what_stands_in_the_topics_is_kept_once_and_comes_back(stack: Stack, place: FilePlace) -> None:
    cluster = await filled(stack, "kept")
    archiver = Archiver(cluster, place, piece_bytes=1_000_000)
    before = {topic: await standing(cluster, topic) for topic in COUNTS}
    count = {topic: sum(map(len, by_partition)) for topic, by_partition in before.items()}
    assert await archiver.keep() == count
    assert await archiver.keep() == dict.fromkeys(COUNTS, 0)
    async with BatchWriter(cluster) as writer:
        await writer.append(EVENTS, 1, [Record(b"k", b"behind")])
    assert await Archiver(cluster, place).keep() == {**dict.fromkeys(COUNTS, 0), EVENTS: 1}
    before[EVENTS] = await standing(cluster, EVENTS)
    for topic, by_partition in before.items():
        for partition, wanted in enumerate(by_partition):
            for mine, theirs in zip(kept(place, topic, partition), wanted, strict=True):
                assert mine == theirs
    assert before[USAGE][1][-1].headers[0][0].startswith(b"\xff\xfe") and before[EVENTS][0][0].kind == 1
    assert not [one for found in verify(place) for one in found.wrong]

    other = cluster_of(stack, "restored")
    done = await restore(other, place, LIMIT)
    assert sum(one.gaps for one in done) == 4 * 2, "two transactions in each partition but those of usage"
    for topic, by_partition in before.items():
        found = await standing(other, topic)
        for partition, wanted in enumerate(by_partition):
            real = [one for one in found[partition] if (GAP_HEADER.encode(), b"") not in one.headers]
            assert contents(real) == contents(wanted), "usage of aborted transactions is nobody's"
            if topic != USAGE:
                assert [one.offset for one in real] == [one.offset for one in wanted]
                assert [one.offset for one in found[partition]] == list(range(len(found[partition])))
    assert not any(one.written for one in await restore(other, place, LIMIT))
    async with BatchWriter(other) as writer:  # the broker stamps again
        [appended] = await writer.append(USAGE, 0, [Record(None, b"now", ms=1)])
    assert appended.ms > 1_600_000_000_000


async def test_a_restore_that_was_killed_goes_on(
    stack: Stack, place: FilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = await filled(stack, "killed")
    await Archiver(cluster, place, piece_bytes=1_000_000).keep()
    other, left = cluster_of(stack, "again"), 3
    append = BatchWriter.append

    async def killed(writer: BatchWriter, topic: str, partition: int, batch: Sequence[Record]) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        half = batch[: len(batch) // 2 + 1] if left == 0 else batch  # the last one is cut off within
        return await append(writer, topic, partition, half)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(BatchWriter, "append", killed)
        await restore(other, place, LIMIT)
    await restore(other, place, LIMIT)
    for topic in COUNTS:
        wanted, found = await standing(cluster, topic), await standing(other, topic)
        real = [[one for one in some if (GAP_HEADER.encode(), b"") not in one.headers] for some in found]
        assert [contents(some) for some in real] == [contents(some) for some in wanted]


async def test_what_is_in_the_way_is_named_and_nothing_is_written(stack: Stack, place: FilePlace) -> None:
    cluster = await filled(stack, "named")
    await Archiver(cluster, place).keep()
    taken = cluster_of(stack, "taken")
    await let_writers_stamp(taken, COUNTS, LIMIT, may=False)
    async with BatchWriter(taken) as writer:
        await writer.append(EVENTS, 1, [Record(None, b"a stranger's")])
    with pytest.raises(
        NotEmptyError, match=r"taken\.billing\.events/1 holds other records than the archive \(at offset 0\)"
    ):
        await restore(taken, place, LIMIT)
    assert not (await standing(taken, EVENTS))[0]
    wider = cluster_of(stack, "wider")
    async with administering(wider) as admin:
        await admin.create_topics([NewTopic(wider.topic(EVENTS), 3, 1)])
    with pytest.raises(PartitionsDifferError, match="3 partitions, but was archived with 2"):
        await restore(wider, place, LIMIT)

    with pytest.raises(TopicMissingError, match=r"topic nowhere\.billing\.tree-heads does not exist"):
        await Archiver(cluster_of(stack, "nowhere"), place).keep()
    with pytest.raises(AnotherTopicError, match=r"it ends at offset 0, and \d+ are kept"):
        empty = cluster_of(stack, "empty")
        await let_writers_stamp(empty, COUNTS, LIMIT, may=False)
        await Archiver(empty, place).keep()
    with pytest.raises(AnotherTopicError, match="another record than is kept"):
        await Archiver(await filled(stack, "remade"), place).keep()


async def test_a_partition_that_somebody_adds_is_counted_and_kept(stack: Stack, place: FilePlace) -> None:
    cluster = cluster_of(stack, "wider-now")
    await let_writers_stamp(cluster, COUNTS, LIMIT, may=False)
    archiver = Archiver(cluster, place)
    await archiver.keep()
    assert counts_of(place) == COUNTS
    async with administering(cluster) as admin:
        await admin.create_partitions({cluster.topic(USAGE): NewPartitions(3)})
    async with asyncio.timeout(60):  # until the broker tells of it
        while counts_of(place)[USAGE] == COUNTS[USAGE]:
            await archiver.keep()
    assert load(place, USAGE, 2).pieces == ()
    assert not [one for found in verify(place) for one in found.wrong]


async def test_what_kafka_has_deleted_before_is_a_gap_of_usage_and_stops_the_log(
    stack: Stack, place: FilePlace
) -> None:
    cluster = await filled(stack, "aged")
    await Archiver(cluster, place).keep()
    end = load(place, USAGE, 0).next
    async with BatchWriter(cluster) as writer:
        await writer.append(USAGE, 0, [Record(None, b"%d" % number) for number in range(10)])
    async with administering(cluster) as admin:
        await admin.delete_records({TopicPartition(cluster.topic(USAGE), 0): RecordsToDelete(end + 4)})
    assert (await Archiver(cluster, place).keep())[USAGE] == 6
    assert [gap for found in verify(place) for gap in found.gaps] == [f"usage/0 lacks offsets {end} to {end + 3}"]
    async with administering(cluster) as admin:
        await admin.delete_records({TopicPartition(cluster.topic(EVENTS), 0): RecordsToDelete(1)})
    with pytest.raises(LogCutError, match=r"aged\.billing\.events/0 begins at offset 1"):
        await Archiver(cluster, place).keep()
