"""What a journal closes: what is left of a prepayment that is over, once, whatever comes before and after."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

import pytest

from events.facts.base import Fact
from events.facts.bills import BillIssued, LineType
from projections.revenue.journal import Chart
from services.commands.messages import CancelCommitment, DeleteResource
from services.exports.closing import closing_rows
from services.exports.columns import JOURNAL
from services.exports.watermark import Range, Watermark
from services.store.events import append, head
from tests.exports.issuing import bill_of, events_of, line_of, void_of
from tests.store.kit import NOW, Store

pytestmark = pytest.mark.stack
NAMES = [column.name for column in JOURNAL]
YEAR_END = date(2026, 12, 31)


class Closing(NamedTuple):
    """A row of a journal that closes, as text."""

    commitment_id: str
    date: str
    ledger_account: str
    debit: str
    credit: str

    @property
    def entry(self) -> tuple[str, str, str]:
        """What is put to which account of the ledger."""
        return self.ledger_account, self.debit, self.credit


class Books:
    """One account, its bills, and journals of them that follow each other."""

    def __init__(self, store: Store, account: str) -> None:
        self.store, self.account = store, account
        self.version = 0
        self.mark = Watermark(store.generations.commands, 0)

    async def issued(self, *moves: tuple[LineType, str, str]) -> BillIssued:
        """A bill with a line for each: type, amount, commitment."""
        bill = bill_of(root=self.account)
        lines = [
            line_of(bill.bill_id, number, amount, type=type, commitment_id=commitment)
            for number, (type, amount, commitment) in enumerate(moves, 1)
        ]
        whole = bill.model_copy(update={"account_id": self.account, "lines": tuple(lines)})
        await self.append([whole])
        return whole

    async def append(self, facts: Sequence[Fact]) -> None:
        events = events_of(self.store.organization, self.account, self.version + 1, list(facts))
        self.version += len(facts)
        async with self.store.postgres.transaction() as connection:
            await append(connection, events, self.store.generations)

    async def closes(self, day: date) -> list[Closing]:
        """The rows of the next journal that close."""
        async with self.store.postgres.connection() as connection:
            until = self.mark._replace(position=await head(connection), closed=day)
        connect, asked = self.store.postgres.connection, Range(self.mark, until)
        self.mark = until
        rows = [row async for some in closing_rows(connect, self.store.organization, asked, Chart()) for row in some]
        told = [dict(zip(NAMES, row, strict=True)) for row in rows]
        assert sum(row["debit"] - row["credit"] for row in told) == 0  # type: ignore[operator,misc]
        return [Closing(*(str(row[name]) for name in Closing._fields)) for row in told]


@pytest.fixture
async def books(store: Store) -> Books:
    return Books(store, await store.account())


async def test_what_is_left_is_closed_once_and_what_comes_later_by_its_difference(books: Books) -> None:
    fund = await books.store.commitment(books.account)
    await books.issued(("COMMITMENT_FEE", "100.00", fund), ("COMMITMENT_CONSUMED", "-60.00", fund))
    assert await books.closes(date(2026, 12, 30)) == []
    over = [(fund, "2026-12-31", "2410", "40.00", "0"), (fund, "2026-12-31", "4900", "0", "40.00")]
    assert await books.closes(YEAR_END) == over
    assert await books.closes(date(2027, 1, 15)) == []
    late = await books.issued(("USAGE", "10.00", fund), ("COMMITMENT_CONSUMED", "-10.00", fund))
    assert await books.closes(date(2027, 2, 1)) == [
        (fund, "2027-02-01", "4900", "10.00", "0"),
        (fund, "2027-02-01", "2410", "0", "10.00"),
    ]
    await books.append([void_of(late)])
    assert [row.entry for row in await books.closes(date(2027, 2, 2))] == [
        ("2410", "10.00", "0"),
        ("4900", "0", "10.00"),
    ]


async def test_what_was_drawn_and_never_billed_comes_from_elsewhere(books: Books) -> None:
    fund = await books.store.commitment(books.account, amountPrePaid=100)
    await books.issued(("COMMITMENT_CONSUMED", "-25.00", fund))
    assert [row.entry for row in await books.closes(date.max)] == [("4950", "25.00", "0"), ("2410", "0", "25.00")]


async def test_a_prepayment_ends_with_its_rollover_its_cancel_or_its_deletion(books: Books) -> None:
    store, account = books.store, books.account
    rolls = {"rolloverPercent": 100, "rolloverEndDate": "2027-03-01"}
    rolling, cancelled, deleted = [await store.commitment(account, **more) for more in (rolls, {}, {})]
    minimum = await store.commitment(account, commitmentType="MINIMUM")
    fees = [("COMMITMENT_FEE", "10.00", fund) for fund in (rolling, cancelled, deleted, minimum)]
    await books.issued(*fees)  # type: ignore[arg-type]
    await store.run(CancelCommitment(cancelled, date(2026, 6, 1), "KEEP", 1, NOW))
    await store.run(DeleteResource("commitment", deleted, force=True, drawn=True, now=NOW))
    ends = [(cancelled, "2026-05-31"), (deleted, "2025-12-31")]
    assert [row[:2] for row in await books.closes(date(2026, 5, 31))][::2] == sorted(ends)
    assert await books.closes(YEAR_END) == []
    assert [row[:2] for row in await books.closes(date(2027, 3, 1))][::2] == [(rolling, "2027-02-28")]


async def test_a_day_of_deletion_is_the_accounts(books: Books) -> None:
    store = books.store
    account = await store.account("western", timezone="America/New_York")
    fund = await store.commitment(account)
    western = Books(store, account)
    await western.issued(("COMMITMENT_FEE", "10.00", fund))
    await store.run(DeleteResource("commitment", fund, force=True, drawn=True, now=NOW))
    assert datetime(2026, 1, 1, tzinfo=UTC) == NOW, "the evening before, in New York"
    assert {(row.commitment_id, row.date) for row in await western.closes(YEAR_END)} == {(fund, "2025-12-30")}


async def test_without_a_day_nothing_is_closed(books: Books) -> None:
    fund = await books.store.commitment(books.account)
    await books.issued(("COMMITMENT_FEE", "100.00", fund))
    mark = Watermark(books.store.generations.commands, 2**40)
    asked = Range(mark._replace(position=0), mark)
    organization, connect = books.store.organization, books.store.postgres.connection
    assert [some async for some in closing_rows(connect, organization, asked, Chart())] == []
