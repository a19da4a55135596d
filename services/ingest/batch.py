"""Settles the records of one poll of one partition: every record gets exactly one disposition.

Pure: it takes records and memory, and returns what is to be written where. Memory is updated as it goes, so whoever
fails to write the outcome must drop the memory of the partition (`PartitionState`) and fold the log again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import localcontext

from aiokafka import ConsumerRecord

from events.decimals import EXACT
from services.ingest.arrival import Arrival, arrival, arrival_ms, day_number
from services.ingest.catalogs import Catalogs
from services.ingest.cloudevent import decode
from services.ingest.digest import ID_BYTES
from services.ingest.directory import Directory
from services.ingest.elsewhere import rejected, rerouted, size_of
from services.ingest.partition import PartitionState
from services.ingest.record import Charge, ReadData
from services.ingest.refusal import Reason, Refused
from services.ingest.validate import MAX_USAGE_BYTES, Usage, accept, find_account
from services.kafka import Record


@dataclass(slots=True)
class Outcome:
    """What a poll of one partition leads to. `elsewhere` is acknowledged before `records` are appended."""

    next_offset: int
    rejected: list[Record] = field(default_factory=list)
    #: By the partition of `usage` in which they settle.
    rerouted: dict[int, list[Record]] = field(default_factory=dict)
    #: For `billing.events`: `UsageRated` in order of offset, then one `UsageRead`.
    records: list[Record] = field(default_factory=list)
    counts: ReadData = field(default_factory=lambda: ReadData(0, 0, 0, 0, 0))
    reasons: dict[Reason, int] = field(default_factory=dict)


#: A valid record of this partition that may still be a duplicate: a plain tuple, there is one for each record.
_Candidate = tuple[ConsumerRecord, Arrival, Directory, Usage]


def settle_batch(records: Sequence[ConsumerRecord], state: PartitionState, catalogs: Catalogs) -> Outcome:
    """Judge, dedupe and rate the records, which are the next of their partition, in order; at least one."""
    outcome = Outcome(records[-1].offset + 1)
    candidates = _judged(records, state, catalogs, outcome)
    day = day_number(records[-1].timestamp)
    state.seen.compact(day)
    known = state.seen.known([usage.digest for _, _, _, usage in candidates], day)
    with localcontext(EXACT):
        for one in candidates:
            digest = one[3].digest
            content = known.get(digest[:ID_BYTES]) or state.seen.recent(digest, day)
            if content is None:
                state.seen.remember(digest, day)
                _rate(one, state, catalogs, outcome)
            elif content == digest[ID_BYTES:]:
                outcome.counts.duplicate += 1
            else:
                _reject(one[0], one[1].ms, _conflict(one[3]), outcome)
    _finish(records[-1], state, outcome)
    return outcome


def _judged(
    records: Sequence[ConsumerRecord], state: PartitionState, catalogs: Catalogs, outcome: Outcome
) -> list[_Candidate]:
    candidates = []
    arrived = arrival(records[0].timestamp)
    for record in records:
        headers, value = record.headers, record.value
        ms = arrival_ms(record.timestamp, headers) if headers else record.timestamp
        if ms != arrived.ms:
            arrived = arrival(ms)
        try:
            if headers or record.key or value is None or len(value) > MAX_USAGE_BYTES:
                _check_size(record)
            event = decode(value, headers)
            directory = catalogs.directory(event.organization)
            account = find_account(event, directory)
            assert directory is not None
            if account.partition != state.partition:
                outcome.rerouted.setdefault(account.partition, []).append(rerouted(record, ms))
                outcome.counts.rerouted += 1
                continue
            candidates.append((record, arrived, directory, accept(event, account, directory, arrived)))
        except Refused as refused:
            _reject(record, ms, refused, outcome)
    return candidates


def _check_size(record: ConsumerRecord) -> None:
    if size_of(record) > MAX_USAGE_BYTES:
        raise Refused(Reason.OVERSIZED, f"a record must have at most {MAX_USAGE_BYTES} bytes with key and headers")


def _rate(one: _Candidate, state: PartitionState, catalogs: Catalogs, outcome: Outcome) -> None:
    record, arrived, directory, usage = one
    charges: Sequence[Charge] = ()
    plan = catalogs.meter_plan(directory, usage.meter.id)
    if plan is not None:
        day = state.days.of(usage.ts, usage.ts_text, usage.account.timezone)
        charges = state.rater.rate(usage, day, plan, directory, catalogs.readers)
    offset: int = record.offset
    outcome.records.append(Record(None, state.writer.rated(usage, offset, arrived.text, charges, catalogs.offset)))
    outcome.counts.rated += 1
    state.last_rated = offset


def _conflict(usage: Usage) -> Refused:
    return Refused(Reason.ID_CONFLICT, f"id {usage.usage_id!r} of source {usage.source!r} was used with other content")


def _reject(record: ConsumerRecord, ms: int, refused: Refused, outcome: Outcome) -> None:
    outcome.rejected.append(rejected(record, refused, ms))
    outcome.counts.rejected += 1
    outcome.reasons[refused.reason] = outcome.reasons.get(refused.reason, 0) + 1


def _finish(last: ConsumerRecord, state: PartitionState, outcome: Outcome) -> None:
    outcome.counts.next_offset = state.last_read = outcome.next_offset
    value = state.writer.read(arrival(last.timestamp).text, outcome.counts)
    outcome.records.append(Record(None, value))
