"""What is read of a whole organization at once: what each question by itself, over all of its rows, would have told."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from services.postgres.roles import ORGANIZATION, Role, take_for_transaction
from services.readside.agreement_rows import WINDOWS, ExpectedRows, Window, read_expected
from services.readside.live import live_schema, use_schema
from tests.store.kit import Store

pytestmark = pytest.mark.stack

#: $1 organization, $2 currency, $3 where its ids begin, $4 how many rows, of which the first $5 have no amounts, $6 how
#: many different amounts there are. The rows end within two years, and are of every kind.
_MADE = """
INSERT INTO outlooks
SELECT $1, $1 || i, 1, md5($1 || i), $1 || i, (ARRAY['PREPAYMENT', 'MINIMUM', 'BALANCE'])[1 + h / 7 % 3], $2,
    '2026-01-01'::date + h % 5, '2026-01-01'::date + h % 730, h % 1000,
    1, NULL, CASE WHEN h % 2 = 0 THEN amount ELSE 0 END, CASE WHEN h % 2 = 1 THEN amount ELSE 0 END,
    2, NULL, CASE WHEN h % 3 > 0 THEN amount ELSE 0 END, CASE WHEN h % 3 = 0 THEN amount ELSE 0 END,
    3, NULL, CASE WHEN h % 50 = 0 THEN amount ELSE 0 END, CASE WHEN h % 5 = 0 THEN amount ELSE 0 END
FROM generate_series($3::int, $3::int + $4::int - 1) i, LATERAL (SELECT hashint4(i) & 2147483647 AS h) hashed,
    LATERAL (SELECT CASE WHEN i < $3::int + $5::int THEN 0 ELSE (h % $6::int)::numeric / 100 END AS amount) priced
"""
_SUMS = """
SELECT currency, max(as_of) AS as_of, count(*) FILTER (WHERE at_stake_{window} > 0) AS at_stake_count,
    sum(at_stake_{window}) AS at_stake, count(*) FILTER (WHERE lapses_{window} > 0) AS lapses_count,
    sum(lapses_{window}) AS lapses
FROM outlooks WHERE organization = $1 GROUP BY currency ORDER BY currency
"""
_FIRST = """
SELECT commitment_id, {amount}_{window} AS amount FROM outlooks
WHERE organization = $1 AND currency = $2 AND {amount}_{window} > 0 ORDER BY 2 DESC, 1 LIMIT $3
"""
_TRUE_UPS = """
SELECT to_char(until, 'YYYY-MM') AS month, sum(at_stake_{window}) AS amount, count(*) AS minimums FROM outlooks
WHERE organization = $1 AND currency = $2 AND kind = 'MINIMUM' AND at_stake_{window} > 0 GROUP BY 1 ORDER BY 1
"""


class Rows(NamedTuple):
    """Of a currency: how many, the first of which have no amounts, and how many different amounts there are."""

    currency: str
    rows: int
    bare: int
    amounts: int


#: Many more than are looked at first, hardly two alike, or only a few different amounts; those that are looked at
#: first with no amounts at all; fewer than are named; none with an amount.
CASES = {
    "none": [],
    "many": [Rows("EUR", 4_000, 0, 100_000), Rows("JPY", 3_000, 0, 5), Rows("USD", 5, 0, 1_000)],
    "misleading": [Rows("EUR", 4_000, 2_500, 100_000), Rows("JPY", 4_000, 1_990, 100_000), Rows("USD", 300, 300, 10)],
}


@asynccontextmanager
async def rows(store: Store, of: Sequence[Rows]) -> AsyncIterator[Any]:
    """A transaction, taken back at its end, in which the organization has these outlooks, as another one has more, and
    all that a request may see is read."""
    async with store.postgres.connection() as connection:
        await connection.execute("BEGIN")
        try:
            await use_schema(connection, await live_schema(connection))
            begin = 1
            for each in of:
                await connection.execute(_MADE, store.organization, each.currency, begin, *each[1:])
                begin += each.rows
            await connection.execute(_MADE, "another", "EUR", begin, 50, 0, 1_000_000_000)
            await take_for_transaction(connection, Role.API)
            await connection.execute(f"SELECT set_config('{ORGANIZATION}', $1, true)", store.organization)
            yield connection
        finally:
            await connection.execute("ROLLBACK")


@pytest.mark.parametrize("case", CASES)
async def test_it_is_what_each_question_by_itself_tells(store: Store, case: str) -> None:
    async with rows(store, CASES[case]) as connection:
        for window in WINDOWS:
            for most in (1, 20, 200):
                expected = await read_expected(connection, store.organization, window, most)
                assert [each.sums["currency"] for each in expected.currencies] == [
                    each.currency for each in CASES[case]
                ]
                await _compare(connection, store.organization, window, most, expected)


async def _compare(connection: Any, organization: str, window: Window, most: int, expected: ExpectedRows) -> None:
    sums = await connection.fetch(_SUMS.format(window=window), organization)
    for each, row in zip(expected.currencies, sums, strict=True):
        assert {name: each.sums[name] for name in dict(row)} == dict(row)
    for each in expected.currencies:
        of_currency = (organization, each.sums["currency"])
        for amount, named in (("at_stake", each.at_stake), ("lapses", each.lapsing)):
            first = await connection.fetch(_FIRST.format(amount=amount, window=window), *of_currency, most)
            assert [(row["commitment_id"], row[f"{amount}_{window}"]) for row in named] == [tuple(row) for row in first]
        months = await connection.fetch(_TRUE_UPS.format(window=window), *of_currency)
        true_ups = [(row["month"], row["at_stake"], row["at_stake_count"]) for row in each.true_ups]
        assert true_ups == [tuple(row) for row in months]
