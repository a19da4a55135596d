"""What the relay writes to Kafka for a fact: which record, to which topic and partition."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from events.codec import encode
from events.envelope import Envelope
from events.facts.base import Route
from events.facts.bills import BillIssued
from events.topics import BILL_LINES, CATALOG, EVENTS
from services.kafka import Record

Place = tuple[str, int]


@dataclass(slots=True)
class Outgoing:
    """Records by place, in the order in which the places are written.

    `billing.events` comes before `billing.catalog`: ingest learns of an account from the catalog, so usage can never
    precede its account in the log. Each record stands with its sequence.
    """

    log: dict[Place, list[tuple[int, Record]]] = field(default_factory=lambda: defaultdict(list))
    catalog: dict[Place, list[tuple[int, Record]]] = field(default_factory=lambda: defaultdict(list))
    lines: dict[Place, list[tuple[int, Record]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, envelope: Envelope, partition: int | None, partitions: int) -> None:
        """Put the fact's record where its route says; `partition` is its account's."""
        record = Record((envelope.account or envelope.organization).encode() or None, encode(envelope))
        for place in places(envelope.data.route, partition, partitions):
            target = self.catalog if place[0] == CATALOG else self.log
            target[place].append((envelope.sequence, record))

    def add_lines(self, envelope: Envelope, bill: BillIssued, partition: int) -> None:
        """Put the lines of a bill, which is whole, where invoicing reads them."""
        records = line_records(envelope, bill)
        self.lines[BILL_LINES, partition] += [(envelope.sequence, record) for record in records]

    def in_order(self) -> Iterable[tuple[Place, list[tuple[int, Record]]]]:
        """Places to write, one after the other."""
        for group in (self.log, self.catalog, self.lines):
            yield from sorted(group.items())


def places(route: Route, partition: int | None, partitions: int) -> list[Place]:
    """Topic and partition of each record of a fact with this route."""
    everywhere: list[Place] = [(EVENTS, number) for number in range(partitions)]
    own: list[Place] = [] if partition is None else [(EVENTS, partition)]
    match route:
        case Route.CATALOG:
            return [(CATALOG, 0)]
        case Route.ACCOUNT:
            return own
        case Route.BOTH:
            return [*own, (CATALOG, 0)]
        case Route.EVERYWHERE:
            return [*everywhere, (CATALOG, 0)]


def line_records(envelope: Envelope, bill: BillIssued) -> list[Record]:
    """The lines of a whole bill for invoicing consumers, keyed by billing account, as of the event that issued it.

    A consumer that keeps the last (position, line number) per partition drops what is written twice after a crash.
    """
    shared: dict[str, Any] = {
        "organization": envelope.organization,
        "billId": bill.bill_id,
        "billAccountId": bill.account_id,
        "billDate": bill.bill_date.isoformat(),
        "currency": bill.currency,
    }
    position = str(envelope.sequence).encode()
    return [
        Record(
            bill.root_id.encode(),
            _compact(shared | line.model_dump(mode="json", by_alias=True, exclude_none=True)),
            [("position", position), ("line", str(line.number).encode())],
        )
        for line in bill.lines
    ]


def _compact(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
