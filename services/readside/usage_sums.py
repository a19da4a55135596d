"""Sums of usage from table `usage_totals`: by account, span of days and segment, with their place in the log. No usage
record is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from events.resources.catalog import AggregationFunction
from projections.calendar import ONE_DAY, add_months

Span = Literal["DAY", "WEEK", "MONTH", "QUARTER"]
#: Days are those of each account's zone; weeks begin on Mondays.
_STARTS: dict[Span, str] = {
    "DAY": "day",
    "WEEK": "date_trunc('week', day::timestamp)::date",
    "MONTH": "date_trunc('month', day::timestamp)::date",
    "QUARTER": "date_trunc('quarter', day::timestamp)::date",
}
_NUMBERS: dict[AggregationFunction, str] = {
    "SUM": "sum(total)",
    "MEAN": "sum(total)",
    "COUNT": "sum(records)",
    "MIN": "min(total)",
    "MAX": "max(total)",
    "LATEST": """(array_agg(total ORDER BY state->>'l' COLLATE "C" DESC, total DESC))[1]""",
    "UNIQUE": "count(DISTINCT distinct_value)",
}
#: The fence (OFFSET 0) makes the query use the table's key per account, because the table also has other organizations.
_SUMS = """
SELECT {keys}, {number} AS number, sum(records) AS records
FROM store.entities e CROSS JOIN LATERAL (
    SELECT account_id, segment, day, records, total, state FROM usage_totals
    WHERE account_id = e.id AND aggregation_id = $2 AND day >= $3 AND day < $4 AND records > 0 OFFSET 0
) totals {values}
WHERE e.organization = $1 AND e.kind = 'account' {conditions}
GROUP BY 1, 2, 3 ORDER BY 1 DESC NULLS LAST, 2, 3 LIMIT {limit}
"""
_VALUES = "CROSS JOIN LATERAL jsonb_array_elements_text(state->'v') AS of_day (distinct_value)"
#: Days of the account's zone; null: no bound.
_OFFSETS = """
SELECT min(first_offset) AS first, max(last_offset) AS last FROM usage_totals
WHERE account_id = $1 AND day BETWEEN coalesce($2::date, '-infinity') AND coalesce($3::date, 'infinity')
"""
_OF_SEGMENT = "coalesce(nullif(segment, '')::jsonb->>${}::text, '')"


class SumKey(NamedTuple):
    """The key of a sum; a part is None, or empty, if sums are not divided by it."""

    start: date | None
    account_id: str | None
    #: Values of the requested fields, in their order.
    segment: tuple[str, ...]

    @property
    def order(self) -> tuple[Any, ...]:
        """The sort order: newest first, then by account, then by segment."""
        return -(self.start or date.min).toordinal(), self.account_id or "", self.segment


@dataclass(frozen=True, slots=True)
class SumAsked:
    """One function over the totals of one aggregation."""

    aggregation_id: str
    function: AggregationFunction
    start: date
    end: date
    #: None: all accounts.
    accounts: tuple[str, ...] | None = None
    by_account: bool = False
    span: Span | None = None
    by_fields: tuple[str, ...] = ()
    #: Field -> the values to include.
    only: dict[str, tuple[str, ...]] = field(default_factory=dict)


async def read_sums(connection: Any, organization: str, question: SumAsked, limit: int) -> dict[SumKey, Fraction]:
    """The first sums, at most `limit`. The connection's transaction reads the live schema."""
    arguments: list[Any] = [organization, question.aggregation_id, question.start, question.end]

    def placed(value: Any) -> int:
        arguments.append(value)
        return len(arguments)

    segment = [_OF_SEGMENT.format(placed(name)) for name in question.by_fields]
    keys = (
        f"{_STARTS[question.span] if question.span else 'NULL::date'} AS start",
        f'{"account_id" if question.by_account else "NULL::text"} COLLATE "C" AS account_id',
        f'ARRAY[{", ".join(segment)}]::text[] COLLATE "C" AS segment',
    )
    conditions = (
        [f"AND e.id = ANY(${placed(list(question.accounts))}::text[])"] if question.accounts is not None else []
    )
    for name, values in question.only.items():
        conditions.append(f"AND {_OF_SEGMENT.format(placed(name))} = ANY(${placed(list(values))}::text[])")
    query = _SUMS.format(
        keys=", ".join(keys),
        number=_NUMBERS[question.function],
        values=_VALUES if question.function == "UNIQUE" else "",
        conditions=" ".join(conditions),
        limit=limit,
    )
    rows = await connection.fetch(query, *arguments)
    return {
        SumKey(row["start"], row["account_id"], tuple(row["segment"])): _value(question.function, row) for row in rows
    }


def _value(function: AggregationFunction, row: Any) -> Fraction:
    number = Fraction(row["number"])
    return number / int(row["records"]) if function == "MEAN" else number


async def read_range(connection: Any, account: str, first: date | None, last: date | None) -> tuple[int, int] | None:
    """The range of the log, from an offset to a next offset, that holds the account's usage of these days, both
    included; None if there is none. The connection's transaction reads the live schema.
    """
    row = await connection.fetchrow(_OFFSETS, account, first, last)
    return None if row["first"] is None else (row["first"], row["last"] + 1)


def after(start: date, span: Span) -> date:
    """The day after a span of days."""
    match span:
        case "DAY":
            return start + ONE_DAY
        case "WEEK":
            return start + timedelta(days=7)
        case "MONTH":
            return add_months(start, 1)
        case "QUARTER":
            return add_months(start, 3)


def merged(parts: Sequence[dict[SumKey, Fraction]]) -> list[SumKey]:
    """All keys, in the order of the query."""
    return sorted({key for sums in parts for key in sums}, key=lambda key: key.order)
