"""One family as the live read models hold it, in one snapshot: what bill runs, previews and reads settle from.

The snapshot says at which log and catalog positions it stands; a bill records them, so that the auditor can fold to the
same positions and must find the same lines.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from events.codec import decode
from events.facts.bills import Positions
from projections.rating.index import FamilyIndex, index_families
from projections.readmodels import directory
from projections.readmodels.facts import CATALOG_PARTITION
from projections.readmodels.positions import Position
from projections.readmodels.settled import settled_rows
from projections.resources import Resources
from projections.settlement import Family, settle
from services.live import live_schema, use_schema
from services.projector.families import FamilyState
from services.projector.load import load_families, read_clocks, read_positions
from services.projector.terms import day_of, terms_of, together
from services.store.view import COLUMNS, put_row

#: Families of one organization share their catalog; a few are kept, by where and up to which offset they were read.
_CATALOGS_KEPT = 8
_catalogs: OrderedDict[tuple[str, str, int], tuple[Resources, FamilyIndex]] = OrderedDict()

_ROOTS = """
SELECT root_id, partition FROM account_directory
WHERE organization = $1 AND account_id = ANY ($2) AND root_id = account_id ORDER BY root_id
"""
_GENERATION = "SELECT generation FROM store.generations WHERE part = 'commands'"
_CATALOG = f"""
SELECT record FROM facts WHERE partition = {CATALOG_PARTITION} AND organization = $1 AND log_offset < $2
ORDER BY log_offset
"""
_COMMAND_SIDE = f"""
SELECT {COLUMNS} FROM store.entities e WHERE e.organization = $1 AND (e.root_id = $2 OR e.root_id IS NULL)
"""


class UnknownFamilyError(Exception):
    """Root account {root_id} of organization {organization} is not in the read models."""

    def __init__(self, organization: str, root_id: str) -> None:
        super().__init__(f"root account {root_id} of organization {organization} is not in the read models")


@dataclass(frozen=True, slots=True)
class LoadedFamily:
    """A family with what it was read at. `bills_version` is the version of its bills' stream that it has folded."""

    organization: str
    root_id: str
    family: Family
    resources: Resources
    positions: Positions
    bills_version: int
    #: The day of the last tick, or of the organization's test clock, in the family's zone.
    today: date


@asynccontextmanager
async def _snapshot(connection: Any) -> AsyncIterator[None]:
    """One snapshot of the live schema. In a caller's transaction it is that one's; its search path comes back."""
    nested = connection.is_in_transaction()
    async with connection.transaction(isolation=None if nested else "repeatable_read", readonly=not nested):
        before = await connection.fetchval("SHOW search_path")
        await use_schema(connection, await live_schema(connection))
        yield
        await use_schema(connection, before)


async def load_family(connection: Any, organization: str, root_id: str) -> LoadedFamily:
    """The family in one snapshot of the live schema. Raises: UnknownFamilyError."""
    async with _snapshot(connection):
        return await read_family(connection, organization, root_id)


async def load_page(connection: Any, organization: str, root_ids: Sequence[str]) -> dict[str, LoadedFamily]:
    """Many families in one snapshot of the live schema, by root; those that it does not know are left out.

    A bill run loads its families by the page: the number of queries does not depend on that of families.
    """
    async with _snapshot(connection):
        return await _read_page(connection, organization, root_ids)


async def read_family(connection: Any, organization: str, root_id: str) -> LoadedFamily:
    """The same inside a transaction that has set its search path. Raises: UnknownFamilyError."""
    found = await _read_page(connection, organization, [root_id])
    if root_id not in found:
        raise UnknownFamilyError(organization, root_id)
    return found[root_id]


async def settle_now(
    connection: Any, organization: str, root_id: str, as_of: date | None = None
) -> dict[str, Mapping[str, Any]]:
    """Settlement on read: the terms that commands have decided, over the totals and bills that are projected.

    For reads right after a command, before the projection has passed it (design, decision 19), and for reads as of a
    day; what is due follows the latest bill in any case. Returns, by id, rows in
    the columns of `commitment_balances`. Raises: UnknownFamilyError.
    """
    async with _snapshot(connection):
        terms = Resources(organization)
        for row in await connection.fetch(_COMMAND_SIDE, organization, root_id):
            put_row(terms, row)
        if root_id not in terms.accounts:
            raise UnknownFamilyError(organization, root_id)
        account = terms.accounts[root_id]
        [state] = await load_families(connection, [(organization, root_id, account.partition)])
        place = (await read_positions(connection, [account.partition])).get(account.partition)
        terms.clock = (await read_clocks(connection, account.partition)).get(organization)
    newest = account.modified if state.newest is None else max(state.newest, account.modified)
    today = day_of(
        terms, account.timezone, place.tick if place else None, terms.clock, newest, state.newest_usage_day()
    )
    through = max([as_of or today, *state.billed.latest.values()])
    compiled = terms_of(terms, root_id, terms, index_families(terms))
    settlement = settle(Family(compiled, state.totals, state.billed), through=through, accrued=True)
    rows = settled_rows(settlement, (), terms, root_id, through).balances
    return {row.commitment_id: row._asdict() for row in rows}


async def iterate_roots(connection: Any, organization: str, *, page: int = 500) -> AsyncIterator[str]:
    """Root accounts of an organization in the live read models, by id; a page at a time, so memory stays flat."""
    after = ""
    while True:
        async with connection.transaction(readonly=True):
            await use_schema(connection, await live_schema(connection))
            rows = await connection.fetch(directory.ROOTS_PAGE, organization, after, page)
        if not rows:
            return
        after = rows[-1]["root_id"]
        for row in rows:
            yield row["root_id"]


async def _read_page(connection: Any, organization: str, root_ids: Sequence[str]) -> dict[str, LoadedFamily]:
    rows = await connection.fetch(_ROOTS, organization, list(root_ids))
    roots = [(organization, row["root_id"], row["partition"]) for row in rows]
    partitions = {partition for *_, partition in roots}
    places = await read_positions(connection, list(partitions))
    clocks = {one: (await read_clocks(connection, one)).get(organization) for one in partitions}
    offsets = {place.catalog_offset for place in places.values()}
    catalogs = {offset: await read_catalog(connection, organization, offset) for offset in offsets}
    found = {}
    for state in await load_families(connection, roots):
        if state.root_id in state.own.accounts:  # else it was deleted
            place = places[state.partition]
            found[state.root_id] = _loaded(state, catalogs[place.catalog_offset], place, clocks[state.partition])
            await asyncio.sleep(0)  # terms are compiled here: a page of them must not hold up the rest of the process
    return found


def _loaded(
    state: FamilyState, catalog: tuple[Resources, FamilyIndex], place: Position, clock: datetime | None
) -> LoadedFamily:
    resources = together(catalog[0], state.own, clock)
    terms = terms_of(resources, state.root_id, state.own, catalog[1])
    return LoadedFamily(
        state.organization,
        state.root_id,
        Family(terms, state.totals, state.billed),
        resources,
        Positions(partition=state.partition, log=place.next_offset, catalog=place.catalog_offset),
        state.bills_version,
        day_of(resources, state.timezone, place.tick, clock, state.newest, state.newest_usage_day()),
    )


async def read_catalog(connection: Any, organization: str, offset: int) -> tuple[Resources, FamilyIndex]:
    """The organization's catalog up to an offset, in the caller's snapshot; it is shared, so never evolve it.

    The catalog never changes below an offset, so it is kept under the store's random name.
    """
    key = (await connection.fetchval(_GENERATION), organization, offset)
    if key not in _catalogs:
        resources, index = Resources(organization), FamilyIndex()
        for row in await connection.fetch(_CATALOG, organization, offset):
            envelope = decode(bytes(row["record"]))
            resources.evolve(envelope)
            index.evolve(envelope)
        _catalogs[key] = (resources, index)
        while len(_catalogs) > _CATALOGS_KEPT:
            _catalogs.popitem(last=False)
    _catalogs.move_to_end(key)
    return _catalogs[key]
