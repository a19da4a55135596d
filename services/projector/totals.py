"""Cells into the totals of families in memory, and back out as rows."""

from collections.abc import Iterable, Mapping

from projections.aggregates import DayState, merge
from projections.readmodels.usage_totals import TotalRow, total_row
from services.projector.catalog import CatalogLog
from services.projector.cells import Cell, CellKey
from services.projector.families import FamilyCache, FamilyState


def merge_cells(cells: Mapping[CellKey, Cell], cache: FamilyCache, catalog: CatalogLog) -> dict[str, FamilyState]:
    """Merge what was added into the families' totals; returns the families, by root."""
    touched: dict[str, FamilyState] = {}
    root_of = cache.root_of
    for key, cell in cells.items():
        root_id = root_of[key[0]]
        family = touched.get(root_id)
        if family is None:
            found = cache.get(root_id)
            assert found is not None, "a family with unwritten usage stays in memory"
            family = touched[root_id] = found
        _merge(family, key, cell, catalog)
    return touched


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
        total_row(key, partition, organizations[key[1]], _state(cell), (cell.first, cell.last))
        for key, cell in rederived.items()
    ]


def _state(cell: Cell) -> DayState:
    return cell.day_state()
