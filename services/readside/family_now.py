"""One family from the live read models, in one snapshot: the input of bill runs, previews and reads.

The snapshot has log and catalog positions; a bill records them, so that the auditor can fold to the same positions and
must find the same lines.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from events.codec import decode
from events.facts.bills import Positions
from projections.calendar import later
from projections.clock import today_of
from projections.rating.index import FamilyIndex, index_families
from projections.readmodels import directory
from projections.readmodels.facts import CATALOG_PARTITION
from projections.readmodels.positions import Position
from projections.readmodels.settled_rows import balances_shown
from projections.resources import Resources
from projections.settlement import Family, assemble, settled, together
from projections.settlement.extent import check_unbilled
from services.concurrency import compute
from services.failures import Worded
from services.postgres import Postgres
from services.readside.family_state import FamilyState, Root
from services.readside.horizon import check_ahead
from services.readside.lately import LatelyUsed
from services.readside.live import reading_live
from services.readside.loading import FamilyRows, families_of, read_clock, read_families, read_positions, read_roots
from services.store.generations import name_of_store
from services.store.view import OF_ORGANIZATION, resources_of

#: Families of one organization share their catalog; a few catalogs are cached, by store and offset.
_CATALOGS_KEPT = 8
_catalogs = LatelyUsed[tuple[str, str, int], "Catalog"](_CATALOGS_KEPT)

_CATALOG = f"""
SELECT record FROM facts WHERE partition = {CATALOG_PARTITION} AND organization = $1 AND log_offset < $2
ORDER BY log_offset
"""
_COMMAND_SIDE = f"{OF_ORGANIZATION} AND (e.root_id = $2 OR e.root_id IS NULL)"


class UnknownFamilyError(Worded):
    """root account {root_id} of organization {organization} is not in the read models"""

    def __init__(self, organization: str, root_id: str) -> None:
        super().__init__(root_id=root_id, organization=organization)


@dataclass(frozen=True, slots=True)
class LoadedFamily:
    """A family with the positions at which it was read. `bills_version` is the version of its bills' stream that it
    includes.
    """

    organization: str
    root_id: str
    family: Family
    resources: Resources
    positions: Positions
    bills_version: int
    #: The day of the last tick, or of the organization's test clock, in the family's zone.
    today: date


Catalog = tuple[Resources, FamilyIndex]


@dataclass(frozen=True, slots=True)
class CatalogRows:
    """An organization's catalog up to an offset: from the cache, else its records."""

    key: tuple[str, str, int]
    kept: Catalog | None
    records: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class PageRows:
    """The rows of some families in one snapshot of the read models, from which the families can be built."""

    organization: str
    families: FamilyRows
    folded: Mapping[int, Position]
    #: The organization's test clock, by partition.
    clocks: Mapping[int, datetime | None]
    #: By offset.
    catalogs: Mapping[int, CatalogRows]


async def load_family(postgres: Postgres, organization: str, root_id: str) -> LoadedFamily:
    """The family from one snapshot of the live schema. Raises: UnknownFamilyError."""
    families = await load_page(postgres, organization, [root_id])
    if root_id not in families:
        raise UnknownFamilyError(organization, root_id)
    return families[root_id]


async def load_page(postgres: Postgres, organization: str, root_ids: Sequence[str]) -> dict[str, LoadedFamily]:
    """Many families from one snapshot of the live schema, by root, without unknown ones.

    A bill run loads its families by the page, so the number of queries does not depend on the number of families.
    """
    async with reading_live(postgres) as connection:
        rows = await read_page(connection, organization, root_ids)
    return await compute(organization, loaded_page, rows)


async def read_page(connection: Any, organization: str, root_ids: Sequence[str]) -> PageRows:
    """The rows of families, in a transaction that has set its search path."""
    page, roots = await read_standing(connection, organization, root_ids)
    return replace(page, families=await read_families(connection, roots))


async def read_standing(connection: Any, organization: str, root_ids: Sequence[str]) -> tuple[PageRows, list[Root]]:
    """The positions of the families without their content, and the partition of each."""
    roots = await read_roots(connection, organization, root_ids)
    partitions = {root.partition for root in roots}
    folded = await read_positions(connection, list(partitions))
    clocks = {partition: await read_clock(connection, partition, organization) for partition in partitions}
    offsets = {position.catalog_offset for position in folded.values()}
    catalogs = {offset: await read_catalog(connection, organization, offset) for offset in offsets}
    return PageRows(organization, FamilyRows(roots), folded, clocks, catalogs), roots


def loaded_page(rows: PageRows) -> dict[str, LoadedFamily]:
    """The families in the rows; a family whose root was deleted has bills, and no terms."""
    catalogs = {offset: catalog_of(catalog) for offset, catalog in rows.catalogs.items()}
    families = {}
    for state in families_of(rows.families):
        position = rows.folded[state.partition]
        families[state.root_id] = _loaded(
            state, catalogs[position.catalog_offset], position, rows.clocks[state.partition]
        )
    return families


def _loaded(state: FamilyState, catalog: Catalog, position: Position, clock: datetime | None) -> LoadedFamily:
    resources = together(catalog[0], state.own, clock)
    return LoadedFamily(
        state.organization,
        state.root_id,
        state.family(resources, catalog[1]),
        resources,
        Positions(partition=state.partition, log=position.next_offset, catalog=position.catalog_offset),
        state.bills_version,
        state.today(resources, position.tick),
    )


async def settle_now(
    postgres: Postgres, organization: str, root_id: str, as_of: date | None = None
) -> dict[str, Mapping[str, Any]]:
    """Settlement on read: the terms decided by commands, over the projected totals and bills.

    For reads right after a command, before the projection has passed it (decision 19), and for reads as of a day; due
    amounts follow the latest bill in any case. Returns, by id, rows in the columns of `commitment_balances`. Raises:
    UnknownFamilyError; InvalidField, TooMuchError, TooLargeError.
    """
    async with reading_live(postgres) as connection:
        terms = await connection.fetch(_COMMAND_SIDE, organization, root_id)
        partition = next((row["partition"] for row in terms if row["id"] == root_id), None)
        if partition is None:
            raise UnknownFamilyError(organization, root_id)
        families = await read_families(connection, [Root(organization, root_id, partition)])
        folded = await read_positions(connection, [partition])
        clocks = {partition: await read_clock(connection, partition, organization)}
    page = PageRows(organization, families, folded, clocks, {})
    return await compute(organization, _settled_now, page, terms, root_id, as_of)


def _settled_now(
    page: PageRows, rows: Sequence[Mapping[str, Any]], root_id: str, as_of: date | None
) -> dict[str, Mapping[str, Any]]:
    [clock] = page.clocks.values()
    terms = resources_of(page.organization, rows, clock)
    account = terms.accounts[root_id]
    [state] = families_of(page.families)
    position = page.folded.get(account.partition)
    evidence = state.evidence(position.tick if position else None)
    # The last command about the account may not be projected yet.
    today = today_of(terms, account.timezone, evidence._replace(fact=later(evidence.fact, account.modified)))
    family = assemble(terms, root_id, terms, index_families(terms), state.totals, state.billed)
    if as_of is not None:
        check_ahead(as_of, today)
        check_unbilled(family, as_of)
    settlement = settled(family, as_of or today)
    shown = balances_shown(settlement, terms, root_id, settlement.through, {})
    return {id: balance.row._asdict() for id, balance in shown.items()}


async def iterate_roots(postgres: Postgres, organization: str, *, page: int = 500) -> AsyncIterator[str]:
    """Root accounts of an organization in the live read models, by id; a page at a time, so memory stays flat."""
    after = ""
    while True:
        async with reading_live(postgres) as connection:
            rows = await connection.fetch(directory.ROOTS_PAGE, organization, after, page)
        if not rows:
            return
        after = rows[-1]["root_id"]
        for row in rows:
            yield row["root_id"]


async def iterate_prepaid_roots(
    postgres: Postgres, organization: str, accounts: Sequence[str] | None, *, page: int = 100
) -> AsyncIterator[Sequence[str]]:
    """The roots of these accounts (None: of all) that have or had prepayments, by id; a page at a time, like
    `iterate_roots`.
    """
    after = ""
    while True:
        async with reading_live(postgres) as connection:
            rows = await connection.fetch(directory.PREPAID_ROOTS_PAGE, organization, after, page, accounts)
        if not rows:
            return
        after = rows[-1]["root_id"]
        yield [row["root_id"] for row in rows]


async def read_catalog(connection: Any, organization: str, offset: int) -> CatalogRows:
    """The organization's catalog up to an offset, in the caller's snapshot.

    The catalog never changes below an offset, so the decoded catalog is cached under the store's random name.
    """
    key = (await name_of_store(connection), organization, offset)
    catalog = _catalogs.get(key)
    return CatalogRows(key, catalog, () if catalog else await connection.fetch(_CATALOG, organization, offset))


def catalog_of(rows: CatalogRows) -> Catalog:
    """The catalog in the rows; it is shared, so never evolve it. Another caller may have decoded it since the rows were
    read.
    """
    catalog = rows.kept or _catalogs.get(rows.key) or _made_of(rows)
    _catalogs.keep(rows.key, catalog)
    return catalog


def _made_of(rows: CatalogRows) -> Catalog:
    resources, index = Resources(rows.key[1]), FamilyIndex()
    for row in rows.records:
        envelope = decode(bytes(row["record"]))
        resources.evolve(envelope)
        index.evolve(envelope)
    return resources, index
