"""Table `account_directory`: an account's root, its zone, and the catalog resources and days that may affect it.

`plans` and `billable` only ever grow: they choose which accounts to settle again, and an unneeded settlement changes
nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from events.envelope import Envelope
from events.facts.resources import AccountCreated, ResourceCreated, ResourceUpdated
from projections.readmodels import Table

TABLE = Table(
    "account_directory",
    hashed_by="root_id",
    ddl="""
CREATE TABLE account_directory (
    account_id text NOT NULL,
    partition integer NOT NULL,
    organization text NOT NULL,
    root_id text NOT NULL,
    timezone text NOT NULL,                     -- decided at its creation, for life
    plans text[] NOT NULL,                      -- every plan or plan group that its money ever went by
    billable boolean NOT NULL,                  -- had a plan, commitment, balance or charge: a new day may change dues
    PRIMARY KEY (account_id)
);
CREATE INDEX account_directory_by_root ON account_directory (organization, root_id);
CREATE INDEX account_directory_by_zone ON account_directory (partition, timezone) WHERE billable;
CREATE INDEX account_directory_by_plan ON account_directory USING gin (plans);
""",
)

UPSERT = """
INSERT INTO account_directory (account_id, partition, organization, root_id, timezone, plans, billable)
SELECT account_id, partition, organization, root_id, timezone, string_to_array(plans, ' '), billable
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[])
    AS given (account_id, partition, organization, root_id, timezone, plans, billable)
ON CONFLICT (account_id) DO UPDATE SET plans = excluded.plans, billable = excluded.billable
"""
WIDTH = 7

#: $1 account ids.
ROOTS_OF = """
SELECT DISTINCT organization, root_id, partition FROM account_directory WHERE account_id = ANY ($1::text[])
"""

#: $1 organizations, $2 roots, in parallel.
MEMBERS = """
SELECT root_id, account_id, timezone, plans, billable FROM account_directory
WHERE (organization, root_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
"""

#: $1 partition: the zone of every account in it, for a backfill.
ZONES = "SELECT account_id, timezone FROM account_directory WHERE partition = $1"

#: $1 organization, $2 after this root id, $3 limit: keyset paging, so memory stays flat.
ROOTS_PAGE = """
SELECT root_id, partition FROM account_directory
WHERE organization = $1 AND root_id = account_id AND root_id > $2 ORDER BY root_id LIMIT $3
"""

#: The same for roots that have or had prepayments; $4 accounts whose roots are wanted, or null for all.
PREPAID_ROOTS_PAGE = """
SELECT root_id FROM account_directory d
WHERE organization = $1 AND root_id = account_id AND root_id > $2
    AND ($4::text[] IS NULL OR root_id IN (
        SELECT root_id FROM account_directory WHERE organization = $1 AND account_id = ANY ($4)
    ))
    AND (
        EXISTS (
            SELECT FROM commitment_balances WHERE organization = $1 AND root_id = d.root_id AND kind = 'PREPAYMENT'
        )
        OR EXISTS (SELECT FROM bill_line_items WHERE root_id = d.root_id AND type = 'COMMITMENT_FEE')
    )
ORDER BY root_id LIMIT $3
"""


class DirectoryRow(NamedTuple):
    """A row in the order of UPSERT's columns; `plans` are ids joined by a space."""

    account_id: str
    partition: int
    organization: str
    root_id: str
    timezone: str
    plans: str
    billable: bool


@dataclass(slots=True)
class Member:
    """An account as its family's row sees it, deleted or not."""

    timezone: str
    plans: set[str] = field(default_factory=set)
    billable: bool = False

    def note(self, *plans: str | None) -> None:
        """Note that the account may owe or draw something, optionally by these plans or plan groups."""
        self.billable = True
        self.plans |= {plan for plan in plans if plan is not None}


def note_member(members: dict[str, Member], envelope: Envelope) -> None:
    """Apply a fact about one of the accounts."""
    match envelope.data:
        case AccountCreated(id=id, timezone=timezone):
            members[id] = Member(timezone)
        case ResourceCreated(body=body) | ResourceUpdated(body=body) if body.billed_by is not None:
            members[body.account_id].note(*(getattr(body, name) for name in body.billed_by))
        case _:
            pass


def directory_rows(
    organization: str, partition: int, root_id: str, members: Mapping[str, Member]
) -> list[DirectoryRow]:
    """The rows of a family's accounts."""
    return [
        DirectoryRow(
            account_id,
            partition,
            organization,
            root_id,
            member.timezone,
            " ".join(sorted(member.plans)),
            member.billable,
        )
        for account_id, member in members.items()
    ]
