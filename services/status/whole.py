"""The state of the whole system in one document: how far each process is behind, since when the oldest usage waits,
which families wait to be settled, and what the processes say of themselves.

All but the last is read from Kafka and Postgres, so it is right whether or not the processes answer.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from events.dates import from_ms
from events.topics import CATALOG, EVENTS, USAGE
from projections.readmodels.due import FAILED, TOO_LARGE
from services.audit.passes import Pass, read_passes
from services.billing.jobs import BILL_JOBS
from services.kafka import Cluster, LogReader
from services.postgres import open_postgres
from services.readside.agreement_rows import due_families
from services.readside.live import OutdatedReadModelsError, reading_live
from services.readside.looking import Seen
from services.readside.targets import usage_read
from services.readside.watching import open_watcher
from services.run.stack import Endpoints
from services.status.processes import Said, together

#: Topic -> partition -> end offset, exclusive.
Ends = Mapping[str, Mapping[int, int]]
RELAY, INGEST, PROJECTOR = "relay", "ingest worker", "projector"
#: Bytes to fetch for the first waiting record; Kafka returns a larger one whole.
_FETCH_BYTES = 64 * 1024
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BehindBy:
    """How many events or records a process is behind, and the position at which it is."""

    count: int
    standing: object


def behind(seen: Seen, ends: Ends) -> dict[str, BehindBy]:
    """By process: events that the relay has not published, usage not read yet, records of the log not folded yet.

    If `ends` is empty, only the relay's, which Postgres alone tells.
    """
    behind_by = {RELAY: BehindBy(seen.head - seen.relayed, seen.relayed)}
    if ends:
        read, folded = usage_read(seen, ends[USAGE]), folded_of(seen, ends)
        behind_by[INGEST] = BehindBy(_missing(ends[USAGE], read), read)
        behind_by[PROJECTOR] = BehindBy(_missing(ends[EVENTS], folded), seen.projected)
    return behind_by


def folded_of(seen: Seen, ends: Ends) -> dict[int, int]:
    """The offset up to which each partition of `billing.events` is folded into the live read models, exclusive."""
    return {partition: seen.projected.next_offsets.get(partition, 0) for partition in ends[EVENTS]}


def _missing(ends: Mapping[int, int], reached: Mapping[int, int]) -> int:
    return sum(max(0, end - reached[partition]) for partition, end in ends.items())


async def oldest_unprojected(cluster: Cluster, seen: Seen, ends: Ends) -> datetime | None:
    """The arrival, as stamped by Kafka, of the oldest usage that is not in the read models; None if all is.

    Raises: KafkaUnreachableError.
    """
    read = usage_read(seen, ends[USAGE])
    waiting = {partition: read[partition] for partition, end in ends[USAGE].items() if read[partition] < end}
    if not waiting:
        return None
    arrivals: list[datetime] = []
    async with LogReader(cluster, committed=True, fetch_bytes=_FETCH_BYTES) as reader:
        # Usage that retention has deleted does not wait any more; each process's guard reports that it is lost.
        beginnings = await reader.beginning_offsets(USAGE, waiting)
        for partition, offset in waiting.items():
            start = max(offset, beginnings[partition])
            async with aclosing(reader.read(USAGE, partition, start, ends[USAGE][partition], max_records=1)) as records:
                async for [record] in records:
                    arrivals.append(from_ms(record.timestamp))
                    break
    return min(arrivals, default=None)


async def look(endpoints: Endpoints) -> Document:
    """The document, from Kafka and Postgres alone.

    Raises: KafkaUnreachableError, PostgresUnreachableError, NotMigratedError.
    """
    url, cluster = endpoints.database_url, endpoints.kafka
    async with open_watcher(url, cluster) as watcher, open_postgres(url, most=1) as postgres:
        ends = {topic: await watcher.ends(topic) for topic in (USAGE, EVENTS, CATALOG)}
        seen = await watcher.now()  # after the ends, so that no lag is shown too large
        oldest = await oldest_unprojected(cluster, seen, ends)
        async with postgres.connection() as connection:
            passes, jobs = await read_passes(connection), await BILL_JOBS.count_open(connection)
        async with reading_live(postgres) as connection:
            due = await due_families(connection)
    now = datetime.now(UTC)
    return {
        "at": now.isoformat(timespec="seconds"),
        "events": {"newest": seen.head, "relayed": seen.relayed},
        "behind": {who: standing.count for who, standing in behind(seen, ends).items()},
        "usage": _partitions(ends[USAGE], usage_read(seen, ends[USAGE]), "projected"),
        "log": _partitions(ends[EVENTS], folded_of(seen, ends), "projected"),
        "oldestUnprojectedUsage": None if oldest is None else oldest.isoformat(),
        "oldestUnprojectedSeconds": 0.0 if oldest is None else max(0.0, round((now - oldest).total_seconds(), 3)),
        "dueFamilies": due,
        "billJobsOpen": jobs,
        "passes": [_pass(last, now) for last in passes],
        "problems": list(_problems(seen, ends, due, passes)),
    }


def with_processes(document: Document, said: Sequence[Said]) -> Document:
    """The document with what the processes said and the totals of their metrics added."""
    not_ready = [
        f"{process.process} at {process.url}: {'; '.join(process.why)}"
        for process in said
        if not (process.is_live and process.is_ready)
    ]
    problems = [*document.get("problems", ()), *not_ready]
    told = {"processes": [process.document() for process in said], "shown": together(process.shown for process in said)}
    return {**document, **told, "problems": problems}


def _partitions(ends: Mapping[int, int], reached: Mapping[int, int], name: str) -> list[Document]:
    return [
        {"partition": partition, "end": end, name: reached[partition], "behind": max(0, end - reached[partition])}
        for partition, end in sorted(ends.items())
    ]


def _pass(last: Pass, now: datetime) -> Document:
    document = {"by": last.kind, "ended": last.ended.isoformat(timespec="seconds"), "holds": last.holds}
    document |= {"seconds": round((now - last.ended).total_seconds()), "unexplained": f"{last.unexplained:.2f}"}
    return document | (
        {"positions": {str(key): value for key, value in last.positions.items()}} if last.positions else {}
    )


def _problems(seen: Seen, ends: Ends, due: Mapping[str, int], passes: Sequence[Pass]) -> list[str]:
    """What an operator should look at, a sentence each. Being behind for a moment is not a problem."""
    problems = [] if seen.outdated is None else [str(OutdatedReadModelsError(seen.outdated))]
    if due.get(FAILED):
        problems.append(f"{due[FAILED]} families could not be settled: the projector's log has family_not_settled")
    if due.get(TOO_LARGE):
        problems.append(
            f"{due[TOO_LARGE]} families have numbers that are too large to be kept: the projector's log names them"
        )
    for last in passes:
        if not last.holds:
            words = f"the last {last.kind} of {last.ended.isoformat(timespec='seconds')} does not hold"
            problems.append(f"{words}: unexplained {last.unexplained:.2f}")
    for topic, name in ((USAGE, "usage"), (EVENTS, "the log")):
        added = len(ends[topic]) - seen.generations.partitions
        if added > 0:
            problems.append(f"{name} has {added} partitions more than it was made with")
    return problems
