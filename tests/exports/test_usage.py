"""What usage adds up to, as it is exported: every total once, however many there are."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import pytest

from events.dates import EARLIEST, LATEST
from services.exports.columns import Row
from services.exports.usage import USAGE, UsageAsked, export_usage
from services.exports.writing import Sheet
from services.postgres import Role, open_postgres
from tests.catalog import METER, SUM_OF_CALLS
from tests.store.kit import Store

pytestmark = pytest.mark.stack
NAMES = [column.name for column in USAGE]
#: A total a day, from 2020 on.
_TOTALS = """
INSERT INTO {schema}.usage_totals
    (partition, organization, account_id, aggregation_id, segment, day, records, total, first_offset, last_offset)
SELECT 0, $1, $2, $3, '', date '2020-01-01' + number, 1, number, 0, 0 FROM generate_series(0, $4::integer - 1) number
"""


class RowsInMemory(Sheet):
    """Rows in memory."""

    def __init__(self) -> None:
        self.rows = list[dict[str, object]]()

    def write(self, rows: Iterable[Row]) -> None:
        self.rows += [dict(zip(NAMES, row, strict=True)) for row in rows]

    def finish(self) -> None:
        """Nothing is left."""


async def exported(store: Store, wanted: UsageAsked) -> list[dict[str, object]]:
    """As the API's process reads them."""
    sheet = RowsInMemory()
    async with open_postgres(store.endpoints.database_url, role=Role.API) as postgres:
        written = await export_usage(postgres.of(store.organization), store.organization, wanted, sheet)
    assert written == len(sheet.rows)
    return sheet.rows


async def test_every_total_is_told_once(store: Store) -> None:
    """Of 25 accounts, which are more than a page, one has more totals than are read at once."""
    meter = await store.create("meter", **METER)
    aggregation = await store.create("aggregation", meterId=meter, **SUM_OF_CALLS)
    accounts = sorted([await store.account() for _ in range(25)])
    days = {account: 1_203 if number == 3 else 2 for number, account in enumerate(accounts)}
    async with store.postgres.connection() as connection:
        schema = await connection.fetchval("SELECT name FROM store.live_schema")
        for account, count in days.items():
            await connection.execute(_TOTALS.format(schema=schema), store.organization, account, aggregation, count)
    rows = await exported(store, UsageAsked(EARLIEST, LATEST))
    accounts_and_days = [(row["account_id"], row["day"]) for row in rows]
    assert len(accounts_and_days) == len(set(accounts_and_days)) == sum(days.values())
    assert {account: sum(of_row == account for of_row, _ in accounts_and_days) for account in accounts} == days
    assert {row["quantity"] for row in rows} == {Decimal(number) for number in range(1_203)}
    assert {(row["function"], row["aggregation_code"], row["meter_id"]) for row in rows} == {("SUM", "calls", meter)}
    some = await exported(store, UsageAsked(date(2020, 1, 2), date(2020, 1, 3), tuple(accounts[:2]), (meter,)))
    assert [(row["account_id"], row["quantity"]) for row in some] == [(account, 1) for account in accounts[:2]]
    assert await exported(store, UsageAsked(EARLIEST, LATEST, meters=("none",))) == []
