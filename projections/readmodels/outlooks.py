"""Table `outlooks`: the forecast of each commitment and balance in its term, by the usage of the last 7, 30 and 90 days
(rules 11.9).
"""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from projections.readmodels import Table

if TYPE_CHECKING:  # processes that only make tables do not load settlement
    from projections.outlook.outlook import Outlook

TABLE = Table(
    "outlooks",
    hashed_by="root_id",
    ddl="""
CREATE TABLE outlooks (
    organization text NOT NULL,
    root_id text NOT NULL,
    number integer NOT NULL,                    -- among the root's, from 1
    commitment_id text NOT NULL,                -- a commitment's or a balance's id
    account_id text NOT NULL,
    kind text NOT NULL,                         -- PREPAYMENT, MINIMUM, BALANCE
    currency text NOT NULL,
    as_of date NOT NULL,                        -- the day it is judged at
    until date NOT NULL,                        -- last day of what is forecast: that it draws, or of the running period
    remaining numeric NOT NULL,                 -- what can be drawn now, or what the running period lacks
    per_day_7 numeric NOT NULL,                 -- what is used a day
    day_7 date,                                 -- when it runs out, or the minimum is reached
    at_stake_7 numeric NOT NULL,                -- what will find nothing left, or the true-up
    lapses_7 numeric NOT NULL,                  -- what will be paid for and not used
    per_day_30 numeric NOT NULL,
    day_30 date,
    at_stake_30 numeric NOT NULL,
    lapses_30 numeric NOT NULL,
    per_day_90 numeric NOT NULL,
    day_90 date,
    at_stake_90 numeric NOT NULL,
    lapses_90 numeric NOT NULL,
    PRIMARY KEY (root_id, number)
);
CREATE INDEX outlooks_by_organization ON outlooks (organization, currency);
""",
)

_COLUMNS = """root_id, number, organization, commitment_id, account_id, kind, currency, as_of, until, remaining,
    per_day_7, day_7, at_stake_7, lapses_7, per_day_30, day_30, at_stake_30, lapses_30,
    per_day_90, day_90, at_stake_90, lapses_90"""
UPSERT = f"""
INSERT INTO outlooks ({_COLUMNS})
SELECT * FROM unnest(
    $1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::date[], $9::date[],
    $10::numeric[], $11::numeric[], $12::date[], $13::numeric[], $14::numeric[], $15::numeric[], $16::date[],
    $17::numeric[], $18::numeric[], $19::numeric[], $20::date[], $21::numeric[], $22::numeric[]
)
ON CONFLICT (root_id, number) DO UPDATE SET
    commitment_id = excluded.commitment_id, account_id = excluded.account_id, kind = excluded.kind,
    currency = excluded.currency, as_of = excluded.as_of, until = excluded.until, remaining = excluded.remaining,
    per_day_7 = excluded.per_day_7, day_7 = excluded.day_7, at_stake_7 = excluded.at_stake_7,
    lapses_7 = excluded.lapses_7, per_day_30 = excluded.per_day_30, day_30 = excluded.day_30,
    at_stake_30 = excluded.at_stake_30, lapses_30 = excluded.lapses_30, per_day_90 = excluded.per_day_90,
    day_90 = excluded.day_90, at_stake_90 = excluded.at_stake_90, lapses_90 = excluded.lapses_90
"""
WIDTH = 22

#: $1 roots, $2 the number of outlooks that each now has.
DROP_EXCESS = """
DELETE FROM outlooks USING unnest($1::text[], $2::integer[]) AS given (root_id, held)
WHERE outlooks.root_id = given.root_id AND outlooks.number > given.held
"""


class OutlookRow(NamedTuple):
    """A row in the order of UPSERT's columns. Amounts are in the currency."""

    root_id: str
    number: int
    organization: str
    commitment_id: str
    account_id: str
    kind: str
    currency: str
    as_of: date
    until: date
    remaining: Decimal
    per_day_7: Decimal
    day_7: date | None
    at_stake_7: Decimal
    lapses_7: Decimal
    per_day_30: Decimal
    day_30: date | None
    at_stake_30: Decimal
    lapses_30: Decimal
    per_day_90: Decimal
    day_90: date | None
    at_stake_90: Decimal
    lapses_90: Decimal


def outlook_rows(outlooks: "Iterable[Outlook]", organization: str, root_id: str) -> Iterator[OutlookRow]:
    """The rows of a root, by the ids of their commitments and balances."""
    for number, outlook in enumerate(sorted(outlooks, key=lambda outlook: outlook.id), 1):
        week, month, quarter = (
            (expected.per_day, expected.day, expected.at_stake, expected.lapses) for expected in outlook.expected
        )
        about = (
            outlook.id,
            outlook.account_id,
            outlook.kind,
            outlook.currency,
            outlook.as_of,
            outlook.until,
            outlook.left,
        )
        yield OutlookRow(root_id, number, organization, *about, *week, *month, *quarter)
