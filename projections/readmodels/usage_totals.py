"""Table `usage_totals`: the mergeable state of one account, aggregation, segment and day.

Rows are written with absolute values, because a partition has only one writer, as the compare-and-set proves.
"""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from projections.aggregates import DayState
from projections.readmodels import Table

TABLE = Table(
    "usage_totals",
    hashed_by="account_id",
    ddl="""
CREATE TABLE usage_totals (
    partition integer NOT NULL,
    organization text NOT NULL,
    account_id text NOT NULL,
    aggregation_id text NOT NULL,
    segment text NOT NULL,
    day date NOT NULL,
    records bigint NOT NULL,
    total numeric NOT NULL,                     -- sum of values
    state jsonb,                                -- what the aggregation keeps besides: extremes, latest, distinct values
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    PRIMARY KEY (account_id, aggregation_id, segment, day)
);
CREATE INDEX usage_totals_by_partition ON usage_totals (partition);
""",
)

#: The first offset of a row stays: later usage has a later offset, and totals that are derived again begin as new rows.
#: A corrected event may stand anywhere in between; an event amended into another segment may even stand before all
#: others of its new segment.
UPSERT = """
INSERT INTO usage_totals (account_id, aggregation_id, segment, day, partition, organization, records, total, state,
                          first_offset, last_offset)
SELECT account_id, aggregation_id, segment, day, partition, organization, records, total, state::jsonb, first_offset,
       last_offset
FROM unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::integer[], $6::text[], $7::bigint[], $8::numeric[],
            $9::text[], $10::bigint[], $11::bigint[])
    AS given (account_id, aggregation_id, segment, day, partition, organization, records, total, state, first_offset,
              last_offset)
ON CONFLICT (account_id, aggregation_id, segment, day) DO UPDATE SET records = excluded.records,
    total = excluded.total, state = excluded.state,
    first_offset = least(usage_totals.first_offset, excluded.first_offset),
    last_offset = greatest(usage_totals.last_offset, excluded.last_offset)
"""
WIDTH = 11

#: $1 partition, $2 aggregations that are derived again, or deleted.
DROP_AGGREGATIONS = "DELETE FROM usage_totals WHERE partition = $1 AND aggregation_id = ANY ($2::text[])"

#: $1 account ids.
OF_ACCOUNTS = """
SELECT account_id, aggregation_id, segment, day, records, total, state::text, first_offset, last_offset
FROM usage_totals WHERE account_id = ANY ($1::text[])
"""

#: $1 account ids, $2 aggregations, $3 segments, $4 days: single totals.
OFFSETS = """
SELECT account_id, aggregation_id, segment, day, first_offset, last_offset FROM usage_totals
JOIN unnest($1::text[], $2::text[], $3::text[], $4::date[]) AS wanted (account_id, aggregation_id, segment, day)
    USING (account_id, aggregation_id, segment, day)
"""


class TotalRow(NamedTuple):
    """A row in the order of UPSERT's columns; the key stands first."""

    account_id: str
    aggregation_id: str
    segment: str
    day: date
    partition: int
    organization: str
    records: int
    total: Decimal
    state: str | None
    first_offset: int
    last_offset: int


def total_row(
    key: tuple[str, str, str, date],
    partition: int,
    organization: str,
    state: DayState,
    offsets: tuple[int, int],
) -> TotalRow:
    """The row of one day's state. Column `state` holds what a number and a count cannot express, else null."""
    rest = None
    if state.latest or state.values:
        document = state.to_json()
        rest = json.dumps({name: document[name] for name in ("l", "v") if name in document})
    (first, last), (number, records) = offsets, state[:2]
    return TotalRow(*key, partition, organization, records, number, rest, first, last)


def day_state(record: Mapping[str, Any]) -> DayState:
    """The day's state in a row of OF_ACCOUNTS."""
    if not record["state"]:
        return DayState(record["total"], record["records"])
    rest = json.loads(record["state"])
    return DayState(record["total"], record["records"], rest.get("l", ""), frozenset(rest.get("v", ())))
