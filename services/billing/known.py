"""Bills as they were known at a moment: those that were there by then, issued or pending, as they stood.

A pending bill's lines are derived as they were then: by the family as it was known, and the day that it was.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from events.codec import decode
from projections.resources import Resources
from projections.settlement import DraftBill
from services.billing.approving import draft_of
from services.billing.life import BillLife, life_of
from services.concurrency import compute
from services.kafka import Cluster
from services.postgres import Postgres
from services.readside.family_now import catalog_of, read_catalog
from services.readside.live import reading_live
from services.readside.past.cut import BILL_IS_KNOWN, Cut, facts_known
from services.readside.past.known import KnownFamily, load_known
from services.readside.progress import Waiter
from services.store.listing import Condition, Search

_BILLS = "SELECT bill_id, position FROM bills WHERE organization = $1"


@dataclass(frozen=True, slots=True)
class KnownBill:
    """A bill as it stood then, the date up to which bills were locked, and the organization's catalog of then (accounts
    are no part of it). `family`: as it was known, of a pending one, with what would have been billed; without a draft
    nothing would have been."""

    life: BillLife
    lock_date: date | None
    catalog: Resources
    family: KnownFamily | None = None
    draft: DraftBill | None = None


async def known_bill(
    postgres: Postgres, cluster: Cluster, waiter: Waiter, organization: str, bill_id: str, cut: Cut
) -> KnownBill:
    """Raises: UnknownResource if it was not there yet, or not any more."""
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
    """Ids and positions of the bills found among those that were known: issued, or pending, and not dropped since.

    Raises what the conditions of the search may.
    """
    arguments: list[Any] = [organization]
    known = Search((*wanted.conditions, Condition(BILL_IS_KNOWN, list(cut.offsets))), True, "position", False, 0, 0)
    query = f"{_BILLS}{known.placed(arguments)} ORDER BY position DESC LIMIT {wanted.size}"
    async with reading_live(postgres) as connection:
        return [(row["bill_id"], row["position"]) for row in await connection.fetch(query, *arguments)]
