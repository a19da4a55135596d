"""Tables `bills` and `bill_line_items`: issued bills from `BillIssued`, and pending bills without lines."""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from events.envelope import Envelope
from events.facts.bills import BillIssued, BillOpened
from projections.readmodels import Table

BILLS = Table(
    "bills",
    hashed_by="root_id",
    ddl="""
CREATE TABLE bills (
    organization text NOT NULL,
    bill_id text NOT NULL,
    root_id text NOT NULL,
    account_id text NOT NULL,
    bill_date date NOT NULL,
    currency text NOT NULL,
    total numeric,                              -- null while it is pending: then it is derived when it is read
    status text NOT NULL,                       -- PENDING, APPROVED; a dropped bill has no row
    version integer NOT NULL DEFAULT 1,         -- facts about it
    locked boolean NOT NULL DEFAULT false,
    voided boolean NOT NULL DEFAULT false,
    number integer NOT NULL,                    -- version in stream bills-<root> of BillIssued, or of BillOpened
    position bigint NOT NULL,                   -- event-store position of its first fact
    bill jsonb NOT NULL,                        -- BillIssued without its lines, or BillOpened with what moved since
    opened_at timestamptz,                      -- null: it was issued at once
    issued_at timestamptz,
    locked_at timestamptz,
    created_by text,                            -- events.actors; null: nobody said so
    approved_by text,
    locked_by text,
    modified_by text,                           -- of its last fact
    PRIMARY KEY (bill_id)
);
CREATE INDEX bills_pending ON bills (organization, opened_at) WHERE status = 'PENDING';
CREATE INDEX bills_by_account ON bills (organization, account_id, bill_date);
CREATE INDEX bills_by_root ON bills (root_id, number);
""",
)

LINES = Table(
    "bill_line_items",
    hashed_by="root_id",
    ddl="""
CREATE TABLE bill_line_items (
    organization text NOT NULL,
    bill_id text NOT NULL,
    number integer NOT NULL,
    line_id text NOT NULL,
    root_id text NOT NULL,
    account_id text NOT NULL,                   -- whose charge it is
    type text NOT NULL,
    commitment_id text,
    amount numeric NOT NULL,
    quantity numeric NOT NULL,
    line jsonb NOT NULL,                        -- events.facts.bills.BillLine
    PRIMARY KEY (bill_id, number)
);
CREATE INDEX bill_line_items_by_root ON bill_line_items (root_id);
CREATE INDEX bill_line_items_by_commitment ON bill_line_items (organization, commitment_id, type);
""",
)

#: A pending bill's row is overwritten when the bill is issued; the bill keeps its place in lists.
PUT_BILLS = """
INSERT INTO bills (organization, bill_id, root_id, account_id, bill_date, currency, total, status, number, position,
                   bill, opened_at, issued_at, created_by, approved_by, modified_by)
SELECT organization, bill_id, root_id, account_id, bill_date, currency, total, status, number, position, bill::jsonb,
       opened_at, issued_at, actor, CASE WHEN issued_at IS NOT NULL THEN actor END, actor
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[], $6::text[], $7::numeric[], $8::text[],
            $9::integer[], $10::bigint[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::text[])
    AS given (organization, bill_id, root_id, account_id, bill_date, currency, total, status, number, position, bill,
              opened_at, issued_at, actor)
ON CONFLICT (bill_id) DO UPDATE SET bill_date = EXCLUDED.bill_date, total = EXCLUDED.total, status = EXCLUDED.status,
    number = EXCLUDED.number, bill = EXCLUDED.bill, issued_at = EXCLUDED.issued_at,
    approved_by = EXCLUDED.approved_by
"""
BILLS_WIDTH = 14

INSERT_LINES = """
INSERT INTO bill_line_items (organization, bill_id, number, line_id, root_id, account_id, type, commitment_id, amount,
                             quantity, line)
SELECT organization, bill_id, number, line_id, root_id, account_id, type, commitment_id, amount, quantity, line::jsonb
FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::numeric[], $10::numeric[], $11::text[])
    AS given (organization, bill_id, number, line_id, root_id, account_id, type, commitment_id, amount, quantity, line)
"""
LINES_WIDTH = 11

MOVE = """
UPDATE bills SET bill_date = moved.bill_date, bill = bills.bill || moved.bill::jsonb
FROM unnest($1::text[], $2::date[], $3::text[]) AS moved (bill_id, bill_date, bill)
WHERE bills.bill_id = moved.bill_id
"""
DROP = "DELETE FROM bills WHERE bill_id = ANY ($1::text[])"
LOCK = """
UPDATE bills SET locked = true, locked_at = given.at, locked_by = given.actor
FROM unnest($1::text[], $2::timestamptz[], $3::text[]) AS given (bill_id, at, actor)
WHERE bills.bill_id = given.bill_id
"""
VOID = "UPDATE bills SET voided = true WHERE bill_id = ANY ($1::text[])"
#: The columns that every later fact about a bill changes.
VERSIONS = """
UPDATE bills SET version = given.version, modified_by = given.actor
FROM unnest($1::text[], $2::integer[], $3::text[]) AS given (bill_id, version, actor)
WHERE bills.bill_id = given.bill_id
"""


class BillRow(NamedTuple):
    """A row in the order of PUT_BILLS."""

    organization: str
    bill_id: str
    root_id: str
    account_id: str
    bill_date: date
    currency: str
    total: Decimal | None
    status: str
    number: int
    position: int
    bill: str
    opened_at: datetime | None
    issued_at: datetime | None
    actor: str | None


class LineRow(NamedTuple):
    """A row in the order of INSERT_LINES."""

    organization: str
    bill_id: str
    number: int
    line_id: str
    root_id: str
    account_id: str
    type: str
    commitment_id: str | None
    amount: Decimal
    quantity: Decimal
    line: str


def _of_any(envelope: Envelope, fact: BillIssued | BillOpened, number: int) -> dict[str, Any]:
    """The columns shared by rows of pending and issued bills."""
    said = ("bill_id", "root_id", "account_id", "bill_date", "currency")
    told = {"organization": envelope.organization, "position": envelope.sequence, "actor": envelope.actor}
    return {name: getattr(fact, name) for name in said} | told | {"number": number}


def bill_row(envelope: Envelope, fact: BillIssued, number: int) -> BillRow:
    """The row of an issued bill; `number` is its place among the facts about its root's bills, from 1."""
    document = fact.model_dump(mode="json", by_alias=True, exclude={"lines"}, exclude_none=True)
    return BillRow(
        **_of_any(envelope, fact, number),
        total=fact.total,
        status="APPROVED",
        bill=json.dumps(document),
        opened_at=None,
        issued_at=envelope.time,
    )


def opened_row(envelope: Envelope, fact: BillOpened, number: int) -> BillRow:
    """The row of a pending bill."""
    document = fact.model_dump(mode="json", by_alias=True, exclude_none=True)
    return BillRow(
        **_of_any(envelope, fact, number),
        total=None,
        status="PENDING",
        bill=json.dumps(document),
        opened_at=envelope.time,
        issued_at=None,
    )


def line_rows(envelope: Envelope, fact: BillIssued) -> list[LineRow]:
    """The rows of the bill's lines, in their order."""
    return [
        LineRow(
            organization=envelope.organization,
            bill_id=fact.bill_id,
            number=line.number,
            line_id=line.id,
            root_id=fact.root_id,
            account_id=line.account_id,
            type=line.type,
            commitment_id=line.commitment_id or line.balance_id,
            amount=line.amount,
            quantity=line.quantity,
            line=json.dumps(line.model_dump(mode="json", by_alias=True, exclude_none=True)),
        )
        for line in fact.lines
    ]
