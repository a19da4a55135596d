"""Who reads an account's totals: the series of the account plans that rate it, as settlement compiles them."""

from events.envelope import Envelope
from projections.aggregates import TotalsKey
from projections.rating.index import FamilyIndex, index_families
from projections.rating.terms import Reader, Readers
from projections.resources import Resources
from projections.settlement.family import compile_terms


class FamilyReaders:
    """The families of one organization, each compiled when one of its accounts is first rated."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._index: FamilyIndex = index_families(resources)
        self._readers: dict[str, Readers] = {}

    def evolve(self, envelope: Envelope) -> None:
        """Take in a fact that the resources hold already; whatever was compiled may have changed."""
        self._index.evolve(envelope)
        self._readers.clear()

    def of(self, key: TotalsKey) -> tuple[Reader, ...]:
        """The series that read this total, of plans that rate the account on some day."""
        account = self._resources.accounts.get(key[0])
        if account is None or account.root_id not in self._resources.accounts:
            return ()
        readers = self._readers.get(account.root_id)
        if readers is None:
            readers = compile_terms(self._resources, account.root_id, self._index).readers
            self._readers[account.root_id] = readers
        return readers.get(key, ())
