"""A family put together: what the catalog says and its own resources, what it used, and what was billed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from projections.aggregates import Totals
from projections.rating.index import FamilyIndex, index_families
from projections.resources import Resources
from projections.settlement.billed import Billed
from projections.settlement.family import Family, FamilyTerms, compile_terms


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
        charges=own.charges,
    )


def terms_of(resources: Resources, root_id: str, own: Resources, catalog_index: FamilyIndex) -> FamilyTerms:
    """Compile the terms of a family without looking at the rest of its organization.

    `resources` are the catalog's and the family's `together`, `own` the family's alone.
    """
    return compile_terms(resources, root_id, _BothIndexes(index_families(own), catalog_index))


def assemble(
    resources: Resources, root_id: str, own: Resources, catalog_index: FamilyIndex, totals: Totals, billed: Billed
) -> Family:
    """The family under these terms, with these quantities and bills."""
    return Family(terms_of(resources, root_id, own, catalog_index), totals, billed)
