"""Loads the projector's memory from its read models, on the given connection (and schema). It also tells today's date
for an account, for reads that settle nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from sys import intern
from typing import Any

from events.bill_parts import BillParts
from events.codec import decode
from events.envelope import Envelope
from events.facts.bills import BillFact, BillIssued
from events.facts.clock import ClockTicked
from events.topics import EVENTS
from projections.clock import Evidence, today_of
from projections.entities import AccountEntity, Entity
from projections.readmodels import directory, facts, positions, usage_totals
from projections.readmodels.directory import Member
from projections.readmodels.positions import Position, position_of
from projections.resources import Resources
from services.failures import ExpectedFailure, Worded
from services.postgres import Postgres
from services.readside.family_state import FamilyState, Root, Total, family_known_by
from services.readside.live import reading_live

_CLOCKS = """
SELECT DISTINCT ON (organization) record FROM facts
WHERE partition = $1 AND type = 'ClockTicked' ORDER BY organization, log_offset DESC
"""
#: $3: below this offset; null: all. The fence (OFFSET 0) keeps the query on the index by type.
_CLOCK = """
SELECT record FROM (
    SELECT log_offset, record FROM facts
    WHERE partition = $1 AND organization = $2 AND type = 'ClockTicked' AND ($3::bigint IS NULL OR log_offset < $3)
    OFFSET 0
) AS ticks ORDER BY log_offset DESC LIMIT 1
"""
#: $1 organization, $2 ids of accounts: returns those that are roots.
_ROOTS = """
SELECT root_id, partition FROM account_directory
WHERE organization = $1 AND account_id = ANY ($2) AND root_id = account_id ORDER BY root_id
"""
#: A partition of which nothing was folded has no facts of its own.
_HAS_ROWS = """
SELECT EXISTS (SELECT FROM facts WHERE partition = $1) OR EXISTS (SELECT FROM seen_ids WHERE partition = $1)
"""


class LostPositionsError(Worded, ExpectedFailure):
    """the read models have rows of partition {partition} and have lost how far it was folded: folded on top of them, it
    would count twice. Run `trueup replay`, which makes them anew
    """


async def take_lease(connection: Any, partitions: Sequence[int]) -> dict[int, Position]:
    """Raise the epoch of these partitions, so that their previous owner can no longer write; returns their
    positions.

    Raises: LostPositionsError.
    """
    rows = await connection.fetch(positions.LEASE, EVENTS, sorted(partitions))
    for partition in (row["partition"] for row in rows if not row["next_offset"]):
        if await connection.fetchval(_HAS_ROWS, partition):
            raise LostPositionsError(partition=partition)
    return {row["partition"]: position_of(row) for row in rows}


async def read_positions(connection: Any, partitions: Sequence[int]) -> dict[int, Position]:
    """The positions of these partitions, without partitions that were never written."""
    rows = await connection.fetch(positions.READ, EVENTS, sorted(partitions))
    return {row["partition"]: position_of(row) for row in rows}


async def day_of(postgres: Postgres, resources: Resources, account: AccountEntity, about: Entity[Any]) -> date:
    """The day of the organization's test clock, else of the last tick; before any tick, of the last fact about the
    organization.

    `resources` hold the configuration and the test clock.
    """
    tick = None
    if not resources.has_test_clock:
        async with reading_live(postgres) as connection:
            folded = await read_positions(connection, [account.partition])
        position = folded.get(account.partition)
        tick = position.tick if position is not None else None
    return today_of(resources, account.timezone, Evidence(tick, about.modified))


async def read_clocks(connection: Any, partition: int) -> dict[str, datetime]:
    """The test clocks of organizations in the partition's log."""
    ticks = [decode(bytes(row["record"])) for row in await connection.fetch(_CLOCKS, partition)]
    return {tick.organization: _shown_by(tick) for tick in ticks}


async def read_clock(connection: Any, partition: int, organization: str, end: int | None = None) -> datetime | None:
    """The organization's test clock in the partition's log below an offset, or up to now; None if it has none."""
    record = await connection.fetchval(_CLOCK, partition, organization, end)
    return None if record is None else _shown_by(decode(bytes(record)))


def _shown_by(tick: Envelope) -> datetime:
    assert isinstance(tick.data, ClockTicked)
    return tick.data.now


async def bill_as_issued(connection: Any, organization: str, bill_id: str) -> BillIssued | None:
    """The issued bill with all of its lines, even if it was voided; None while it is not issued."""
    parts, bill = BillParts(), None
    for row in await connection.fetch(facts.OF_BILL, organization, bill_id):
        fact = decode(bytes(row["record"])).data
        assert isinstance(fact, BillFact)
        bill = parts.whole(fact)
    assert bill is None or isinstance(bill, BillIssued)
    return bill


async def roots_of(connection: Any, account_ids: Collection[str]) -> list[Root]:
    """The roots of these accounts, without unknown accounts."""
    rows = await connection.fetch(directory.ROOTS_OF, sorted(account_ids))
    return [Root(row["organization"], row["root_id"], row["partition"]) for row in rows]


async def read_roots(connection: Any, organization: str, ids: Collection[str]) -> list[Root]:
    """The root accounts among these of the organization, by id."""
    rows = await connection.fetch(_ROOTS, organization, list(ids))
    return [Root(organization, row["root_id"], row["partition"]) for row in rows]


@dataclass(frozen=True, slots=True)
class FamilyRows:
    """The rows of families in the read models: their facts, members and totals."""

    roots: Sequence[Root]
    facts: Sequence[Mapping[str, Any]] = ()
    members: Sequence[Mapping[str, Any]] = ()
    totals: Sequence[Mapping[str, Any]] = ()


async def read_families(connection: Any, roots: Iterable[Root]) -> FamilyRows:
    """The rows of families. Building the families takes longer than this, and needs no connection."""
    wanted = list(roots)
    if not wanted:
        return FamilyRows(wanted)
    named = [root.organization for root in wanted], [root.id for root in wanted]
    fact_rows = await connection.fetch(facts.OF_ROOTS, *named)
    members = await connection.fetch(directory.MEMBERS, *named)
    accounts = sorted(row["account_id"] for row in members)
    return FamilyRows(wanted, fact_rows, members, await connection.fetch(usage_totals.OF_ACCOUNTS, accounts))


def families_of(rows: FamilyRows) -> list[FamilyState]:
    """The families in the rows: members, own facts, bills and totals."""
    records: dict[str, list[bytes]] = defaultdict(list)
    for row in rows.facts:
        records[row["root_id"]].append(row["record"])
    members: dict[str, dict[str, Member]] = defaultdict(dict)
    root_of = {}
    for row in rows.members:
        plans = {intern(plan) for plan in row["plans"]}
        members[row["root_id"]][row["account_id"]] = Member(intern(row["timezone"]), plans, row["billable"])
        root_of[row["account_id"]] = row["root_id"]
    totals: dict[str, list[Total]] = defaultdict(list)
    for row in rows.totals:
        totals[root_of[row["account_id"]]].append(_total(row))
    return [
        # One after the other: all facts of all families at once would take more memory than the families.
        family_known_by(root, map(decode, map(bytes, records[root.id])), members[root.id], totals[root.id])
        for root in dict.fromkeys(rows.roots)
    ]


async def load_families(connection: Any, roots: Iterable[Root]) -> list[FamilyState]:
    """Read families and build them at once, for a process that has nothing else to do."""
    return families_of(await read_families(connection, roots))


def _total(row: Mapping[str, Any]) -> Total:
    # Each row brings its own copies of mostly equal texts; a family keeps one copy of each.
    key = (intern(row["account_id"]), intern(row["aggregation_id"]), intern(row["segment"]), row["day"])
    return key, usage_totals.day_state(row)
