"""Table `commitment_balances`: the spent, remaining, rolled-over and lapsed amounts of each commitment and balance."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from projections.readmodels import Table

TABLE = Table(
    "commitment_balances",
    hashed_by="root_id",
    ddl="""
CREATE TABLE commitment_balances (
    organization text NOT NULL,
    commitment_id text NOT NULL,                -- a commitment's or a balance's id
    root_id text NOT NULL,
    account_id text NOT NULL,
    kind text NOT NULL,                         -- PREPAYMENT, MINIMUM, BALANCE
    currency text NOT NULL,
    amount numeric NOT NULL,                    -- with top-ups
    spent numeric NOT NULL,
    remaining numeric NOT NULL,
    rolled_over numeric NOT NULL,
    lapsed numeric NOT NULL,
    status text NOT NULL,
    periods jsonb NOT NULL DEFAULT '[]',        -- of a MINIMUM: rules 10.3
    folded bigint NOT NULL,                     -- event-store position of its last fact that is in these numbers
    as_of date NOT NULL,                        -- the day of the last tick that status and lapse were judged at
    PRIMARY KEY (commitment_id)
);
CREATE INDEX commitment_balances_by_root ON commitment_balances (organization, root_id);
""",
)

UPSERT = """
INSERT INTO commitment_balances (commitment_id, organization, root_id, account_id, kind, currency, amount, spent,
                                 remaining, rolled_over, lapsed, status, periods, folded, as_of)
SELECT commitment_id, organization, root_id, account_id, kind, currency, amount, spent, remaining, rolled_over, lapsed,
       status, periods::jsonb, folded, as_of
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::numeric[], $8::numeric[],
            $9::numeric[], $10::numeric[], $11::numeric[], $12::text[], $13::text[], $14::bigint[], $15::date[])
    AS given (commitment_id, organization, root_id, account_id, kind, currency, amount, spent, remaining, rolled_over,
              lapsed, status, periods, folded, as_of)
ON CONFLICT (commitment_id) DO UPDATE SET amount = excluded.amount, spent = excluded.spent, kind = excluded.kind,
    remaining = excluded.remaining, rolled_over = excluded.rolled_over, lapsed = excluded.lapsed,
    currency = excluded.currency, account_id = excluded.account_id, status = excluded.status,
    periods = excluded.periods, folded = excluded.folded, as_of = excluded.as_of
"""
WIDTH = 15

#: $1 roots whose rows were settled, $2 their commitments and balances; the rows of deleted ones are removed.
DROP_OTHERS = """
DELETE FROM commitment_balances WHERE root_id = ANY ($1::text[]) AND commitment_id <> ALL ($2::text[])
"""


class BalanceRow(NamedTuple):
    """A row in the order of UPSERT's columns. Amounts are in the currency; `periods` is JSON."""

    commitment_id: str
    organization: str
    root_id: str
    account_id: str
    kind: str
    currency: str
    amount: Decimal
    spent: Decimal
    remaining: Decimal
    rolled_over: Decimal
    lapsed: Decimal
    status: str
    periods: str
    folded: int
    as_of: date
