"""Bills in the live read models, and bills as they were known at a moment: issued or pending.

A pending bill's lines are derived as they were then: from the family as it was known, and the day at that time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from events.codec import decode
from events.facts.bills import BillIssued
from projections.resources import Resources
from projections.settlement import DraftBill
from services.billing.approving import draft_of
from services.billing.bill_document import Names, Stamps
from services.billing.life import BillLife, life_of
from services.concurrency import compute
from services.kafka import Cluster
from services.postgres import Postgres
from services.readside.bill_rows import bill_with, lines_of_bills
from services.readside.family_now import catalog_of, read_catalog
from services.readside.live import reading_live
from services.readside.past.cut import BILL_IS_KNOWN, Cut, facts_known
from services.readside.past.known_family import KnownFamily, load_known
from services.readside.waiter import Waiter
from services.store.listing import Search, SqlCondition

_BILLS = """
SELECT bill_id, bill::text, status, version, locked_at, opened_at, issued_at, position,
    created_by, approved_by, locked_by, modified_by
FROM bills
WHERE organization = $1 AND NOT voided"""
_NAMES = """
SELECT id, body->>'code' AS code, body->>'name' AS name FROM store.entities WHERE organization = $1 AND id = ANY ($2)
"""


@dataclass(frozen=True, slots=True)
class StoredBill:
    """A bill's row. `bill` None: it is pending, so its content must be derived."""

    bill_id: str
    bill: BillIssued | None
    #: None: it is pending, so it is calculated on reading.
    stamps: Stamps | None
    position: int


def newest_first(conditions: Sequence[SqlCondition], size: int) -> Search:
    """The newest bills that fulfil all conditions."""
    return Search(tuple(conditions), all_of=True, order="position", ascending=False, offset=0, size=size)


async def read_bills(connection: Any, organization: str, wanted: Search) -> list[StoredBill]:
    """The bills found, without voided ones. The connection's transaction reads the live schema."""
    arguments: list[Any] = [organization]
    query = _BILLS + wanted.placed(arguments)
    query += f" ORDER BY {wanted.order} {'ASC' if wanted.ascending else 'DESC'} NULLS LAST, position DESC"
    rows = await connection.fetch(f"{query} OFFSET {wanted.offset} LIMIT {wanted.size}", *arguments)
    lines = await lines_of_bills(connection, [row["bill_id"] for row in rows])
    return [_stored(row, lines[row["bill_id"]]) for row in rows]


def _stored(row: Mapping[str, Any], lines: list[Any]) -> StoredBill:
    if row["status"] != "APPROVED":
        return StoredBill(row["bill_id"], None, None, row["position"])
    stamps = Stamps(
        version=row["version"],
        opened_at=row["opened_at"],
        approved_at=row["issued_at"],
        locked_at=row["locked_at"],
        calculated_at=row["issued_at"],
        **{name: row[name] for name in ("created_by", "approved_by", "locked_by", "modified_by")},
    )
    return StoredBill(row["bill_id"], bill_with(row["bill"], lines), stamps, row["position"])


async def read_names(connection: Any, organization: str, ids: Sequence[str]) -> Names:
    """Codes and names of resources by id."""
    rows = await connection.fetch(_NAMES, organization, list(ids))
    return {row["id"]: {key: row[key] for key in ("code", "name") if row[key] is not None} for row in rows}


_BILLS_KNOWN = "SELECT bill_id, position FROM bills WHERE organization = $1"


@dataclass(frozen=True, slots=True)
class KnownBill:
    """A bill as it was then, the lock date, and the organization's catalog at that time (without accounts).

    `family`: for a pending bill, the family as it was known, with the draft of the bill; without a draft it would have
    billed nothing.
    """

    life: BillLife
    lock_date: date | None
    catalog: Resources
    family: KnownFamily | None = None
    draft: DraftBill | None = None


async def known_bill(
    postgres: Postgres, cluster: Cluster, waiter: Waiter, organization: str, bill_id: str, cut: Cut
) -> KnownBill:
    """The bill as known then. Raises: UnknownResource if it did not exist yet, or not any more."""
    async with reading_live(postgres) as connection:
        rows = await facts_known(connection, organization, [bill_id], cut.offsets)
        catalog = await read_catalog(connection, organization, cut.offsets[0])
    life = await compute(organization, _life, organization, bill_id, rows)
    resources, _ = await compute(organization, catalog_of, catalog)
    lock_date = next((config.body.bill_lock_date for config in resources.bill_configs.values()), None)
    if life.pending is None:
        return KnownBill(life, lock_date, resources)
    family = await load_known(postgres, cluster, waiter, organization, "bill", bill_id, cut.at)
    pending = family.family.billed.pending[bill_id]
    return KnownBill(life, lock_date, resources, family, await compute(organization, draft_of, family.family, pending))


def _life(organization: str, bill_id: str, rows: list[Any]) -> BillLife:
    return life_of(organization, bill_id, ((row["partition"], decode(bytes(row["record"]))) for row in rows))


async def bills_known(postgres: Postgres, organization: str, wanted: Search, cut: Cut) -> list[tuple[str, int]]:
    """Ids and positions of the matching bills among those that were known: issued, or pending and not dropped since.

    Raises errors of the search's conditions.
    """
    arguments: list[Any] = [organization]
    as_known = Search(
        (*wanted.conditions, SqlCondition(BILL_IS_KNOWN, list(cut.offsets))), True, "position", False, 0, 0
    )
    query = f"{_BILLS_KNOWN}{as_known.placed(arguments)} ORDER BY position DESC LIMIT {wanted.size}"
    async with reading_live(postgres) as connection:
        return [(row["bill_id"], row["position"]) for row in await connection.fetch(query, *arguments)]
