"""Table `draws`: the amount that each commitment or balance paid for a charge's slice, in the order of the draws."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from projections.readmodels import Table

TABLE = Table(
    "draws",
    hashed_by="root_id",
    ddl="""
CREATE TABLE draws (
    organization text NOT NULL,
    root_id text NOT NULL,
    number integer NOT NULL,                    -- place in the order in which the root's slices draw
    commitment_id text NOT NULL,
    account_id text NOT NULL,                   -- whose charge it is
    charge jsonb NOT NULL,                      -- type, account plan, pricing, period start, out of a rollover or not
    slice_start date NOT NULL,
    amount numeric NOT NULL,
    place integer NOT NULL,                     -- place of the commitment in the slice's draw order, from 1
    PRIMARY KEY (root_id, number)
);
CREATE INDEX draws_by_commitment ON draws (commitment_id);
""",
)

UPSERT = """
INSERT INTO draws (root_id, number, organization, commitment_id, account_id, charge, slice_start, amount, place)
SELECT root_id, number, organization, commitment_id, account_id, charge::jsonb, slice_start, amount, place
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::date[],
            $8::numeric[], $9::integer[])
    AS given (root_id, number, organization, commitment_id, account_id, charge, slice_start, amount, place)
ON CONFLICT (root_id, number) DO UPDATE SET commitment_id = excluded.commitment_id, account_id = excluded.account_id,
    charge = excluded.charge, slice_start = excluded.slice_start,
    amount = excluded.amount, place = excluded.place
"""
WIDTH = 9

#: $1 roots, $2 the number of draws that each now has.
DROP_EXCESS = """
DELETE FROM draws USING unnest($1::text[], $2::integer[]) AS given (root_id, held)
WHERE draws.root_id = given.root_id AND draws.number > given.held
"""


class DrawRow(NamedTuple):
    """A row in the order of UPSERT's columns; `charge` is JSON."""

    root_id: str
    number: int
    organization: str
    commitment_id: str
    account_id: str
    charge: str
    slice_start: date
    amount: Decimal
    place: int
