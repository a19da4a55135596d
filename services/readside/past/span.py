"""Between which days an account has anything, and since when anything was known of it."""

from collections import OrderedDict
from datetime import date, datetime, timedelta
from threading import Lock
from typing import Any

from events.dates import read_moment
from events.topics import EVENTS
from projections.calendar import ONE_DAY, named_day
from services.kafka import EPOCH, Cluster, LogReader
from services.postgres import Postgres
from services.readside.live import reading_live
from services.store.finding import is_of_account

#: Days and date-times sort as their texts do, but for those of one day, which name that day or one beside it.
_TERMS = f"""
SELECT min(e.body->>'startDate') AS first, max(coalesce(e.body->>'rolloverEndDate', e.body->>'endDate')) AS last
FROM store.entities e
WHERE e.organization = $1 AND e.kind IN ('commitment', 'balance', 'accountPlan') AND {is_of_account("e", "$2")}
"""
_FIRST = """
SELECT partition, log_offset FROM facts WHERE organization = $1 AND resource_id = $2 ORDER BY log_offset LIMIT 1
"""
#: When the first facts about accounts were appended: a record's log time never changes. The oldest asked for go first.
_KEPT = 10_000
_times: OrderedDict[tuple[str, int, int], datetime] = OrderedDict()
_times_lock = Lock()


async def read_terms(connection: Any, organization: str, account: str, zone: str) -> tuple[date | None, date | None]:
    """The first and the last day on which the account has a commitment, a balance or a plan; None: it has none, or
    none that ends."""
    row = await connection.fetchrow(_TERMS, organization, account)
    first, last = (None if text is None else named_day(read_moment(text), zone) for text in (row["first"], row["last"]))
    return first, None if last is None else last - ONE_DAY


async def first_known(postgres: Postgres, cluster: Cluster, organization: str, account: str) -> datetime | None:
    """The log time of the first fact about the account; None: nobody knows of it yet."""
    async with reading_live(postgres) as connection:
        row = await connection.fetchrow(_FIRST, organization, account)
    if row is None:
        return None
    key = (account, row["partition"], row["log_offset"])
    with _times_lock:
        time = _times.get(key)
    if time is None:
        time = await _log_time(cluster, row["partition"], row["log_offset"])
        with _times_lock:
            _times[key] = time
            while len(_times) > _KEPT:
                _times.popitem(last=False)
    return time


async def _log_time(cluster: Cluster, partition: int, offset: int) -> datetime:
    async with LogReader(cluster) as reader:
        async for records in reader.read(EVENTS, partition, offset, offset + 1):
            return EPOCH + timedelta(milliseconds=records[0].timestamp)
    raise AssertionError("a read ends with its last offset")
