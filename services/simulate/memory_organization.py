"""A whole organization in memory, which a story's steps change and read."""

from typing import Any
from uuid import uuid5

from events.dates import EPOCH
from events.envelope import NAMESPACE, Envelope, seal
from events.facts.base import Fact
from events.facts.bills import BillIssued, Positions
from events.facts.resources import OrganizationConfigured, ResourceDeleted, ResourceFact
from projections.calendar import local_day
from projections.entities import Entity, FundEntity
from projections.rating.index import FamilyIndex
from projections.resources import Resources
from projections.revenue.journal import Chart
from projections.settlement import Billed, DraftBill, Family, compile_terms, family_under, issue
from services.api.data_export_bodies import AdhocExport
from services.commands.decide import decide
from services.commands.messages import Command
from services.simulate.memory_books import MemoryBooks
from services.simulate.memory_ingest import MemoryUsage
from services.simulate.memory_keys import MemoryKeys
from services.simulate.memory_rules import MemoryRules
from services.simulate.player import Told
from services.store.execute import place_of
from services.store.happened import resource_of

ORGANIZATION = str(uuid5(NAMESPACE, "simulate"))


class MemoryOrganization:
    """Its resources, usage and bills. Time stands still: everything that is due follows from dates in steps. Only
    automatic rules have a time, the latest that the story has reached.
    """

    def __init__(self) -> None:
        self.resources = Resources(ORGANIZATION)
        self.index = FamilyIndex()
        self.keys = MemoryKeys()
        self.used = MemoryUsage(self.keys.sealer)
        self.billed: dict[str, Billed] = {}
        self.rules = MemoryRules()
        self.books = MemoryBooks()
        #: The name in results of everything that was ever created, by id: lines may name an entity that was deleted
        #: since.
        self._codes: dict[str, str] = {}
        #: The names of entities in messages, by id.
        self._called: dict[str, str] = {}
        self._bills = 0
        self._sequence = 0
        self._now = EPOCH

    def roots(self) -> list[str]:
        """The ids of all accounts without a parent."""
        return [account.id for account in self.resources.accounts.values() if account.root_id == account.id]

    def family(self, root_id: str) -> Family:
        """The family of a root account as it is now."""
        terms = compile_terms(self.resources, root_id, self.index)
        totals = {key: days for key, days in self.used.totals.items() if key[0] in terms.accounts}
        return family_under(terms, totals, self.billed.setdefault(root_id, Billed()))

    def issue_draft(self, draft: DraftBill) -> BillIssued:
        """Issue the draft as a bill."""
        self._bills += 1
        bill_id = str(uuid5(NAMESPACE, f"simulate/bill/{self._bills}"))
        positions = Positions(partition=0, log=self._sequence, catalog=self._sequence)
        fact = issue(draft, bill_id=bill_id, positions=positions)
        self.billed.setdefault(draft.root_id, Billed()).evolve(fact)
        self._tell(self._sealed(fact, fact.account_id))
        self.books.issued(self.resources, fact, self._sequence, self.rules.now)
        return fact

    def close_books(self, asked: AdhocExport) -> Told:
        """Post the requested journal. Returns the ledger's balances on its day."""
        assert asked.closed_date is not None
        return self.books.close(self.resources, self._sequence, asked.closed_date, asked.chart or Chart())

    def command(self, command: Command) -> None:
        """Decide the command, and apply its facts. Raises: CommandError."""
        for fact in decide(self.resources, command, 1):
            self._apply(self.keys.kept(self.resources, fact))

    def _apply(self, fact: Fact) -> None:
        is_config = isinstance(fact, OrganizationConfigured)
        assert isinstance(fact, ResourceFact)
        before: Any = resource_of(self.resources, fact)
        if isinstance(fact, ResourceDeleted) and isinstance(before, FundEntity):
            self.books.deleted(self.resources, before, self.rules.now)
        envelope = self._sealed(fact, None if is_config else place_of(self.resources, fact)[0])
        self.resources.evolve(envelope)
        self.index.evolve(envelope)
        self._tell(envelope, before, resource_of(self.resources, fact))

    def _sealed(self, fact: Fact, account: str | None) -> Envelope:
        self._sequence += 1
        return seal(
            fact,
            source="commands/simulate",
            sequence=self._sequence,
            organization=ORGANIZATION,
            time=self._now,
            account=account,
        )

    def _tell(self, envelope: Envelope, before: Entity[Any] | None = None, after: Entity[Any] | None = None) -> None:
        """Check an event against rules of alerts."""
        config = self.resources.configured
        day = local_day(self.rules.now, "UTC" if config is None else config.timezone)
        self.rules.alerts.happened(self.resources, envelope, before, after, day)
