"""Signed checkpoints of the log, and proofs based on them, for auditors; `trueup verify` reads them."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import Depends
from starlette.responses import Response

from events.topics import CATALOG, EVENTS
from projections.not_json import NOT_JSON
from services.api.calls import Call, Caller, organization_router
from services.api.paging import Page, Paging
from services.api.parameters import Choice, Query, Reader, Whole, whole_number
from services.api.shown import Shown, listed
from services.api.wire import AsItStands, encode
from services.commands.refused import UnknownResource
from services.kafka import LogReader
from services.proof.documents import Consistency, Inclusion
from services.proof.exporting import NoRecordError, prove_consistency, prove_inclusion
from services.proof.head import Document, TopicPartition
from services.proof.heads_topic import NoHeadsError, Published, all_heads, heads_before

#: The largest whole number that a query may have.
_OFFSET_MAX = 9_999_999_999
_TOPICS = (EVENTS, CATALOG)


class CheckpointShown(Shown):
    """A signed checkpoint: segments 1 to `size` of a partition have this `root`; `start` to `tick` describe the last
    segment.

    `token` is the signed document, a JSON Web Signature; it alone proves anything.
    """

    topic: str
    partition: int
    size: int
    root: str
    start: int
    end: int
    records: int
    tick: datetime | None = None
    token: str


class _Organization(msgspec.Struct):
    """The only decoded member of a record's value: its organization, "" if it names none."""

    organization: str = ""


class Partition(Reader[TopicPartition]):
    """The partition that a query names by `topic` (by default billing.events) and `partition`."""

    _PARTITIONS_MAX = 1_023

    def __init__(self) -> None:
        partition = {"type": "integer", "minimum": 0, "maximum": self._PARTITIONS_MAX, "default": 0}
        self._topic = Choice("topic", _TOPICS)
        self.schemas = {**self._topic.schemas, "partition": partition}

    def read(self, query: Query) -> TopicPartition:
        return self._topic.read(query) or EVENTS, whole_number(query, "partition", 0, 0, self._PARTITIONS_MAX)


router = organization_router("proofs", prefix="/audit")
_PLACE, _OFFSET = Partition(), Whole("offset", 0, 0, _OFFSET_MAX)
_FIRST, _SECOND = Whole("first", 1, 1, _OFFSET_MAX), Whole("second", 0, 0, _OFFSET_MAX)


@router.get("/checkpoints", response_model=listed(CheckpointShown))
async def list_checkpoints(
    call: Caller, log_partition: Annotated[TopicPartition, Depends(_PLACE)], page: Annotated[Page, Depends(Paging())]
) -> Response:
    """Signed checkpoints of a partition of the log, newest first: a digest of the partition at each quarter hour."""
    await _require(call, log_partition)
    async with LogReader(call.api.cluster) as reader:
        published = await _page_of(reader, log_partition, page, call)
    return page.answer([_shown(checkpoint) for checkpoint in page.shown(published)], published, _size)


@router.get("/inclusion", response_model=Inclusion)
async def inclusion(
    call: Caller, log_partition: Annotated[TopicPartition, Depends(_PLACE)], offset: Annotated[int, Depends(_OFFSET)]
) -> Response:
    """Proof that a record of the organization stands in the log, under the newest signed checkpoint."""
    await _require(call, log_partition)
    unknown = UnknownResource(kind="record", id=f"{log_partition[0]}/{log_partition[1]}/{offset}")
    try:
        async with LogReader(call.api.cluster) as reader:
            proof = await prove_inclusion(reader, log_partition, offset, call.api.proof_key, call.organization)
        told = msgspec.json.decode(proof.value, type=_Organization)
    except (NoRecordError, *NOT_JSON) as error:
        raise unknown from error
    if told.organization != call.organization:
        raise unknown
    return _answer(proof)


@router.get("/consistency", response_model=Consistency)
async def consistency(
    call: Caller,
    log_partition: Annotated[TopicPartition, Depends(_PLACE)],
    first: Annotated[int, Depends(_FIRST)],
    second: Annotated[int, Depends(_SECOND)],
) -> Response:
    """Proof that checkpoint `second`, or the newest one, goes on from `first`: nothing before that was changed."""
    await _require(call, log_partition)
    async with LogReader(call.api.cluster) as reader:
        key, whose = call.api.proof_key, call.organization
        return _answer(await prove_consistency(reader, log_partition, first, second or None, key, whose))


async def _page_of(reader: LogReader, log_partition: TopicPartition, page: Page, call: Call) -> list[Published]:
    """The checkpoints of a page, and one more. Without the operator's key all are read, because only all of them tell
    which key signed last.
    """
    if (key := call.api.proof_key) is not None:
        return await heads_before(reader, log_partition, key, page.before, page.fetched, call.organization)
    try:
        heads = await all_heads(reader, log_partition, None, call.organization)
    except NoHeadsError:
        heads = []
    return page.fetched_of(reversed(heads), _size)


async def _require(call: Call, log_partition: TopicPartition) -> None:
    """Check that the organization and the partition exist; the calls that follow have connections of their own.

    Raises: UnknownOrganization, UnknownResource.
    """
    async with call.reading():
        pass
    topic, partition = log_partition
    if partition >= (call.api.generations.partitions if topic == EVENTS else 1):
        raise UnknownResource(kind="partition", id=f"{topic}/{partition}")


def _answer(document: Document) -> Response:
    return AsItStands(encode(document.model_dump(mode="json", by_alias=True, exclude_none=True)))


def _size(published: Published) -> int:
    return published.head.size


def _shown(published: Published) -> dict[str, Any]:
    head, segment = published.head, published.head.segment
    document = {
        "topic": head.topic,
        "partition": head.partition,
        "size": head.size,
        "root": head.root.hex(),
        "start": segment.start,
        "end": segment.end,
        "records": segment.records,
        "token": published.token,
    }
    return document | ({"tick": segment.tick} if segment.tick else {})
