"""The topic of heads and the log as the notary and the exporters read them, from a Kafka in memory."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from events.topics import CATALOG, EVENTS, GAP_HEADER, TREE_HEADS
from services.doctor.kafka_needs import rights_of
from services.kafka import BatchWriter, Cluster, LogReader
from services.notary.signing import Notary
from services.proof import exporting, heads_topic
from services.proof.exporting import prove_consistency, prove_inclusion
from services.proof.head import TopicPartition
from services.proof.heads_topic import OtherLogError, SignedBeyondError, all_heads, heads_before, numbered
from services.proof.verifying import verify
from services.run.process import KafkaProcess, run_on_kafka
from tests.proof.signed_log import LOG, OTHER_SIGNER, SIGNER, Numbered, signed_log, tokens_of

RECORDS = signed_log().records[LOG]
GAP = 7
#: A log in which a stranger's transaction ended at offset GAP: there is no record, and the others are signed so.
WITH_A_GAP: Numbered = [(offset + (offset >= GAP), value) for offset, value in RECORDS]


@dataclass
class Reader:
    """What stands in each partition: records with offset, value and headers."""

    held: dict[TopicPartition, list[Any]]
    cluster: Cluster = field(default_factory=lambda: Cluster("127.0.0.1:1", prefix="acme."))

    async def beginning_offsets(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        return {one: max((record.offset + 1 for record in self.held[topic, one]), default=0) for one in partitions}

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[list[Any]]:
        yield [record for record in self.held[topic, partition] if start <= record.offset < end]


def record(offset: int, value: bytes | None, *headers: str) -> Any:
    return SimpleNamespace(offset=offset, value=value, headers=[(name, b"") for name in headers])


def reader_of(log: list[Any], tokens: list[str]) -> LogReader:
    heads = [record(offset, token.encode()) for offset, token in enumerate(tokens)]
    return cast(LogReader, Reader({LOG: log, (TREE_HEADS, 0): heads}))


def begin(reader: LogReader) -> None:
    asyncio.run(Notary(SIGNER, reader, cast(BatchWriter, None)).begin(LOG))


def test_what_is_restored_in_the_place_of_no_record_is_no_record() -> None:
    restored = [record(*one) for one in WITH_A_GAP]
    restored.insert(GAP, record(GAP, b"", GAP_HEADER))
    assert [one.offset for one in restored] == list(range(len(restored)))
    assert numbered(restored) == WITH_A_GAP
    reader = reader_of(restored, tokens_of(WITH_A_GAP, LOG))
    begin(reader)
    proof = asyncio.run(prove_inclusion(reader, LOG, GAP + 1, SIGNER.key))
    assert verify(proof, SIGNER.key).wrong == [] and proof.value.encode() == RECORDS[GAP][1]
    # A record of a stranger's that says so too, but has a value, and an empty one of anybody's, are records.
    strangers = [record(0, b"x", GAP_HEADER), record(1, b""), record(2, None, "trueup-other")]
    assert numbered(strangers) == [(0, b"x"), (1, b""), (2, None)]


def test_a_partition_that_was_restored_behind_its_signatures_is_told_with_what_mends_it() -> None:
    tokens, fewer = tokens_of(RECORDS, LOG), [record(*one) for one in RECORDS[:30]]
    mends = "keep a copy of acme.billing.tree-heads, delete it and run `trueup migrate`"
    with pytest.raises(SignedBeyondError, match=f"ends at offset 30, but is signed up to offset .*{mends}"):
        begin(reader_of(fewer, tokens))
    # What was written since is not what had been signed.
    others = [record(offset, b"written again") for offset in range(30, len(RECORDS))]
    with pytest.raises(OtherLogError, match=f"restored from before it was signed.*{mends}"):
        begin(reader_of([*fewer, *others], tokens))


def test_what_takes_long_is_computed_in_a_thread_and_for_the_operators_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A year's signatures are seconds of work: nobody else's request waits for them."""
    computing: list[int] = []

    def noted(module: Any, name: str) -> None:
        work = getattr(module, name)

        def noting(*arguments: Any) -> Any:
            computing.append(threading.get_ident())
            return work(*arguments)

        monkeypatch.setattr(module, name, noting)

    for module, name in ((heads_topic, "series_of"), (exporting, "_included"), (exporting, "_consistent")):
        noted(module, name)
    theirs = tokens_of(RECORDS[:30], LOG, OTHER_SIGNER)
    reader = reader_of([record(*one) for one in RECORDS], [*tokens_of(RECORDS, LOG), *theirs])

    async def ask() -> None:
        assert len(await all_heads(reader, LOG, SIGNER.key, "proved")) == 4
        assert len(await all_heads(reader, LOG)) == len(theirs) == 1  # who knows no key takes the last one's
        assert verify(await prove_inclusion(reader, LOG, 3, SIGNER.key, "proved"), SIGNER.key).wrong == []
        assert verify(await prove_consistency(reader, LOG, 1, 4, SIGNER.key, "proved"), SIGNER.key).wrong == []

    asyncio.run(ask())
    assert len(computing) == 6 and threading.get_ident() not in computing


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_a_page_of_checkpoints_is_read_backwards(most: int) -> None:
    """Whatever stands between: heads that were appended twice, another key's, another partition's."""
    tokens, theirs = tokens_of(RECORDS, LOG), tokens_of(RECORDS, LOG, OTHER_SIGNER)
    others = tokens_of(RECORDS, (CATALOG, 0))
    mixed = [
        tokens[0],
        *theirs[:2],
        tokens[1],
        tokens[0],
        tokens[1],
        *others,
        tokens[2],
        "none",
        tokens[1],
        tokens[2],
        tokens[3],
    ]
    reader = reader_of([], [*mixed, theirs[2], tokens[3], *others])
    sizes = [4, 3, 2, 1]

    async def page(size: int | None) -> list[int]:
        return [one.head.size for one in await heads_before(reader, LOG, SIGNER.key, size, most, "proved")]

    async def ask() -> None:
        assert await page(None) == sizes[:most]
        for size in range(1, 7):
            assert await page(size) == [one for one in sizes if one < size][:most]
        assert await heads_before(reader, ("billing.events", 0), "no key", None, most, "proved") == []

    asyncio.run(ask())


def test_the_notary_needs_kafka_alone_and_the_least_there(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka, begun = Cluster("127.0.0.1:1"), list[KafkaProcess]()

    async def known_kafka(_: object) -> Cluster:
        return kafka

    async def body(process: KafkaProcess) -> None:
        begun.append(process)

    monkeypatch.setattr("services.run.process.known_kafka", known_kafka)
    run_on_kafka(body)
    assert [one.kafka for one in begun] == [kafka]
    rights = {(right.operation.name, right.name) for right in rights_of("notary")}
    assert rights == {("READ", EVENTS), ("READ", CATALOG), ("READ", TREE_HEADS), ("WRITE", TREE_HEADS)}
