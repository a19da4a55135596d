"""Cells into the totals of families in memory, families settled by them, and rows of what came of it: only those that
differ from what was written before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any

import structlog

from projections.readmodels import accrued_lines, balances, columns, draws
from projections.readmodels.settled import NOTHING, SettledRows, settled_rows
from projections.readmodels.usage_totals import TotalRow, total_row
from projections.resources import Resources
from projections.settlement import Family, Settlement, settle, unbilled_of
from projections.usage import Cell, CellKey
from services.projection.catalog import CatalogLog
from services.projection.partition import PartitionState, Unwritten
from services.readside.family_state import FamilyCache, FamilyState

log = structlog.get_logger(__name__)

#: The tables that settlement fills, and their part of `SettledRows`.
_FILLED = (
    (balances, attrgetter("balances")),
    (draws, attrgetter("draws")),
    (accrued_lines, attrgetter("lines")),
)


class Settler:
    """Collects the rows of settled families; `flush` writes them."""

    def __init__(self, catalog: CatalogLog) -> None:
        self._catalog = catalog
        self._catalogs: dict[str, Resources] = {}
        self._changed: list[tuple[FamilyState, SettledRows]] = []

    def settle(self, family: FamilyState, state: PartitionState) -> bool:
        """Settle one family as of its day; incrementally, from what the last settlement kept. False: it failed.

        A family whose terms settlement cannot digest is a bug of ours. It must not stop the thousands beside it in the
        partition, so its rows stay as they were, it stays due, and audit refuses to pass until it is mended.
        """
        try:
            rows = self._rows(family, state) if family.has_terms else NOTHING
        except Exception:
            log.exception("family_not_settled", organization=family.organization, root_id=family.root_id)
            family.keep(None)
            return False
        if rows != family.written:
            self._changed.append((family, rows))
        return True

    def _rows(self, family: FamilyState, state: PartitionState) -> SettledRows:
        settlement = self._settle(family, state)
        return settled_rows(settlement, unbilled_of(settlement), family.own, family.root_id, settlement.through)

    def _settle(self, family: FamilyState, state: PartitionState) -> Settlement:
        """The family as of its day, by what moved since the last time."""
        organization = family.organization
        catalog = self._catalog_at(organization, state.clocks.get(organization))
        version = self._catalog.versions.get(organization, 0)
        terms = family.compiled(catalog, self._catalog.index(organization), version)
        through = family.billed.through(family.today(catalog, state.position.tick))
        held = Family(terms, family.totals, family.billed)
        settlement = settle(held, through=through, accrued=True, kept=family.kept, moved=family.moved)
        family.keep(settlement.kept)
        return settlement

    def _catalog_at(self, organization: str, clock: datetime | None) -> Resources:
        """The organization's catalog with its test clock; it shares the catalog's resources, so never evolve it."""
        catalog = self._catalog.resources(organization)
        held = self._catalogs.get(organization)
        if held is None or held.config is not catalog.config or held.clock != clock:
            held = self._catalogs[organization] = replace(catalog, clock=clock)
        return held

    async def flush(self, connection: Any) -> None:
        """Write the rows that changed; those of a family that was just loaded are all written once."""
        changed, self._changed = self._changed, []
        if not changed:
            return
        roots = [family.root_id for family, _ in changed]
        await connection.execute(
            balances.DROP_OTHERS, roots, [row.commitment_id for _, rows in changed for row in rows.balances]
        )
        await connection.execute(draws.DROP_EXCESS, roots, [len(rows.draws) for _, rows in changed])
        await connection.execute(accrued_lines.DROP_EXCESS, roots, [len(rows.lines) for _, rows in changed])
        for table, rows_of in _FILLED:
            rows = sorted(
                row for family, now in changed for row in _new(rows_of(now), rows_of(family.written or NOTHING))
            )
            if rows:
                await connection.execute(table.UPSERT, *columns(rows, table.WIDTH))
        for family, now in changed:
            family.note_written(now)


def _new(now: Sequence[Any], before: Sequence[Any]) -> list[Any]:
    """Rows that are not written yet. Order within a table is its key's, so equal rows mostly stand at equal places."""
    held = set(before)
    return [row for row in now if row not in held]


def merge_cells(held: Unwritten, cache: FamilyCache, catalog: CatalogLog) -> None:
    """Merge what was added into the totals of families in memory; their rows stay unwritten."""
    for key, cell in held.take_cells().items():
        family = _family(cache, key)
        family.add_to_total(key, cell, catalog.resources(family.organization))


def merged_rows(held: Unwritten, partition: int, cache: FamilyCache) -> tuple[list[TotalRow], dict[str, FamilyState]]:
    """Rows of what was merged, and the families, by root."""
    rows: list[TotalRow] = []
    touched: dict[str, FamilyState] = {}
    for key in held.merged:
        root_id = cache.root_of[key[0]]
        family = touched.get(root_id)
        if family is None:
            family = touched[root_id] = _family(cache, key)
        state = family.totals[key[:3]][key[3]]
        rows.append(total_row(key, partition, family.organization, state, family.offsets[key]))
    return rows, touched


def _family(cache: FamilyCache, key: CellKey) -> FamilyState:
    family = cache.of_account(key[0])
    assert family is not None, "a family with unwritten usage stays in memory"
    return family


def replace_aggregations(
    families: Iterable[FamilyState], aggregations: set[str], rederived: Mapping[CellKey, Cell], catalog: CatalogLog
) -> None:
    """Put totals that were derived anew in the place of what families in memory hold of these aggregations."""
    by_account: dict[str, list[tuple[CellKey, Cell]]] = {}
    for key, cell in rederived.items():
        by_account.setdefault(key[0], []).append((key, cell))
    for family in families:
        family.drop_totals(aggregations)
        resources = catalog.resources(family.organization)
        for account_id in family.members:
            for key, cell in by_account.get(account_id, ()):
                family.add_to_total(key, cell, resources)


def rederived_rows(rederived: Mapping[CellKey, Cell], partition: int, catalog: CatalogLog) -> list[TotalRow]:
    """Rows of totals that were derived anew; nothing else exists under their keys."""
    organizations = {
        aggregation_id: resources.organization
        for resources in catalog.organizations.values()
        for aggregation_id in resources.aggregations
    }
    return [
        total_row(key, partition, organizations[key[1]], cell.day_state(), (cell.first, cell.last))
        for key, cell in rederived.items()
    ]
