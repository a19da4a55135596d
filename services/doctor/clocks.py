"""Checks whether the clocks of this machine, of Postgres and of Kafka's brokers agree.

No request asks a broker for its time. But a broker stamps each record, and the relay's ticks name the quarter hour in
which they were written. So the newest tick shows how the broker's clock compared to the relay's at that time.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from events.codec import UndecodableRecordError, decode
from events.dates import from_ms
from events.facts.clock import ClockTicked
from events.topics import CATALOG
from projections.clock import QUARTER
from services.continuity.guard import TOLERANCE, differing
from services.doctor.findings import Check, Report
from services.kafka import Cluster, FetchedRecord, LogReader

#: A function that gives the present time of this machine, in UTC.
Now = Callable[[], datetime]
#: The number of records at the end of the catalog that are searched for a tick.
TAIL_RECORDS = 500
_NOW = "SELECT clock_timestamp()"
_MEND = "have all machines keep time by NTP"


def machine_now() -> datetime:
    """The present time by this machine's clock, in UTC."""
    return datetime.now(UTC)


async def compare_postgres(report: Report, connection: Any, now: Now) -> None:
    """Compare Postgres's clock to ours. Postgres is asked between two readings of our clock, and compared to their
    middle.
    """
    before = now()
    there = await connection.fetchval(_NOW)
    here = before + (now() - before) / 2
    apart = differing({"this machine": here, "Postgres": there})
    if apart:
        report.wrong(Check.CLOCK, "Postgres", apart[0], _MEND)
    else:
        report.ok(Check.CLOCK, "Postgres", f"its clock differs from this machine's by {_seconds(there - here)}")


async def compare_kafka(report: Report, cluster: Cluster, now: Now) -> None:
    """Compare the clock of Kafka's broker to ours and the relay's, by the relay's newest tick in the catalog.

    Raises: KafkaUnreachableError, KafkaForbidsError.
    """
    record = await _newest_tick(cluster)
    if record is None:
        report.not_tried(Check.CLOCK, "Kafka", "the log holds no tick of a relay yet, by which its clock would show")
        return
    stamp, tick = from_ms(record.timestamp), _tick_of(record)
    assert tick is not None
    told = f"as of the relay's tick of {tick:%Y-%m-%d %H:%M}"
    apart = differing({"Kafka": stamp, "this machine": min(now(), stamp)})
    if not apart and stamp < tick:
        apart = differing({"Kafka": stamp, "the relay's machine": tick})
    if apart:
        report.wrong(Check.CLOCK, "Kafka", f"{told}, {apart[0]}", _MEND)
        return
    late = stamp - tick - QUARTER
    if late > TOLERANCE:
        says = f"{told}, its clock was {_seconds(late)} or more ahead of the relay's machine or Postgres"
        report.wrong(Check.CLOCK, "Kafka", says, _MEND)
        return
    report.ok(Check.CLOCK, "Kafka", f"{told}, its clock agreed with the relay's within that quarter hour")


async def _newest_tick(cluster: Cluster) -> FetchedRecord | None:
    async with LogReader(cluster) as reader:
        end = (await reader.end_offsets(CATALOG, [0]))[0]
        begin = (await reader.beginning_offsets(CATALOG, [0]))[0]
        newest = None
        async for records in reader.read(CATALOG, 0, max(begin, end - TAIL_RECORDS), end):
            for record in records:
                if _tick_of(record) is not None:
                    newest = record
    return newest


def _tick_of(record: FetchedRecord) -> datetime | None:
    """The time that the record tells, if it is a tick of the relay; else None."""
    if b'"ClockTicked"' not in (record.value or b""):
        return None
    try:
        envelope = decode(record.value or b"")
    except UndecodableRecordError:  # a stranger's
        return None
    return envelope.data.now if isinstance(envelope.data, ClockTicked) and not envelope.organization else None


def _seconds(apart: timedelta) -> str:
    return f"{abs(apart.total_seconds()):.1f} s"
