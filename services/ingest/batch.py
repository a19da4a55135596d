"""Settles the records of one poll of one partition: every record gets exactly one disposition.

Pure: it takes records and memory, and returns what is to be written where. Memory is updated as it goes, so whoever
fails to write the outcome must drop the memory of the partition (`PartitionState`) and fold the log again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import localcontext
from typing import NamedTuple

from aiokafka import ConsumerRecord

from events.decimals import EXACT
from services.ingest.arrival import arrival_ms, day_number, instant, instant_text
from services.ingest.catalogs import Catalogs
from services.ingest.cloudevent import decode
from services.ingest.digest import ID_BYTES
from services.ingest.directory import Directory
from services.ingest.elsewhere import rejected, rerouted, size_of
from services.ingest.partition import PartitionState
from services.ingest.record import Charge, ReadData
from services.ingest.refusal import Reason, Refused
from services.ingest.totals import parts_of
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


class _Candidate(NamedTuple):
    """A valid record of this partition that may still be a duplicate."""

    record: ConsumerRecord
    arrival: int
    directory: Directory
    usage: Usage


def settle_batch(records: Sequence[ConsumerRecord], state: PartitionState, catalogs: Catalogs) -> Outcome:
    """Judge, dedupe and rate the records, which are the next of their partition, in order; at least one."""
    outcome = Outcome(records[-1].offset + 1)
    candidates = _judged(records, state, catalogs, outcome)
    day = day_number(records[-1].timestamp)
    state.seen.compact(day)
    known = state.seen.known([one.usage.digest for one in candidates], day)
    with localcontext(EXACT):
        for one in candidates:
            digest = one.usage.digest
            content = known.get(digest[:ID_BYTES]) or state.seen.recent(digest, day)
            if content is None:
                state.seen.remember(digest, day)
                _rate(one, state, catalogs, outcome)
            elif content == digest[ID_BYTES:]:
                outcome.counts.duplicate += 1
            else:
                _reject(one.record, one.arrival, _conflict(one.usage), outcome)
    _finish(records[-1], state, outcome)
    return outcome


def _judged(
    records: Sequence[ConsumerRecord], state: PartitionState, catalogs: Catalogs, outcome: Outcome
) -> list[_Candidate]:
    candidates = []
    for record in records:
        headers = record.headers
        arrival = arrival_ms(record.timestamp, headers) if headers else record.timestamp
        try:
            if size_of(record) > MAX_USAGE_BYTES:
                raise Refused(Reason.OVERSIZED, f"a record must have at most {MAX_USAGE_BYTES} bytes with its headers")
            event = decode(record.value, headers)
            directory = catalogs.directory(event.organization)
            account = find_account(event, directory)
            assert directory is not None
            if account.partition != state.partition:
                outcome.rerouted.setdefault(account.partition, []).append(rerouted(record, arrival))
                outcome.counts.rerouted += 1
                continue
            usage = accept(event, account, directory, instant(arrival))
        except Refused as refused:
            _reject(record, arrival, refused, outcome)
            continue
        candidates.append(_Candidate(record, arrival, directory, usage))
    return candidates


def _rate(one: _Candidate, state: PartitionState, catalogs: Catalogs, outcome: Outcome) -> None:
    usage, directory = one.usage, one.directory
    charges: list[Charge] = []
    plan = catalogs.meter_plan(directory, usage.meter.id)
    if plan is not None:
        data = usage.data
        texts = (data.who, data.what, data.where, data.other, data.metadata)
        parts = parts_of(plan, usage.values, texts, usage.ts, usage.usage_id)
        account_id = usage.account.id
        day = state.days.of(usage.ts, usage.ts_text, usage.account.timezone)
        for part in parts:
            charges += state.rater.rate(account_id, day, part, lambda key: catalogs.readers(directory, key))
        state.totals.add(account_id, day, plan, parts)
    offset = one.record.offset
    value = state.writer.rated(usage, offset, instant_text(one.arrival), tuple(charges), catalogs.offset)
    outcome.records.append(Record(None, value))
    outcome.counts.rated += 1
    state.last_rated = offset


def _conflict(usage: Usage) -> Refused:
    return Refused(Reason.ID_CONFLICT, f"id {usage.usage_id!r} of source {usage.source!r} was used with other content")


def _reject(record: ConsumerRecord, arrival: int, refused: Refused, outcome: Outcome) -> None:
    outcome.rejected.append(rejected(record, refused, arrival))
    outcome.counts.rejected += 1
    outcome.reasons[refused.reason] = outcome.reasons.get(refused.reason, 0) + 1


def _finish(last: ConsumerRecord, state: PartitionState, outcome: Outcome) -> None:
    outcome.counts.next_offset = state.last_read = outcome.next_offset
    value = state.writer.read(instant_text(last.timestamp), outcome.counts)
    outcome.records.append(Record(None, value))
