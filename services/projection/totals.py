"""Cells into the totals of families in memory, and back out as rows."""

from collections.abc import Iterable, Mapping

from projections.readmodels.usage_totals import TotalRow, total_row
from projections.usage.cells import Cell, CellKey
from services.projection.catalog import CatalogLog
from services.projection.partition import Unwritten
from services.readside.family_state import FamilyCache, FamilyState


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
