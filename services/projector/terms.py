"""A family's terms: the catalog's part and the family's own, put together and compiled."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime

from events.zones import time_zone
from projections.rating.index import FamilyIndex, index_families
from projections.resources import Resources
from projections.settlement import FamilyTerms, compile_terms


class _BothIndexes(FamilyIndex):
    """The index of the family's own resources, then the catalog's: no kind of resource stands in both."""

    def __init__(self, own: FamilyIndex, catalog: FamilyIndex) -> None:
        super().__init__(prices=catalog.prices)
        self._own, self._catalog = own, catalog

    def ids(self, kind: str, owner: str) -> Iterable[str]:
        return self._own.ids(kind, owner) or self._catalog.ids(kind, owner)


def together(catalog: Resources, own: Resources, clock: datetime | None) -> Resources:
    """One `Resources` over the catalog's and the family's entities; it shares them, so never evolve it."""
    return replace(
        catalog,
        clock=clock,
        accounts=own.accounts,
        account_plans=own.account_plans,
        contracts=own.contracts,
        commitments=own.commitments,
        balances=own.balances,
        counter_adjustments=own.counter_adjustments,
    )


def terms_of(resources: Resources, root_id: str, own: Resources, catalog_index: FamilyIndex) -> FamilyTerms:
    """Compile the terms of a family without looking at the rest of its organization."""
    return compile_terms(resources, root_id, _BothIndexes(index_families(own), catalog_index))


def day_of(
    resources: Resources,
    zone: str,
    tick: datetime | None,
    clock: datetime | None,
    newest: datetime | None,
    newest_usage: date | None,
) -> date:
    """Today, as the log has it: the day of the organization's test clock, else of the last tick, in the family's zone.

    `clock` is the organization's, as the family's partition has it.

    Before any tick it is the newest day that the family itself knows: of its usage, or of a fact about it.
    """
    there = time_zone(zone)
    testing = resources.config is not None and bool(resources.config.body.test_clock)
    now = clock if testing else tick
    if now is not None:
        return now.astimezone(there).date()
    days = [day for day in (newest_usage, newest.astimezone(there).date() if newest else None) if day is not None]
    return max(days, default=date(1970, 1, 1))
