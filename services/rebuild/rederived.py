"""Data derived from the events of the store, made again: the command side's resources and invoice numbers, and lost
lines of bills in `billing.bill-line-items`.
"""

from collections.abc import Iterable
from typing import Any

from events.envelope import Envelope
from events.facts.bills import BillIssued
from events.facts.resources import AccountForgotten, OrganizationConfigured
from events.topics import BILL_LINES
from projections.resources import Resources
from services.commands.table import KINDS
from services.kafka import BatchWriter, LogReader, Mark, digest_of
from services.rebuild.personal_keys import KeysFound, mend_keys
from services.relay.relay import line_records
from services.store.events import whole_bill
from services.store.invoice_numbers import note_invoice_number
from services.store.rows import COLUMNS, envelope_of
from services.store.view import store_config, store_entity

_EVENTS = f"SELECT {COLUMNS} FROM store.events WHERE organization = $1 ORDER BY position"
_DROP = "DELETE FROM store.entities WHERE organization = $1"
_EVENTS_AT_ONCE = 1_000
_BILLS = f"""
SELECT {COLUMNS} FROM store.events
WHERE type = 'BillIssued' AND partition = $1 AND position >= $2 AND position <= $3 ORDER BY position
"""
_BILLS_AT_ONCE = 100


async def rebuild_view(connection: Any, organization: str, generation: str) -> KeysFound:
    """Write an organization's rows again, from all of its events; returns the state of its accounts' keys."""
    resources, numbers, forgotten = Resources(organization), InvoiceNumbers(), list[AccountForgotten]()
    async for row in connection.cursor(_EVENTS, organization, prefetch=_EVENTS_AT_ONCE):
        envelope = envelope_of(row, generation)
        resources.evolve(envelope)
        numbers.evolve(envelope)
        if isinstance(envelope.data, AccountForgotten):
            forgotten.append(envelope.data)
    await connection.execute(_DROP, organization)
    if resources.config is not None:
        await store_config(connection, resources)
    for kind in KINDS.values():
        for id in kind.held(resources):
            await store_entity(connection, resources, kind, id)
    if numbers.last:
        await note_invoice_number(connection, organization, numbers.last)
    return await mend_keys(connection, resources, forgotten)


class InvoiceNumbers:
    """The highest invoice number of an organization. A number is its prefix at the time, then digits."""

    def __init__(self) -> None:
        self.last = 0
        #: Every prefix that was ever used, newest first, because a prefix may also end in digits.
        self._prefixes: list[str] = []

    def evolve(self, envelope: Envelope) -> None:
        """Apply an event of the organization."""
        match envelope.data:
            case OrganizationConfigured(body=body) if body.bill_prefix:
                self._prefixes.insert(0, body.bill_prefix)
            case BillIssued(sequential_invoice_number=str(number)):
                self.last = max(self.last, *_numbers(number, self._prefixes), 0)


def _numbers(written: str, prefixes: Iterable[str]) -> list[int]:
    """The number after the newest prefix that matches."""
    for prefix in prefixes:
        rest = written.removeprefix(prefix)
        if written.startswith(prefix) and rest.isdigit():
            return [int(rest)]
    return []


async def last_lines(reader: LogReader, partition: int) -> int:
    """Position of the bill whose lines stand last in the partition; 0 if there are none."""
    beginning = (await reader.beginning_offsets(BILL_LINES, [partition]))[partition]
    end = (await reader.end_offsets(BILL_LINES, [partition]))[partition]
    position = 0
    async for records in reader.read(BILL_LINES, partition, max(beginning, end - 1), end):
        headers = dict(records[-1].headers)
        position = int(headers.get("position") or 0)
    return position


async def write_lines(
    connection: Any, writer: BatchWriter, partition: int, start: int, end: int, generation: str
) -> tuple[int, Mark | None]:
    """Write the lines of the bills at positions `[start, end]` of the store; consumers drop repeats.

    Returns their number, and the last one.
    """
    count, mark = 0, None
    async for row in connection.cursor(_BILLS, partition, start, end, prefetch=_BILLS_AT_ONCE):
        envelope = envelope_of(row, generation)
        records = line_records(envelope, await whole_bill(connection, envelope))
        base, number, ms = (await writer.append(BILL_LINES, partition, records))[-1]
        count += len(records)
        mark = Mark(base + number - 1, ms, digest_of(records[-1].key, records[-1].value))
    return count, mark
