"""Issued lines in the order in which they were committed, from the event store.

Why nothing is missed: the store gives positions under a lock that its holder keeps until it commits, so a position that
can be seen has none before it that will be seen later (`services/store/events.py`). Read models are unsuitable: each
partition of the log is projected separately, and lines of a lagging partition would be missed. Exported lines are never
lost with Postgres, because events that Kafka has not acknowledged are not read; so `trueup rebuild-store` finds them
again, at their positions.

Facts never change, so pages of one range are read one by one, without holding a snapshot.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import NamedTuple, TypeGuard

from events.facts.base import Fact
from events.facts.bills import BillIssued, BillLine, BillLinesIssued, BillVoided
from services.exports.watermark import Range, Watermark
from services.postgres import Connection
from services.store.conditions import OF_BILL, code_at, of_each_type
from services.store.events import relayed
from services.store.generations import load_generations
from services.store.rows import COLUMNS, envelope_of
from services.store.streams import stream_of_resource

#: Facts about issued lines.
ABOUT_LINES = ("BillIssued", "BillVoided")
#: Most facts of one query for positions, and most bytes of facts that are read at once (as stored, compressed).
_PAGE, _AT_ONCE_BYTES = 200, 1 << 20
_COLUMNS = "position, pg_column_size(data) AS bytes"
_IN_RANGE = "position > $2 AND position <= $3"
#: The facts of all families, of the types $4.
_OF_ALL = of_each_type("unnest($4::text[]) AS asked (type)", _IN_RANGE, "ASC", f"{_PAGE}", _COLUMNS)
#: The facts of the family whose stream is $4.
_OF_FAMILY = f"""
SELECT {_COLUMNS} FROM store.events
WHERE organization = $1 AND stream = $4 AND type IN {ABOUT_LINES} AND {_IN_RANGE} ORDER BY position LIMIT {_PAGE}
"""
_NEWEST = of_each_type("unnest($2::text[]) AS asked (type)", "position <= $3", "DESC", "1")
_READ = f"""
SELECT {COLUMNS} FROM store.events WHERE organization = $1 AND position = ANY ($2::bigint[]) ORDER BY position
"""
#: The facts that issued a bill, up to a position: the last `BillIssued`, and before it the bill's parts if it is
#: divided.
_ISSUING = f"""
SELECT position, type, (data->>'part')::integer AS part FROM store.events
WHERE organization = $1 AND {OF_BILL} AND type IN ('BillLinesIssued', 'BillIssued') AND position <= $3
ORDER BY position
"""
#: The code of each stream (an account or a product) in $2 at the position in $3.
_CODES = f"""
SELECT asked.stream, asked.at, {code_at("asked.stream", "asked.at")} AS code
FROM unnest($2::text[], $3::bigint[]) AS asked (stream, at)
"""

Connect = Callable[[], AbstractAsyncContextManager[Connection]]
#: Codes of accounts and products by id.
Codes = Mapping[str, str | None]


class IssuedLines(NamedTuple):
    """Some lines of one bill, as they were issued, or as the voiding of the bill takes them back.

    `fact` is the issuing or voiding fact: its position and time. `bill` is without lines.
    """

    position: int
    time: datetime
    voided: bool
    bill: BillIssued
    lines: Sequence[BillLine]
    #: Codes as they were when the bill was issued.
    codes: Codes


async def end_of_log(store: Connection) -> Watermark:
    """The position up to which everything is in the log for good. The connection's role may read the relay's progress.

    Raises: NotMigratedError.
    """
    generations = await load_generations(store)
    return Watermark(generations.commands, await relayed(store))


async def newest_of(connection: Connection, organization: str, types: Sequence[str], log: Watermark) -> Watermark:
    """The position of the organization's newest fact of these types, up to the end of the log. If it lies beyond the
    last export, the next export has something new.
    """
    return log._replace(position=await connection.fetchval(_NEWEST, organization, list(types), log.position) or 0)


async def read_issued(
    connect: Connect, organization: str, asked: Range, stream: str | None = None
) -> AsyncIterator[IssuedLines]:
    """Every line that was issued or voided in the range, in order, in batches no larger than a record.

    `stream`: only bills of this family. A connection is held only for a few short statements.
    """
    async for positions in _positions(connect, organization, asked, stream):
        async with connect() as connection:
            rows = await connection.fetch(_READ, organization, positions)
            facts = [(row["position"], row["time"], envelope_of(row, "").data) for row in rows]
            small = [(at, fact, fact.lines) for at, _, fact in facts if _is_whole(fact)]
            codes = await _codes(connection, organization, small)
        for place, time, fact in facts:
            if _is_whole(fact):
                yield IssuedLines(place, time, False, _head(fact), fact.lines, codes[place])
            else:
                async for bill, lines, its in _divided(connect, organization, fact, place):
                    yield IssuedLines(place, time, isinstance(fact, BillVoided), bill, lines, its)


def _is_whole(fact: Fact) -> TypeGuard[BillIssued]:
    """Whether it issues a bill, with all of its lines."""
    return isinstance(fact, BillIssued) and not fact.lines_before


def _head(bill: BillIssued) -> BillIssued:
    return bill.model_copy(update={"lines": ()})


async def _positions(connect: Connect, organization: str, asked: Range, stream: str | None) -> AsyncIterator[list[int]]:
    """Positions of the range's facts, in groups that are read at once."""
    after, until, found = asked.since.position, asked.until.position, _PAGE
    query, whose = (_OF_ALL, list(ABOUT_LINES)) if stream is None else (_OF_FAMILY, stream)
    while found == _PAGE:
        async with connect() as connection:
            rows = await connection.fetch(query, organization, after, until, whose)
        found, group, size = len(rows), list[int](), 0
        for row in rows:
            if group and size + row["bytes"] > _AT_ONCE_BYTES:
                yield group
                group, size = [], 0
            group, size, after = [*group, row["position"]], size + row["bytes"], row["position"]
        if group:
            yield group


async def _divided(
    connect: Connect, organization: str, fact: Fact, position: int
) -> AsyncIterator[tuple[BillIssued, Sequence[BillLine], Codes]]:
    """The lines of the bill that the fact at this position is about, in groups of one record each."""
    assert isinstance(fact, BillIssued | BillVoided)
    async with connect() as connection:
        places = await _issuing(connection, organization, fact.bill_id, position)
        bill = await _fact_at(connection, organization, places[-1])
    assert isinstance(bill, BillIssued)
    for place in places:
        async with connect() as connection:
            part = bill if place == places[-1] else await _fact_at(connection, organization, place)
            assert isinstance(part, BillIssued | BillLinesIssued)
            codes = await _codes(connection, organization, [(places[-1], bill, part.lines)])
        yield _head(bill), part.lines, codes[places[-1]]


async def _issuing(connection: Connection, organization: str, bill_id: str, until: int) -> list[int]:
    """The positions of the bill's lines: the parts of a divided bill, and its `BillIssued`."""
    parts, places = list[int](), list[int]()
    for row in await connection.fetch(_ISSUING, organization, bill_id, until):
        if row["type"] == "BillIssued":
            places, parts = [*parts, row["position"]], []
        else:  # part 1 begins anew: earlier parts never got their bill
            parts = [row["position"]] if row["part"] == 1 else [*parts, row["position"]]
    return places


async def _fact_at(connection: Connection, organization: str, position: int) -> Fact:
    [row] = await connection.fetch(_READ, organization, [position])
    return envelope_of(row, "").data


async def _codes(
    connection: Connection, organization: str, bills: Sequence[tuple[int, BillIssued, Sequence[BillLine]]]
) -> dict[int, Codes]:
    """For each bill, by its position: the codes of its accounts and products at that position."""
    named = ((kind, id, at) for at, bill, lines in bills for kind, id in sorted(_named(bill, lines)))
    asked = [(stream_of_resource(kind, id), id, at) for kind, id, at in named]
    codes: defaultdict[int, dict[str, str | None]] = defaultdict(dict)
    streams, positions = [stream for stream, _, _ in asked], [at for _, _, at in asked]
    rows = await connection.fetch(_CODES, organization, streams, positions) if asked else []
    ids = {stream: id for stream, id, _ in asked}
    for row in rows:
        codes[row["at"]][ids[row["stream"]]] = row["code"]
    return {at: codes[at] for at, _, _ in bills}


def _named(bill: BillIssued, lines: Iterable[BillLine]) -> set[tuple[str, str]]:
    """Kind and id of the resources in the lines."""
    accounts = {bill.account_id, *(line.account_id for line in lines)}
    products = {id for line in lines for id in (line.product_id, line.accounting_product_id) if id}
    return {("account", id) for id in accounts} | {("product", id) for id in products}
