"""Cells into the totals of families in memory, and back out as rows."""

from collections.abc import Iterable, Mapping

from projections.aggregates import merge
from projections.readmodels.usage_totals import TotalRow, total_row
from projections.usage.cells import Cell, CellKey
from services.projection.catalog import CatalogLog
from services.projection.partition import Unwritten
from services.readside.family_state import FamilyCache, FamilyState


def merge_cells(held: Unwritten, cache: FamilyCache, catalog: CatalogLog) -> None:
    """Merge what was added into the totals of families in memory; their rows stay unwritten."""
    for key, cell in held.cells.items():
        _merge(_family(cache, key), key, cell, catalog)
    held.merged |= held.cells.keys()
    held.cells = {}


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


def _merge(family: FamilyState, key: CellKey, cell: Cell, catalog: CatalogLog) -> None:
    days = family.totals.setdefault(key[:3], {})
    before = days.get(key[3])
    if before is None:
        days[key[3]] = cell.day_state()
        family.offsets[key] = (cell.first, cell.last)
        return
    function = catalog.resources(family.organization).aggregations[key[1]].body.aggregation
    days[key[3]] = merge(function, before, cell.day_state())
    family.offsets[key] = (family.offsets[key][0], cell.last)


def replace_aggregations(
    families: Iterable[FamilyState], aggregations: set[str], rederived: Mapping[CellKey, Cell], catalog: CatalogLog
) -> None:
    """Put totals that were derived anew in the place of what families in memory hold of these aggregations."""
    by_account: dict[str, list[tuple[CellKey, Cell]]] = {}
    for key, cell in rederived.items():
        by_account.setdefault(key[0], []).append((key, cell))
    for family in families:
        for total in [total for total in family.totals if total[1] in aggregations]:
            del family.totals[total]
        for offset_key in [held for held in family.offsets if held[1] in aggregations]:
            del family.offsets[offset_key]
        for account_id in family.members:
            for key, cell in by_account.get(account_id, ()):
                _merge(family, key, cell, catalog)


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
