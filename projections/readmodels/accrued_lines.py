"""Table `accrued_lines`: the lines of a bill that would be issued now, with usage that is not due yet."""

from decimal import Decimal
from typing import NamedTuple

from projections.readmodels import Table

TABLE = Table(
    "accrued_lines",
    hashed_by="root_id",
    ddl="""
CREATE TABLE accrued_lines (
    organization text NOT NULL,
    root_id text NOT NULL,
    account_id text NOT NULL,                   -- the bill's account
    number integer NOT NULL,                    -- among the root's, from 1
    type text NOT NULL,
    amount numeric NOT NULL,
    quantity numeric NOT NULL,
    currency text NOT NULL,
    line jsonb NOT NULL,                        -- the whole line, as events.facts.bills.BillLine without id
    PRIMARY KEY (root_id, number)
);
CREATE INDEX accrued_lines_by_account ON accrued_lines (organization, account_id);
""",
)

UPSERT = """
INSERT INTO accrued_lines (root_id, number, organization, account_id, type, amount, quantity, currency, line)
SELECT root_id, number, organization, account_id, type, amount, quantity, currency, line::jsonb
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::numeric[], $8::text[],
            $9::text[])
    AS given (root_id, number, organization, account_id, type, amount, quantity, currency, line)
ON CONFLICT (root_id, number) DO UPDATE SET account_id = excluded.account_id, type = excluded.type,
    amount = excluded.amount, quantity = excluded.quantity, currency = excluded.currency, line = excluded.line
"""
WIDTH = 9

#: $1 roots, $2 the number of lines that each now has.
DROP_EXCESS = """
DELETE FROM accrued_lines USING unnest($1::text[], $2::integer[]) AS given (root_id, held)
WHERE accrued_lines.root_id = given.root_id AND accrued_lines.number > given.held
"""


class AccruedRow(NamedTuple):
    """A row in the order of UPSERT's columns; `line` is JSON: a BillLine without id."""

    root_id: str
    number: int
    organization: str
    account_id: str
    type: str
    amount: Decimal
    quantity: Decimal
    currency: str
    line: str
