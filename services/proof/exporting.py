"""Makes the documents for auditors from the log and the topic of heads. Postgres gives only a bill as it is shown."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import itemgetter

from events.facts.bills import BillLine
from events.sources import Origins
from events.topics import CATALOG, EVENTS
from projections.proof.merkle import Hash, consistency, inclusion, root_of
from projections.proof.segments import Segment, record_leaf
from services.commands.refused import UnknownResource
from services.concurrency import compute
from services.failures import ExpectedFailure, Worded
from services.kafka import Cluster, LogReader
from services.postgres import Postgres
from services.proof.checking import Numbered
from services.proof.documents import BillExport, Consistency, Inclusion, PartitionProof
from services.proof.head import TopicPartition
from services.proof.heads_topic import OtherLogError, Published, all_heads, numbered
from services.proof.selecting import Collector, OfCatalog, RecordsOfBill, Wants
from services.readside.bill_rows import lines_of_bills, read_issued
from services.readside.live import reading_live
from services.readside.loading import bill_as_issued
from services.store.generations import load_generations


class NotSignedYetError(Worded, ExpectedFailure):
    """the record at offset {offset} of {topic}/{partition} is not signed yet: checkpoints reach up to offset {end}; try
    again when the quarter hour is over
    """

    def __init__(self, topic_partition: TopicPartition, offset: int, end: int) -> None:
        super().__init__(topic=topic_partition[0], partition=topic_partition[1], offset=offset, end=end)


class NoRecordError(Worded, ExpectedFailure):
    """there is no record of ours at offset {offset} of {topic}/{partition}"""

    def __init__(self, topic_partition: TopicPartition, offset: int) -> None:
        super().__init__(topic=topic_partition[0], partition=topic_partition[1], offset=offset)


class NoCheckpointError(Worded, ExpectedFailure):
    """{topic}/{partition} has checkpoints 1 to {last}, and the first has to come before the second"""

    def __init__(self, topic_partition: TopicPartition, last: int) -> None:
        super().__init__(topic=topic_partition[0], partition=topic_partition[1], last=last)


async def prove_inclusion(
    reader: LogReader, topic_partition: TopicPartition, offset: int, key: str | None = None, whose: str = ""
) -> Inclusion:
    """The proof that the record at `offset` is covered by the newest checkpoint. The record's segment is read for it.

    `key`, `whose`: as for `all_heads`. Raises: NoHeadsError, NotSignedYetError; NoRecordError if no record of ours is
    at that offset; OtherLogError if the segment is not as it was signed.
    """
    heads = await all_heads(reader, topic_partition, key, whose)
    index = bisect_right(heads, offset, key=lambda published: published.head.segment.end)
    if index == len(heads):
        raise NotSignedYetError(topic_partition, offset, heads[-1].head.segment.end)
    head = heads[index].head
    start, end = head.segment.start, head.segment.end
    records = [record async for polled in reader.read(*topic_partition, start, end) for record in numbered(polled)]
    return await compute(whose, _included, reader.cluster, heads, index, records, offset)


def _included(
    cluster: Cluster, heads: Sequence[Published], index: int, records: Sequence[Numbered], offset: int
) -> Inclusion:
    """The proof of a record. `index`: its segment's, in `heads`; `records`: that segment's.

    Raises: NoRecordError, OtherLogError.
    """
    head = heads[index].head
    topic_partition = head.topic, head.partition
    leaves = [record_leaf(*record) for record in records]
    if len(leaves) != head.segment.records or root_of(leaves) != head.segment.root:
        raise OtherLogError(cluster, head)
    at = bisect_left(records, offset, key=itemgetter(0))
    if at == len(records) or records[at][0] != offset:
        raise NoRecordError(topic_partition, offset)
    return Inclusion(
        topic=topic_partition[0],
        partition=topic_partition[1],
        offset=offset,
        value=_text(topic_partition, *records[at]),
        place=at,
        segment_path=tuple(inclusion(leaves, at)),
        segment=head.segment,
        index=index,
        tree_path=tuple(inclusion(_leaves(topic_partition, heads), index)),
        checkpoint=heads[-1].token,
    )


def _text(topic_partition: TopicPartition, offset: int, value: bytes | None) -> str:
    """The record's value as text. Raises: NoRecordError if it is not UTF-8, and so not a record of ours."""
    try:
        return (value or b"").decode()
    except UnicodeDecodeError as error:
        raise NoRecordError(topic_partition, offset) from error


def _leaves(topic_partition: TopicPartition, heads: Sequence[Published]) -> list[Hash]:
    return [published.head.segment.segment.leaf(*topic_partition) for published in heads]


async def prove_consistency(
    reader: LogReader,
    topic_partition: TopicPartition,
    first: int,
    second: int | None = None,
    key: str | None = None,
    whose: str = "",
) -> Consistency:
    """The proof that checkpoint `second`, or the newest, contains checkpoint `first` unchanged; no record is read.

    Checkpoints count from 1. `key`, `whose`: as for `all_heads`. Raises: NoHeadsError, NoCheckpointError.
    """
    heads = await all_heads(reader, topic_partition, key, whose)
    second = second or len(heads)
    if not 0 < first <= second <= len(heads):
        raise NoCheckpointError(topic_partition, len(heads))
    return await compute(whose, _consistent, topic_partition, heads, first, second)


def _consistent(topic_partition: TopicPartition, heads: Sequence[Published], first: int, second: int) -> Consistency:
    leaves = _leaves(topic_partition, heads[:second])
    return Consistency(
        first=heads[first - 1].token, second=heads[second - 1].token, path=tuple(consistency(leaves, first))
    )


async def export_bill(
    postgres: Postgres, cluster: Cluster, organization: str, bill_id: str, key: str | None = None
) -> BillExport:
    """An issued bill as the live read models show it, with its records, for which log and catalog are read whole.

    `key`: the thumbprint of the key that must have signed; None: the key that signed last.
    Raises: UnknownResource if there is no such issued bill; NoHeadsError, NotSignedYetError; OtherLogError if the log
    is not as it was signed.
    """
    async with postgres.connection() as connection:
        origins: Origins = (await load_generations(connection)).origins
    async with reading_live(postgres) as connection:
        bill = await bill_as_issued(connection, organization, bill_id)
        lines = (await lines_of_bills(connection, [bill_id]))[bill_id]
        issued = await read_issued(connection, organization, bill_id)
    if bill is None or issued is None:
        raise UnknownResource(kind="bill", id=bill_id)
    total, issued_at = issued
    log, catalog = (EVENTS, bill.positions.partition), (CATALOG, 0)
    async with LogReader(cluster) as reader:
        return BillExport(
            organization=organization,
            generations=tuple(sorted(origins.generations)),
            bill_id=bill_id,
            total=total,
            lines=tuple(BillLine.model_validate(line) for line in lines),
            log=await _proved(reader, log, issued_at, RecordsOfBill(origins, organization, bill), key),
            catalog=await _proved(
                reader, catalog, bill.positions.catalog - 1, OfCatalog(origins, organization, bill), key
            ),
        )


async def _proved(
    reader: LogReader, topic_partition: TopicPartition, last: int, wants: Wants, key: str | None
) -> PartitionProof:
    """The wanted records of a partition, proved under the newest checkpoint.

    Raises: NoHeadsError; NotSignedYetError if that does not reach beyond offset `last`; OtherLogError.
    """
    heads = await all_heads(reader, topic_partition, key)
    newest = heads[-1]
    if newest.head.segment.end <= last:
        raise NotSignedYetError(topic_partition, last, newest.head.segment.end)
    collector = Collector(topic_partition, wants)
    async for records in reader.read(*topic_partition, 0, newest.head.segment.end):
        collector.take(numbered(records))
    check_log(reader.cluster, heads, collector.segments)
    return collector.proof(newest.token, newest.head.size)


def check_log(cluster: Cluster, heads: Sequence[Published], segments: Sequence[Segment]) -> None:
    """Check that the log has the segments that were signed. Raises: OtherLogError, naming the first that differs."""
    for number, published in enumerate(heads):
        if number >= len(segments) or segments[number] != published.head.segment.segment:
            raise OtherLogError(cluster, published.head)
