"""Table `due_accounts`: roots whose settled rows are older than their catalog, day or usage, to settle in batches; and
those of whom only draws and accrued lines are older than their balances (reason `lines`)."""

from events.topics import EVENTS
from projections.readmodels.table import Table

TABLE = Table(
    "due_accounts",
    hashed_by="root_id",
    ddl="""
CREATE TABLE due_accounts (
    partition integer NOT NULL,
    organization text NOT NULL,
    root_id text NOT NULL,
    reason text NOT NULL,                       -- catalog, clock, usage, rebuild, failed, taken over; lines
    log_offset bigint NOT NULL DEFAULT 0,       -- how far in the log the rows hold: the longest wait is first
    PRIMARY KEY (root_id)
);
-- Without those of whom only draws and lines are old: they come and go by the thousands, and nobody asks for them by
-- partition while usage comes.
CREATE INDEX due_accounts_in_turn ON due_accounts (partition, log_offset, root_id) WHERE reason <> 'lines';
""",
)

#: How far the partition's log is written; its position moves first in a transaction.
_WRITTEN = f"coalesce((SELECT next_offset FROM positions WHERE topic = '{EVENTS}' AND positions.partition = $1), 0)"
#: Whoever was only behind with draws and lines is due as a whole now.
_OR_MARKED = "ON CONFLICT (root_id) DO UPDATE SET reason = excluded.reason WHERE due_accounts.reason = 'lines'"

#: $1 roots, $2 their organizations, $3 their partitions, $4 why, $5 how far their rows hold: whom a rebuild settles at
#: its end, whose turn has not come, or who failed.
MARK = """
INSERT INTO due_accounts (root_id, organization, partition, reason, log_offset)
SELECT root_id, organization, partition, reason, log_offset
FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::bigint[])
    AS given (root_id, organization, partition, reason, log_offset)
ON CONFLICT (root_id) DO UPDATE SET reason = excluded.reason
"""
MARK_WIDTH = 5

#: $1 partition, $2 organization, $3 ids of plans and plan groups: whom a changed price, plan or template touches.
MARK_PLANS = f"""
INSERT INTO due_accounts (partition, organization, root_id, reason, log_offset)
SELECT DISTINCT partition, organization, root_id, 'catalog', {_WRITTEN} FROM account_directory
WHERE partition = $1 AND organization = $2 AND plans && $3::text[] ORDER BY root_id
{_OR_MARKED}
"""

#: $1 partition, $2 organization: everyone of the organization that owes anything by terms.
MARK_ORGANIZATION = f"""
INSERT INTO due_accounts (partition, organization, root_id, reason, log_offset)
SELECT DISTINCT partition, organization, root_id, $3, {_WRITTEN} FROM account_directory
WHERE partition = $1 AND organization = $2 AND billable ORDER BY root_id
{_OR_MARKED}
"""

#: $1 partition, $2 zones whose day moved, $3 organizations with a test clock, whom real time does not touch.
MARK_ZONES = f"""
INSERT INTO due_accounts (partition, organization, root_id, reason, log_offset)
SELECT DISTINCT partition, organization, root_id, 'clock', {_WRITTEN} FROM account_directory
WHERE partition = $1 AND timezone = ANY ($2::text[]) AND organization <> ALL ($3::text[]) AND billable ORDER BY root_id
{_OR_MARKED}
"""

#: $1 partition: the zones of its accounts.
ZONES = "SELECT DISTINCT timezone FROM account_directory WHERE partition = $1 AND billable"

#: $1 partitions, $2 limit. Whoever marked the others knows them.
NEXT = """
SELECT organization, root_id, partition FROM due_accounts
WHERE partition = ANY ($1::integer[]) AND reason <> 'lines' ORDER BY log_offset, root_id LIMIT $2
"""

#: $1 roots whose balances are settled, $2 their organizations, $3 their partitions, $4 how far draws and lines hold:
#: only these are behind now.
BEHIND = """
INSERT INTO due_accounts (root_id, organization, partition, reason, log_offset)
SELECT root_id, organization, partition, 'lines', log_offset
FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[])
    AS given (root_id, organization, partition, log_offset)
ON CONFLICT (root_id) DO UPDATE SET reason = excluded.reason WHERE due_accounts.reason <> 'lines'
"""
BEHIND_WIDTH = 4

#: $1 root ids, all of whose rows are written.
SETTLED = "DELETE FROM due_accounts WHERE root_id = ANY ($1::text[])"

#: $1 partitions that somebody else wrote before: nobody remembers any more whose draws and lines are behind.
TAKE_OVER = """
UPDATE due_accounts SET reason = 'taken over' WHERE partition = ANY ($1::integer[]) AND reason = 'lines'
"""

#: $1 partitions.
COUNT = "SELECT count(*) FROM due_accounts WHERE partition = ANY ($1::integer[])"

#: $1 partitions: without those of whom only draws and lines are behind.
COUNT_WHOLE = "SELECT count(*) FROM due_accounts WHERE partition = ANY ($1::integer[]) AND reason <> 'lines'"

#: $1 partitions: of whom only draws and lines are behind.
ROOTS_BEHIND = "SELECT root_id FROM due_accounts WHERE partition = ANY ($1::integer[]) AND reason = 'lines'"
