"""What the command side keeps beside its events, derived from them again: resources and invoice numbers."""

from collections.abc import Iterable
from typing import Any

from events.envelope import Envelope
from events.facts.bills import BillIssued
from events.facts.resources import OrganizationConfigured
from projections.resources import Resources
from services.commands.table import KINDS
from services.store.rows import COLUMNS, envelope_of
from services.store.view import store_config, store_entity

_EVENTS = f"SELECT {COLUMNS} FROM store.events WHERE organization = $1 ORDER BY position"
_DROP = "DELETE FROM store.entities WHERE organization = $1"
_NUMBER = """
INSERT INTO store.invoice_numbers AS held (organization, last) VALUES ($1, $2)
ON CONFLICT (organization) DO UPDATE SET last = greatest(held.last, EXCLUDED.last)
"""
_BATCH = 1_000


async def rebuild_view(connection: Any, organization: str, generation: str) -> None:
    """Write an organization's rows anew, from all of its events."""
    resources, numbers = Resources(organization), InvoiceNumbers()
    async for row in connection.cursor(_EVENTS, organization, prefetch=_BATCH):
        envelope = envelope_of(row, generation)
        resources.evolve(envelope)
        numbers.evolve(envelope)
    await connection.execute(_DROP, organization)
    if resources.config is not None:
        await store_config(connection, resources)
    for kind in KINDS.values():
        for id in kind.held(resources):
            await store_entity(connection, resources, kind, id)
    if numbers.last:
        await connection.execute(_NUMBER, organization, numbers.last)


class InvoiceNumbers:
    """The highest number that a bill of an organization has had. A number is its prefix at the time, then digits."""

    def __init__(self) -> None:
        self.last = 0
        #: Every prefix that there was, the newest first: a prefix may end in digits, too.
        self._prefixes: list[str] = []

    def evolve(self, envelope: Envelope) -> None:
        """Apply an event of the organization."""
        match envelope.data:
            case OrganizationConfigured(body=body) if body.bill_prefix:
                self._prefixes.insert(0, body.bill_prefix)
            case BillIssued(sequential_invoice_number=str(number)):
                self.last = max(self.last, *_numbers(number, self._prefixes), 0)


def _numbers(written: str, prefixes: Iterable[str]) -> list[int]:
    """The number by the newest prefix that fits."""
    for prefix in prefixes:
        rest = written.removeprefix(prefix)
        if written.startswith(prefix) and rest.isdigit():
            return [int(rest)]
    return []
