"""The remainders of prepayments that can no longer be drawn, as entries of the journal (rules 13.9).

A journal that continues another one closes the difference: the amount to close at its end, less the amount to close at
its beginning. So it needs no memory but its watermark, and late draws or fees are corrected. It reads the families of
prepayments that ended in between, and those that had bills since.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from events.facts.commitments import CommitmentCancelled
from events.facts.resources import ResourceCreated, ResourceDeleted, ResourceUpdated
from projections.calendar import ONE_DAY, local_day, named_day
from projections.entities import BalanceEntity, CommitmentEntity
from projections.resources import Resources
from projections.revenue.journal import Chart, closing_of
from projections.revenue.recognition import recognition_of
from services.commands.table import KINDS
from services.exports.columns import Row, both_sides
from services.exports.reading import ABOUT_LINES, Connect, IssuedLines, read_issued
from services.exports.watermark import Range, Watermark
from services.store.conditions import code_at
from services.store.rows import COLUMNS, envelope_of
from services.store.streams import bills_of, stream_of_resource

#: Facts about commitments and balances that tell when they end.
_FACTS = f"""
SELECT {COLUMNS} FROM store.events
WHERE organization = $1 AND position <= $2 AND type = ANY ($3::text[]) ORDER BY position
"""
_ABOUT_FUNDS = tuple(
    fact.__name__
    for kind in KINDS.values()
    if kind.is_fund
    for fact in kind.facts
    if issubclass(fact, ResourceCreated | ResourceUpdated | ResourceDeleted | CommitmentCancelled)
)
#: Facts that a journal is about.
ABOUT_JOURNAL = (*ABOUT_LINES, *_ABOUT_FUNDS)
#: For accounts $2, the values fixed for life, and the code as of position $3.
_ACCOUNTS = f"""
SELECT asked.id, made.data->>'rootId' AS root, made.data->>'timezone' AS zone, {code_at("made.stream", "$3")} AS code
FROM unnest($2::text[]) AS asked (id)
JOIN store.events made ON made.organization = $1 AND made.version = 1
    AND made.stream = '{stream_of_resource("account", "")}' || asked.id
"""
_BILLED = f"""
SELECT DISTINCT stream FROM store.events
WHERE organization = $1 AND type IN {ABOUT_LINES} AND position > $2 AND position <= $3
"""


class ClosableFund(NamedTuple):
    """A prepaid commitment or balance, which is closed once it is over. `deleted`: when it was deleted."""

    entity: CommitmentEntity | BalanceEntity
    deleted: datetime | None = None

    @property
    def account_id(self) -> str:
        return self.entity.body.account_id

    def ends(self, zone: str) -> date:
        """The day from which on nothing of it can be drawn (rules 6.16 and 6.19)."""
        if self.deleted is not None:
            return local_day(self.deleted, zone)
        body = self.entity.body
        if isinstance(self.entity, CommitmentEntity) and self.entity.cancellation is not None:
            return self.entity.cancellation.date
        return named_day(body.rollover_end_date or body.end_date, zone)


class FundOwner(NamedTuple):
    """An account's root, time zone and code, as of the end of the range."""

    root: str
    zone: str
    code: str


@dataclass(slots=True)
class Sums:
    """The amount billed for a fund less the amount drawn: by the beginning of the range, and by its end."""

    before: Decimal = field(default_factory=Decimal)
    by_the_end: Decimal = field(default_factory=Decimal)

    def moved(self, amount: Decimal, issued: IssuedLines, asked: Range) -> None:
        """Add a line of this amount that was issued, or taken back."""
        signed = -amount if issued.voided else amount
        self.by_the_end += signed
        if issued.position <= asked.since.position:
            self.before += signed


class FundsOfRange(NamedTuple):
    """The funds at both ends of the range, by id, and their owners."""

    then: Mapping[str, ClosableFund]
    now: Mapping[str, ClosableFund]
    owners: Mapping[str, FundOwner]

    def is_over(self, id: str, funds: Mapping[str, ClosableFund], mark: Watermark) -> bool:
        """Whether it had ended by the watermark's day, as known at the watermark's position."""
        fund = funds.get(id)
        if fund is None or mark.closed is None:
            return False
        return fund.ends(self.owners[fund.account_id].zone) - ONE_DAY <= mark.closed

    def over(self, id: str, asked: Range) -> tuple[bool, bool]:
        """Whether a fund had ended by the beginning of the range, and by its end."""
        return self.is_over(id, self.then, asked.since), self.is_over(id, self.now, asked.until)


async def closing_rows(connect: Connect, organization: str, asked: Range, chart: Chart) -> AsyncIterator[list[Row]]:
    """The rows that close ended funds at the end of the range; none if its watermark has no day."""
    if asked.until.closed is None:
        return
    funds = await _funds(connect, organization, asked)
    async with connect() as connection:
        rows = await connection.fetch(_BILLED, organization, asked.since.position, asked.until.position)
    billed = {row["stream"] for row in rows}
    over = {id: funds.over(id, asked) for id in funds.now}
    streams = {id: bills_of(funds.owners[fund.account_id].root) for id, fund in funds.now.items()}
    moved = {id for id, (then, now) in over.items() if then != now or (now and streams[id] in billed)}
    sums = await _sums(connect, organization, asked, moved, sorted({streams[id] for id in moved}))
    for id in sorted(moved):
        yield list(rows_of_fund(funds, id, sums[id], asked, chart))


def rows_of_fund(funds: FundsOfRange, id: str, sums: Sums, asked: Range, chart: Chart) -> Iterator[Row]:
    """The rows that close a fund, if it has ended. Funds that ended before the last closing are corrected on the day of
    this one.
    """
    was_over, is_over = funds.over(id, asked)
    left, closed = sums.by_the_end if is_over else Decimal(0), sums.before if was_over else Decimal(0)
    fund, until = funds.now[id], asked.until
    owner, closing_day = funds.owners[fund.account_id], until.closed
    assert closing_day is not None
    last = fund.ends(owner.zone) - ONE_DAY
    is_balance = isinstance(fund.entity, BalanceEntity)
    about = {
        **dict.fromkeys(("bill_id", "bill_date", "line_id", "line_type", "product_code")),
        "source": "CLOSING",
        "position": until.position,
        "account_id": fund.account_id,
        "account_code": owner.code,
        "commitment_id": None if is_balance else id,
        "balance_id": id if is_balance else None,
        "description": f"{'Balance' if is_balance else 'Commitment'} over on {last}",
    }
    day = closing_day if was_over else min(last, closing_day)
    for place, entry in enumerate(closing_of(left, closed, day, chart)):
        whose = f"{id}/{asked.since.text}/{until.text}"
        yield from both_sides(whose, place, entry, fund.entity.body.currency, about)


async def _sums(
    connect: Connect, organization: str, asked: Range, ids: set[str], streams: Sequence[str]
) -> Mapping[str, Sums]:
    """The sums of these funds, from their families' first bill on."""
    sums: defaultdict[str, Sums] = defaultdict(Sums)
    whole = asked._replace(since=asked.since._replace(position=0))
    for stream in streams:
        async for issued in read_issued(connect, organization, whole, stream):
            add_up(sums, issued, asked, ids)
    return sums


def add_up(sums: Mapping[str, Sums], issued: IssuedLines, asked: Range, ids: Container[str]) -> None:
    """Add the lines that bill ahead for these funds, and those that draw them, to the funds' sums."""
    for line in issued.lines:
        id = line.commitment_id or line.balance_id
        if id is not None and id in ids and recognition_of(line) != "REVENUE":
            sums[id].moved(line.amount, issued, asked)


async def _funds(connect: Connect, organization: str, asked: Range) -> FundsOfRange:
    """The funds, from one pass over the facts about funds."""
    resources, deleted, then = Resources(organization), dict[str, ClosableFund](), None
    async with connect() as connection:
        async with connection.transaction():
            until = asked.until.position
            async for row in connection.cursor(_FACTS, organization, until, list(_ABOUT_FUNDS), prefetch=200):
                if then is None and row["position"] > asked.since.position:
                    then = dict(funds_of(resources, deleted.values()))
                envelope = envelope_of(row, "")
                if isinstance(envelope.data, ResourceDeleted):
                    id = envelope.data.id
                    entity = resources.commitments.get(id) or resources.balances[id]
                    deleted[id] = ClosableFund(entity, envelope.time)
                resources.evolve(envelope)
        now = dict(funds_of(resources, deleted.values()))
        ids = sorted({fund.account_id for fund in now.values()})
        rows = await connection.fetch(_ACCOUNTS, organization, ids, until)
    owners = {row["id"]: FundOwner(row["root"], row["zone"], row["code"]) for row in rows}
    return FundsOfRange(now if then is None else then, now, owners)


def funds_of(resources: Resources, deleted: Iterable[ClosableFund]) -> Iterator[tuple[str, ClosableFund]]:
    """All present and former prepaid funds by id, without minimums."""
    for fund in deleted:
        yield fund.entity.id, fund
    for commitment in resources.commitments.values():
        if commitment.body.kind == "PREPAYMENT":
            yield commitment.id, ClosableFund(commitment)
    for balance in resources.balances.values():
        yield balance.id, ClosableFund(balance)
