"""Settles the records of one poll of one partition: every record gets exactly one disposition.

Pure: it takes records and memory, and returns the records to write by destination. It updates memory as it goes, so if
writing the outcome fails, the memory of the partition (`PartitionState`) must be dropped and the log folded again.

A refused record goes to `usage.rejected`, a strayed record to the right partition of `usage`. A crash may write either
twice. For a re-route the second copy is a duplicate of the first (same id, same content). For a refusal both copies are
equal, byte for byte, and name the coordinates of the original: readers count those once.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import localcontext

import numpy as np

from events.decimals import EXACT
from events.sources import ID_HASH_BYTES
from events.topics import (
    ARRIVAL_HEADER,
    CUT_HEADER,
    HEADER_PREFIX,
    HELD_HEADER,
    OFFSET_HEADER,
    PARTITION_HEADER,
    REASON_HEADER,
    RULE_HEADER,
    TOPIC_HEADER,
    USAGE,
)
from services.ingest.catalogs import Catalogs
from services.ingest.cloudevent import CloudEvent, decode
from services.ingest.instants import Arrival, arrival, arrival_ms, day_number
from services.ingest.json_text import MARK, check_names
from services.ingest.lane import Lane, find_account, find_meter, find_seal, lane_of
from services.ingest.partition import PartitionState
from services.ingest.record import MarkData, Rated, ReadData
from services.ingest.validate import MAX_USAGE_BYTES, Usage, accept, conflict
from services.kafka import FetchedRecord, Record, header_bytes, mark_of
from services.refusals.refusal import Reason, Refused
from services.sight.traceparent import HEADER, NOT_TRACED, Traced

#: A refused record is kept whole up to this share of the largest record. For a larger record the value is cut to this
#: share, and key and headers to an eighth of it. With the headers about the refusal, the copy must stay below the
#: topic's limit, or no append could ever succeed and the partition would stop for good.
KEPT_SHARE = 2
MAX_RULE_LENGTH = 1000
#: Records that are settled without a pause: a few milliseconds of work.
_PART = 500
#: A valid record of this partition that may still be a duplicate. A plain tuple, because every record makes one.
_Candidate = tuple[FetchedRecord, Arrival, Usage]


@dataclass(slots=True)
class Outcome:
    """The outcome of a poll of one partition. Records for elsewhere are acknowledged before `records` are appended."""

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
    #: For `billing.events`: `UsageRated` in order of offset, then one `UsageRead`.
    records: list[Record] = field(default_factory=list)
    duplicate: int = 0
    reasons: dict[Reason, int] = field(default_factory=dict)
    #: The dispositions of the records, once all are settled: the content of `UsageRead`.
    counts: ReadData = field(default_factory=lambda: ReadData(0, 0, 0, 0, 0))


def parts_of(records: Sequence[FetchedRecord]) -> Iterator[Sequence[FetchedRecord]]:
    """The records in parts short enough that the caller can do other things in between."""
    for start in range(0, len(records), _PART):
        yield records[start : start + _PART]


def settle_part(records: Sequence[FetchedRecord], state: PartitionState, catalogs: Catalogs, outcome: Outcome) -> None:
    """Judge, dedupe and rate the next records of a batch into its outcome."""
    candidates = _judged(records, state, catalogs, outcome)
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
                accepted.append((record.offset, arrived.text, usage, rate(usage, catalogs.readers)))
            elif content == digest[ID_HASH_BYTES:]:
                outcome.duplicate += 1
            else:
                _reject(record, arrived.ms, conflict(usage), outcome)
    if accepted:
        written = state.writer.rated(accepted, catalogs.offset)
        outcome.records += _followed(written, accepted, outcome.traced.contexts) if outcome.traced.contexts else written
        state.rated_up_to(accepted[-1][0])


def _followed(written: Sequence[Record], accepted: Sequence[Rated], traced: Mapping[int, bytes]) -> Iterator[Record]:
    """The written records; those whose publisher traces them get the publisher's `traceparent` as a header."""
    for record, (offset, *_) in zip(written, accepted, strict=True):
        context = traced.get(offset)
        yield record if context is None else Record(record.key, record.value, [(HEADER, context)])


def _judged(
    records: Sequence[FetchedRecord], state: PartitionState, catalogs: Catalogs, outcome: Outcome
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
            outcome.rerouted.setdefault(strayed.partition, []).append(rerouted(record, ms))
        except Refused as refused:
            _reject(record, ms, refused, outcome)
    # Every string has two quotation marks, so a text with no more marks than that has no repeated name (see
    # `json_text`).
    strings = sum([usage.strings for _, _, usage in candidates])
    if quotation_marks([record.value for record, _, _ in candidates]) == 2 * strings:
        return candidates
    return list(_named_once(candidates, outcome))


def quotation_marks(values: Sequence[bytes]) -> int:
    """The number of quotation marks in all these texts."""
    return int(np.count_nonzero(np.frombuffer(b"".join(values), np.uint8) == MARK[0]))


def _named_once(candidates: Sequence[_Candidate], outcome: Outcome) -> Iterator[_Candidate]:
    """The records whose values have no repeated name; the others are refused."""
    for record, arrived, usage in candidates:
        try:
            if quotation_marks([record.value]) != 2 * usage.strings:
                check_names(record.value)
            yield record, arrived, usage
        except Refused as refused:
            _reject(record, arrived.ms, refused, outcome)


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


def _reject(record: FetchedRecord, ms: int, refused: Refused, outcome: Outcome) -> None:
    outcome.rejected.append(rejected(record, outcome.partition, refused, ms, outcome.record_bytes))
    outcome.reasons[refused.reason] = outcome.reasons.get(refused.reason, 0) + 1


def rerouted(record: FetchedRecord, arrival: int) -> Record:
    """The original record for another partition, with its first arrival in ms."""
    others = [(name, value) for name, value in record.headers if name != ARRIVAL_HEADER]
    return Record(record.key, record.value, [*others, (ARRIVAL_HEADER, b"%d" % arrival)])


def rejected(record: FetchedRecord, partition: int, refused: Refused, arrival: int, record_bytes: int) -> Record:
    """A refused record of this partition of `usage`: original bytes, key and headers, and the reason.

    The value of a record larger than half of the largest size may be cut; a header then says so. `record_bytes`: the
    largest size.
    """
    key, value, most = record.key, record.value or b"", record_bytes // KEPT_SHARE
    headers = [(name, value) for name, value in record.headers if not name.startswith(HEADER_PREFIX)]
    if size_of(record) > most:
        key = key if len(key or b"") <= most // 8 else None
        headers = headers if header_bytes(headers) <= most // 8 else []
    ours = [
        (REASON_HEADER, refused.reason.value.encode()),
        (RULE_HEADER, refused.rule[:MAX_RULE_LENGTH].encode(errors="replace")),
        (TOPIC_HEADER, USAGE.encode()),
        (PARTITION_HEADER, b"%d" % partition),
        (OFFSET_HEADER, b"%d" % record.offset),
        (ARRIVAL_HEADER, b"%d" % arrival),
    ]
    if refused.hold is not None:
        ours.append((HELD_HEADER, b"%d" % refused.hold.until(arrival)))
    if len(value) > most:
        ours.append((CUT_HEADER, f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()}".encode()))
        value = value[:most]
    return Record(key, value, [*headers, *ours])


def size_of(record: FetchedRecord) -> int:
    """The size of key, value and headers in bytes."""
    size = len(record.key or b"") + len(record.value or b"")
    return size + header_bytes(record.headers) if record.headers else size


def finish(last: FetchedRecord | None, state: PartitionState, outcome: Outcome) -> None:
    """Close a batch whose records are settled, with the counts of their dispositions.

    `last` is its last record; None if the poll read only ends of transactions.
    """
    state.read_up_to(outcome.next_offset, None if last is None else mark_of(last))
    mark = state.mark
    outcome.counts = ReadData(
        outcome.next_offset,
        rated=len(outcome.records),
        duplicate=outcome.duplicate,
        rejected=len(outcome.rejected),
        rerouted=sum(map(len, outcome.rerouted.values())),
        mark=None if mark is None else MarkData(mark.offset, mark.ms, mark.digest.hex()),
    )
    value = state.writer.read(arrival(0 if mark is None else mark.ms).text, outcome.counts)
    outcome.records.append(Record(None, value))
