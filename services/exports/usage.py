"""Totals of usage by account, aggregation, segment and day, as the read models have them when they are asked.

Bill lines of a range are the same for ever. Usage of the same days may change: an export holds what had come, and was
corrected, by its time.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from events.dates import EARLIEST, LATEST
from projections.aggregates import shown, value
from projections.readmodels.usage_totals import day_state
from projections.too_large import check_size
from services.concurrency import compute
from services.exports.columns import Column, Row
from services.exports.writing import Sheet
from services.postgres import Postgres
from services.readside.live import reading_live

USAGE = (
    *(Column("account_id"), Column("account_code"), Column("meter_id")),
    *(Column("aggregation_id"), Column("aggregation_code"), Column("function")),
    *(Column("segment"), Column("day", "DAY"), Column("quantity", "NUMBER"), Column("records", "WHOLE")),
)
#: Number of accounts whose totals are read at once, and of rows for each.
_ACCOUNTS_AT_ONCE, _ROWS_AT_ONCE = 20, 500
_ACCOUNTS = f"""
SELECT id, body->>'code' AS code FROM store.entities
WHERE organization = $1 AND kind = 'account' AND id > $2 AND ($3::text[] IS NULL OR id = ANY ($3))
ORDER BY id LIMIT {_ACCOUNTS_AT_ONCE}
"""
_AGGREGATIONS = """
SELECT id, body->>'code' AS code, body->>'meterId' AS meter, body->>'aggregation' AS function FROM store.entities
WHERE organization = $1 AND kind = 'aggregation' AND ($2::text[] IS NULL OR body->>'meterId' = ANY ($2))
"""
#: For each account the totals after the last one that was read.
_TOTALS = f"""
SELECT totals.* FROM unnest($4::text[], $5::text[], $6::text[], $7::date[])
    WITH ORDINALITY AS asked (id, aggregation, segment, day, place)
CROSS JOIN LATERAL (
    SELECT account_id, aggregation_id, segment, day, records, total, state::text FROM usage_totals held
    WHERE held.account_id = asked.id AND held.aggregation_id = ANY ($1::text[]) AND held.day >= $2 AND held.day < $3
        AND held.records > 0
        AND (held.aggregation_id, held.segment, held.day) > (asked.aggregation, asked.segment, asked.day)
    ORDER BY held.aggregation_id, held.segment, held.day LIMIT {_ROWS_AT_ONCE}
) totals
ORDER BY asked.place, totals.aggregation_id, totals.segment, totals.day
"""


class UsageAsked(NamedTuple):
    """The requested days `[start, end)` of each account's zone; `accounts` and `meters`: ids, None for all."""

    start: date
    end: date
    accounts: tuple[str, ...] | None = None
    meters: tuple[str, ...] | None = None


def usage_asked(request: Mapping[str, Any]) -> UsageAsked:
    """The usage that the request of a job asks for."""
    start, end = (request.get(name) for name in ("startDate", "endDate"))
    accounts, meters = (request.get(name) for name in ("accountIds", "meterIds"))
    return UsageAsked(
        EARLIEST if start is None else date.fromisoformat(start),
        LATEST if end is None else date.fromisoformat(end),
        None if accounts is None else tuple(accounts),
        None if meters is None else tuple(meters),
    )


async def export_usage(postgres: Postgres, organization: str, asked: UsageAsked, sheet: Sheet) -> int:
    """Write a row for each total; returns the number of rows. Raises: TooLargeError."""
    written = 0
    async for rows in _rows(postgres, organization, asked):
        await asyncio.to_thread(sheet.write, rows)
        written += len(rows)
    await asyncio.to_thread(sheet.finish)
    return written


async def _rows(postgres: Postgres, organization: str, asked: UsageAsked) -> AsyncIterator[list[Row]]:
    """The rows by account, in the order of ids, a few accounts at a time. No connection is held between the queries."""
    async with postgres.connection() as connection:
        rows = await connection.fetch(_AGGREGATIONS, organization, None if asked.meters is None else list(asked.meters))
    aggregations = {row["id"]: row for row in rows}
    accounts = None if asked.accounts is None else list(asked.accounts)
    after, more = "", True
    while more:
        async with postgres.connection() as connection:
            page = await connection.fetch(_ACCOUNTS, organization, after, accounts)
        codes = {row["id"]: row["code"] for row in page}
        places = {id: ("", "", date.min) for id in codes}
        while places:
            behind = zip(*((id, *place) for id, place in places.items()), strict=True)
            async with reading_live(postgres) as connection:
                columns = map(list, behind)
                totals = await connection.fetch(_TOTALS, list(aggregations), asked.start, asked.end, *columns)
            yield await compute(organization, _told, totals, codes, aggregations)
            places = _left(totals)
        more = len(page) == _ACCOUNTS_AT_ONCE
        after = page[-1]["id"] if page else after


def _left(totals: Sequence[Any]) -> dict[str, tuple[str, str, date]]:
    """The accounts that may have more totals, each with the place of its last one."""
    counts = Counter(total["account_id"] for total in totals)
    last = {total["account_id"]: (total["aggregation_id"], total["segment"], total["day"]) for total in totals}
    return {id: last[id] for id, count in counts.items() if count == _ROWS_AT_ONCE}


def _told(totals: Sequence[Any], codes: Mapping[str, str], aggregations: Mapping[str, Any]) -> list[Row]:
    """The totals as rows, in the order of USAGE."""
    rows = list[Row]()
    for total in totals:
        account, aggregation = total["account_id"], aggregations[total["aggregation_id"]]
        quantity = shown(value(aggregation["function"], day_state(total)))
        check_size(account, ("usage of aggregation", aggregation["id"], "on", total["day"]), quantity)
        about = aggregation["meter"], aggregation["id"], aggregation["code"], aggregation["function"]
        rows.append((account, codes[account], *about, total["segment"], total["day"], quantity, total["records"]))
    return rows
