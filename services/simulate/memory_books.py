"""The bills of a story in memory as files and as accounting, by the functions that the services use: statements
(docs/how-to-invoice.md), months of revenue and journals (docs/how-to-export.md).
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from events.facts.bills import BillIssued
from events.resources.accounts import Account
from events.resources.statements import StatementConfig
from projections.entities import AccountEntity, BalanceEntity, CommitmentEntity
from projections.resources import Resources
from projections.revenue.journal import Chart
from projections.revenue.recognition import parts_of, recognition_of
from services.api.statement_answers import statement_document
from services.api.wire import encode
from services.exports.closing import ClosableFund, FundOwner, FundsOfRange, Sums, add_up, funds_of, rows_of_fund
from services.exports.columns import JOURNAL, Row, journal_rows
from services.exports.reading import IssuedLines
from services.exports.watermark import Range, Watermark
from services.simulate.filing import Ledger, Posting, statement_told
from services.simulate.memory_keys import MemoryKeys
from services.simulate.player import Earned, Told
from services.statement.making import statement_of
from services.statement.spreadsheet import harmless

_BEGINNING = Watermark("memory", 0)
_NAMES = [column.name for column in JOURNAL]


def stated(resources: Resources, keys: MemoryKeys, bill: BillIssued) -> dict[str, Any]:
    """The statement of a bill that was just issued."""
    configs = iter(resources.statement_configs.values())
    config: StatementConfig | None = next((entity.body for entity in configs), None)
    accounts = dict[str, AccountEntity]()
    for entity in resources.accounts.values():
        body = keys.shown(resources, entity.body)
        assert isinstance(body, Account)
        accounts[entity.id] = replace(entity, body=body)
    opened = replace(resources, accounts=accounts)
    document = encode(statement_document(statement_of(bill, opened, config, pending=False)))
    return statement_told(json.loads(document, parse_float=Decimal))


def earned(bill: BillIssued) -> list[Earned]:
    """The recognition of each of its lines, with the amounts by month."""
    return [
        Earned(recognition_of(line), {f"{part.month:%Y-%m}": part.amount for part in parts_of(line, bill.currency)})
        for line in bill.lines
    ]


@dataclass(slots=True)
class MemoryBooks:
    """The ledger of a story, and the data of its journals: issued bills and prepaid funds."""

    ledger: Ledger = field(default_factory=Ledger)
    _issued: list[IssuedLines] = field(default_factory=list)
    _deleted: list[ClosableFund] = field(default_factory=list)
    #: The owners of funds by account id, with those of accounts that were deleted since.
    _owners: dict[str, FundOwner] = field(default_factory=dict)
    #: The watermark of the last journal, and the funds at that time.
    _since: Watermark = _BEGINNING
    _then: Mapping[str, ClosableFund] = field(default_factory=dict)

    def issued(self, resources: Resources, bill: BillIssued, position: int, now: datetime) -> None:
        """Note that a bill was issued."""
        codes: dict[str, str | None] = {id: account.body.code for id, account in resources.accounts.items()}
        codes |= {id: product.body.code for id, product in resources.products.items()}
        head = bill.model_copy(update={"lines": ()})
        self._issued.append(IssuedLines(position, now, False, head, bill.lines, codes))

    def deleted(self, resources: Resources, fund: CommitmentEntity | BalanceEntity, now: datetime) -> None:
        """Note that a commitment or balance was deleted."""
        self._learn_owners(resources)
        self._deleted.append(ClosableFund(fund, now))

    def close(self, resources: Resources, position: int, day: date, chart: Chart) -> Told:
        """Post the journal of everything since the last one, closed up to the day. Returns the ledger's balances on
        that day.
        """
        asked = Range(self._since, Watermark(self._since.generation, position, day))
        self._learn_owners(resources)
        now = dict(funds_of(resources, self._deleted))
        since = [issued for issued in self._issued if issued.position > asked.since.position]
        rows = [row for issued in since for row in journal_rows(issued, chart)]
        self.ledger.post(map(_posting, [*rows, *self._closing(now, asked, chart)]), day)
        self._since, self._then = asked.until, now
        return self.ledger.standing(day)

    def _closing(self, now: Mapping[str, ClosableFund], asked: Range, chart: Chart) -> Iterator[Row]:
        """The rows that close ended funds. All funds are tried: one that has not moved gives no rows."""
        funds, sums = FundsOfRange(self._then, now, self._owners), defaultdict[str, Sums](Sums)
        for issued in self._issued:
            add_up(sums, issued, asked, now)
        for id in sorted(now):
            yield from rows_of_fund(funds, id, sums[id], asked, chart)

    def _learn_owners(self, resources: Resources) -> None:
        for account in resources.accounts.values():
            self._owners[account.id] = FundOwner(account.root_id, account.timezone, account.body.code)


def _posting(row: Row) -> Posting:
    """A posting of the ledger; the account's name is as CSV has it."""
    named: dict[str, Any] = dict(zip(_NAMES, row, strict=True))
    ledger = harmless(named["ledger_account"])
    return Posting(named["date"], ledger, named["currency"], named["debit"], named["credit"])
