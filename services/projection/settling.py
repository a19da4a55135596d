"""Merges cells into the totals of families in memory, settles the families, and makes rows of the results: only rows
that differ from the written ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from events.resources.automation import BILL
from projections.alerts.due import Speed
from projections.alerts.levels import expected_levels, settled_levels, unbilled_levels
from projections.alerts.rules import Rules
from projections.outlook.outlook import outlooks, used_before
from projections.rating.index import FamilyIndex
from projections.readmodels.outlooks import OutlookRow, outlook_rows
from projections.readmodels.settled_rows import (
    NO_ROWS,
    BehindRows,
    Shown,
    Written,
    balances_shown,
    behind_rows,
)
from projections.readmodels.usage_totals import TotalRow, total_row
from projections.resources import Resources
from projections.settlement import Settlement, family_under, settled, unbilled_of
from projections.too_large import TooLargeError
from projections.usage import Cell, CellKey
from services.projection.catalog_fold import CatalogLog
from services.projection.settled_tables import NOTHING_SHOWN, AlertsWriter, write_balances, write_behind, write_outlooks
from services.projection.unsettled import Unsettled
from services.projection.unwritten import PartitionState, Unwritten
from services.readside.family_cache import FamilyCache
from services.readside.family_state import FamilyState

NO_RULES = Rules()


class Catalogs(Protocol):
    """The catalog for settling: an organization's resources, their index, and the number of their changes."""

    versions: dict[str, int]

    def resources(self, organization: str) -> Resources: ...
    def index(self, organization: str) -> FamilyIndex: ...
    def rules(self, organization: str) -> Rules: ...


class Settler:
    """Settles families and collects their rows, in three speeds: balances; draws and lines; outlooks. `flush` writes
    them.

    Terms that settlement cannot process are a bug of ours. They must not stop the thousands of other families in the
    partition, so the family's rows stay unchanged, it stays due, and the audit fails until the bug is fixed. Where a
    number is too large to be kept, no row is better than an old one: they follow once what is behind it was corrected.
    """

    def __init__(self, catalog: Catalogs) -> None:
        self._catalog = catalog
        self._catalogs: dict[str, Resources] = {}
        #: By root: a root that is settled twice in a transaction is written once.
        self._balances: dict[str, tuple[FamilyState, Mapping[str, Shown]]] = {}
        self._behind: dict[str, tuple[FamilyState, BehindRows]] = {}
        self._expected: dict[str, tuple[FamilyState, tuple[OutlookRow, ...]]] = {}
        self._alerts = AlertsWriter()
        self.unsettled = Unsettled()

    def settle(self, family: FamilyState, state: PartitionState) -> bool:
        """Settle a family's balances as of its day, by its changes since the last time. Returns False if it failed."""
        shown: Mapping[str, Shown] = {}
        is_settled = True
        try:
            if family.has_terms:
                shown = self._shown(family, state)
            else:
                self._alerts.note_none(family)
        except TooLargeError as error:
            is_settled = self._failed(family, error)
            self._alerts.note_none(family)
            self._put_behind(family, NO_ROWS, ())
        except Exception as error:
            return self._failed(family, error)
        if shown == family.written.balances:
            # Equal, but other objects: the next settlement recognises its own states by identity.
            family.note_written(family.written._replace(balances=shown))
        else:
            self._balances[family.root_id] = (family, shown)
        return is_settled

    def write_behind(self, family: FamilyState, state: PartitionState, *, outlooks: bool) -> bool:
        """Write the family's draws and accrued lines, and its outlooks if wanted, as of its last settlement. Returns
        False if it failed.
        """
        rows, expected = NO_ROWS, tuple[OutlookRow, ...]()
        try:
            if family.has_terms:
                settlement = self._settle(family, state)
                rows = self._behind_rows(family, settlement)
                if outlooks:
                    expected = self._expected_rows(family, settlement)
        except TooLargeError as error:
            self._alerts.note_none(family, (Speed.LINES, Speed.OUTLOOKS))
            self._put_behind(family, NO_ROWS, ())
            return self._failed(family, error)
        except Exception as error:
            return self._failed(family, error)
        self._put_behind(family, rows, expected if outlooks else None)
        self.unsettled.settled(family.root_id)
        return True

    def _put_behind(self, family: FamilyState, rows: BehindRows, expected: tuple[OutlookRow, ...] | None) -> None:
        """Write these rows with the next flush, as far as they are not written yet; None: outlooks stay."""
        if rows != family.written.behind:
            self._behind[family.root_id] = (family, rows)
        if expected is not None and expected != family.written.outlooks:
            self._expected[family.root_id] = (family, expected)

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop the settled rows of these partitions, whose memory is dropped."""
        gone = set(partitions)
        self._balances = {id: shown for id, shown in self._balances.items() if shown[0].partition not in gone}
        self._behind = {id: shown for id, shown in self._behind.items() if shown[0].partition not in gone}
        self._expected = {id: shown for id, shown in self._expected.items() if shown[0].partition not in gone}
        self._alerts.forget(gone)
        self.unsettled.forget(gone)

    def _failed(self, family: FamilyState, error: Exception) -> bool:
        self.unsettled.note(family, error)
        family.keep(None)
        return False

    def _shown(self, family: FamilyState, state: PartitionState) -> Mapping[str, Shown]:
        settlement = self._settle(family, state)
        rules = self._catalog.rules(family.organization)
        self._alerts.find(family, rules, lambda: settled_levels(settlement, family.own, rules.names), Speed.BALANCES)
        before = family.written.balances or NOTHING_SHOWN
        return balances_shown(settlement, family.own, family.root_id, settlement.through, before)

    def _behind_rows(self, family: FamilyState, settlement: Settlement) -> BehindRows:
        drafts, rules = unbilled_of(settlement), self._catalog.rules(family.organization)
        of_bills = rules if BILL in rules.names else NO_RULES
        self._alerts.find(family, of_bills, lambda: unbilled_levels(drafts, family.billed, of_bills), Speed.LINES)
        return behind_rows(settlement, drafts, family.organization, family.root_id)

    def _expected_rows(self, family: FamilyState, settlement: Settlement) -> tuple[OutlookRow, ...]:
        used = used_before(settlement, family.used)
        family.note_used(used)
        expected = tuple(outlooks(settlement, used))
        rules = self._catalog.rules(family.organization)
        self._alerts.find(family, rules, lambda: expected_levels(expected, settlement, family.own), Speed.OUTLOOKS)
        return tuple(outlook_rows(expected, family.organization, family.root_id))

    def _settle(self, family: FamilyState, state: PartitionState) -> Settlement:
        """Settle the family as of its day, looking only at its changes since the last time."""
        organization = family.organization
        catalog = self._catalog_at(organization, state.clocks.get(organization))
        version = self._catalog.versions.get(organization, 0)
        terms = family.compiled(catalog, self._catalog.index(organization), version)
        family_then, today = (
            family_under(terms, family.totals, family.billed),
            family.today(catalog, state.position.tick),
        )
        settlement = settled(family_then, today, kept=family.kept, moved=family.moved)
        family.keep(settlement.kept)
        return settlement

    def _catalog_at(self, organization: str, clock: datetime | None) -> Resources:
        """The organization's catalog with its test clock; it shares the catalog's resources, so never evolve it."""
        catalog = self._catalog.resources(organization)
        resources = self._catalogs.get(organization)
        if resources is None or resources.config is not catalog.config or resources.clock != clock:
            resources = self._catalogs[organization] = replace(catalog, clock=clock)
        return resources

    async def flush(self, connection: Any) -> None:
        """Write the changed rows; all rows of a family that was just loaded are written once."""
        ahead, self._balances = list(self._balances.values()), {}
        behind, self._behind = list(self._behind.values()), {}
        expected, self._expected = list(self._expected.values()), {}
        await write_balances(connection, ahead)
        await write_behind(connection, behind)
        await write_outlooks(connection, expected)
        await self._alerts.flush(connection)
        for family, shown in ahead:
            written = family.written
            family.note_written(Written(shown, written.behind, written.outlooks))
        for family, rows in behind:
            family.note_written(family.written._replace(behind=rows))
        for family, rows_expected in expected:
            family.note_written(family.written._replace(outlooks=rows_expected))


def merge_cells(unwritten: Unwritten, cache: FamilyCache, catalog: CatalogLog) -> None:
    """Merge cells into the totals of families in memory; their rows stay unwritten."""
    for key, cell in unwritten.take_cells().items():
        family = _family(cache, key)
        family.add_to_total(key, cell, catalog.resources(family.organization))


def merged_rows(
    unwritten: Unwritten, partition: int, cache: FamilyCache
) -> tuple[list[TotalRow], dict[str, FamilyState]]:
    """Rows of the merged totals, and the families, by root."""
    rows: list[TotalRow] = []
    touched: dict[str, FamilyState] = {}
    for key in unwritten.merged:
        root_id = cache.root_of[key[0]]
        family = touched.get(root_id)
        if family is None:
            family = touched[root_id] = _family(cache, key)
        state = family.total(key)
        assert state is not None, "what was merged is there"
        rows.append(total_row(key, partition, family.organization, state, family.take_offsets(key)))
    return rows, touched


def _family(cache: FamilyCache, key: CellKey) -> FamilyState:
    family = cache.of_account(key[0])
    assert family is not None, "a family with unwritten usage stays in memory"
    return family


def replace_aggregations(
    families: Iterable[FamilyState], aggregations: set[str], rederived: Mapping[CellKey, Cell], catalog: CatalogLog
) -> None:
    """Replace the totals of these aggregations in the families in memory by totals that were derived again."""
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
    """Rows of totals that were derived again; no other rows have their keys."""
    organizations = {
        aggregation_id: resources.organization
        for resources in catalog.organizations.values()
        for aggregation_id in resources.aggregations
    }
    return [
        total_row(key, partition, organizations[key[1]], cell.day_state(), (cell.first, cell.last))
        for key, cell in rederived.items()
    ]
