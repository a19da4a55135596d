"""Settles the records of one poll of one partition: every record gets exactly one disposition.

Pure: it takes records and memory, and returns the records to write by destination. It updates memory as it goes, so if
writing the outcome fails, the memory of the partition (`PartitionState`) must be dropped and the log folded again.

A refused record goes to `usage.rejected`, a strayed one to the right partition of `usage` (`elsewhere.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import localcontext

import numpy as np

from events.decimals import EXACT
from events.sources import ID_HASH_BYTES
from services.ingest.catalogs import Catalogs
from services.ingest.cloudevent import CloudEvent, decode
from services.ingest.elsewhere import rejected, rerouted, size_of
from services.ingest.instants import Arrival, arrival, arrival_ms, day_number
from services.ingest.json_text import MARK, check_names
from services.ingest.lane import Lane, find_account, find_meter, find_seal, lane_of
from services.ingest.partition import PartitionState
from services.ingest.record import MarkData, Rated, ReadData
from services.ingest.validate import MAX_USAGE_BYTES, Usage, accept, conflict
from services.kafka import FetchedRecord, Record, mark_of
from services.refusals.refusal import Reason, Refused
from services.sight.traceparent import HEADER, NOT_TRACED, Traced

#: Records that are settled without a break: a few milliseconds' worth.
_PART = 500
#: A valid record of this partition that may still be a duplicate. A plain tuple, because every record makes one.
_Candidate = tuple[FetchedRecord, Arrival, Usage]


@dataclass(slots=True)
class Settling:
    """A poll of one partition, as far as its records are settled."""

    partition: int
    #: The partition for its refused records and its facts.
    home: int
    next_offset: int
    #: Size of the largest record, in bytes.
    record_bytes: int
    #: Which of its records carry a publisher's trace.
    traced: Traced = NOT_TRACED
    rejected: list[Record] = field(default_factory=list)
    #: Re-routed records, by their right partition of `usage`.
    rerouted: dict[int, list[Record]] = field(default_factory=dict)
    #: `UsageRated` in order of offset.
    rated: list[Record] = field(default_factory=list)
    duplicate: int = 0
    reasons: dict[Reason, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PollOutcome:
    """What a poll of one partition leads to. What goes elsewhere is acknowledged before `records` are appended."""

    partition: int
    home: int
    traced: Traced
    rejected: Sequence[Record]
    rerouted: Mapping[int, Sequence[Record]]
    #: For `billing.events`: `UsageRated` in order of offset, then one `UsageRead`.
    records: Sequence[Record]
    reasons: Mapping[Reason, int]
    #: What became of the records: what the `UsageRead` says.
    counts: ReadData


def parts_of(records: Sequence[FetchedRecord]) -> Iterator[Sequence[FetchedRecord]]:
    """The records in parts short enough that the caller can do other things in between."""
    for start in range(0, len(records), _PART):
        yield records[start : start + _PART]


def settle_part(
    records: Sequence[FetchedRecord], state: PartitionState, catalogs: Catalogs, settling: Settling
) -> None:
    """Judge, dedupe and rate the next records of a batch into what was settled of it."""
    candidates = _judged(records, state, catalogs, settling)
    if not candidates:
        return
    day = day_number(records[-1].timestamp)
    state.seen.compact(day)
    contents = state.seen.contents_of([usage.digest for _, _, usage in candidates], day)
    rate, admit, accepted = state.rater.rate, state.seen.admit, list[Rated]()
    with localcontext(EXACT):
        for record, arrived, usage in candidates:
            digest = usage.digest
            content = contents.get(digest[:ID_HASH_BYTES]) if contents else None
            if content is None:
                content = admit(digest, day)
            if content is None:
                accepted.append((record.offset, arrived.text, usage, rate(usage, catalogs)))
            elif content == digest[ID_HASH_BYTES:]:
                settling.duplicate += 1
            else:
                _reject(record, arrived.ms, conflict(usage), settling)
    if accepted:
        written = state.writer.rated(accepted, catalogs.offset)
        settling.rated += (
            _followed(written, accepted, settling.traced.contexts) if settling.traced.contexts else written
        )
        state.rated_up_to(accepted[-1][0])


def _followed(written: Sequence[Record], accepted: Sequence[Rated], traced: Mapping[int, bytes]) -> Iterator[Record]:
    """The written records; those whose publisher traces them get the publisher's `traceparent` as a header."""
    for record, (offset, *_) in zip(written, accepted, strict=True):
        context = traced.get(offset)
        yield record if context is None else Record(record.key, record.value, [(HEADER, context)])


def _judged(
    records: Sequence[FetchedRecord], state: PartitionState, catalogs: Catalogs, settling: Settling
) -> list[_Candidate]:
    candidates, lanes = list[_Candidate](), state.lanes
    arrived = arrival(records[0].timestamp)
    for record in records:
        headers = record.headers
        ms = arrival_ms(record.timestamp, headers) if headers else record.timestamp
        if ms != arrived.ms:
            arrived = arrival(ms)
        try:
            value = record.value or b""
            if (size_of(record) if headers else len(value) + len(record.key or b"")) > MAX_USAGE_BYTES:
                raise _oversized()
            event = decode(value, headers)
            key = (event.organization, event.subject, event.data.meter)
            lane = lanes.get(key)
            if lane is None:
                lane = state.add_lane(key, _new_lane(event, state.partition, catalogs))
            candidates.append((record, arrived, accept(event, lane, arrived)))
        except _StrayedError as strayed:
            settling.rerouted.setdefault(strayed.partition, []).append(rerouted(record, ms))
        except Refused as refused:
            _reject(record, ms, refused, settling)
    # A string takes two marks, so with no more of them than that no name stands twice (`json_text` says why).
    strings = sum([usage.strings for _, _, usage in candidates])
    if quotation_marks([record.value for record, _, _ in candidates]) == 2 * strings:
        return candidates
    return list(_named_once(candidates, settling))


def quotation_marks(values: Sequence[bytes]) -> int:
    """The number of quotation marks in all these texts."""
    return int(np.count_nonzero(np.frombuffer(b"".join(values), np.uint8) == MARK[0]))


def _named_once(candidates: Sequence[_Candidate], settling: Settling) -> Iterator[_Candidate]:
    """Those in which no name stands twice; the others are refused."""
    for record, arrived, usage in candidates:
        try:
            if quotation_marks([record.value]) != 2 * usage.strings:
                check_names(record.value)
            yield record, arrived, usage
        except Refused as refused:
            _reject(record, arrived.ms, refused, settling)


class _StrayedError(Exception):
    """The record's account lies in another partition."""

    def __init__(self, partition: int) -> None:
        super().__init__()
        self.partition = partition


def _new_lane(event: CloudEvent, partition: int, catalogs: Catalogs) -> Lane:
    """The lane of an event of this partition. Raises: Refused, _StrayedError."""
    directory = catalogs.directory(event.organization)
    account = find_account(event, directory)
    assert directory is not None
    if account.partition != partition:
        raise _StrayedError(account.partition)
    meter = find_meter(event, directory)
    seal = find_seal(directory, catalogs.sealer(account.id))
    return lane_of(directory, account, meter, catalogs.meter_plan(directory, meter.id), seal)


def _oversized() -> Refused:
    return Refused(Reason.OVERSIZED, f"a record must have at most {MAX_USAGE_BYTES} bytes with key and headers")


def _reject(record: FetchedRecord, ms: int, refused: Refused, settling: Settling) -> None:
    settling.rejected.append(rejected(record, settling.partition, refused, ms, settling.record_bytes))
    settling.reasons[refused.reason] = settling.reasons.get(refused.reason, 0) + 1


def finish(last: FetchedRecord | None, state: PartitionState, settling: Settling) -> PollOutcome:
    """What a batch led to whose records are all settled.

    `last` is its last record; None if the poll read only ends of transactions.
    """
    state.read_up_to(settling.next_offset, None if last is None else mark_of(last))
    mark = state.mark
    counts = ReadData(
        settling.next_offset,
        rated=len(settling.rated),
        duplicate=settling.duplicate,
        rejected=len(settling.rejected),
        rerouted=sum(map(len, settling.rerouted.values())),
        mark=None if mark is None else MarkData(mark.offset, mark.ms, mark.digest.hex()),
    )
    read = Record(None, state.writer.read(arrival(0 if mark is None else mark.ms).text, counts))
    return PollOutcome(
        settling.partition,
        settling.home,
        settling.traced,
        settling.rejected,
        settling.rerouted,
        [*settling.rated, read],
        settling.reasons,
        counts,
    )
