"""Table `due_accounts`: roots whose settled rows are older than their catalog, day or usage, to settle in batches.

Roots with new balances stand here, too, until their draws, accrued lines and outlooks follow (reason `lines`), or only
their outlooks (reason `outlooks`). The process that marks a root for one of these reasons, or because it had no time
for its usage (reason `usage`), remembers it, and in what order they wait.
"""

from typing import Literal, get_args

from events.topics import EVENTS
from projections.readmodels import Table

#: Why a root cannot be settled until something about it changes: a bug, or a number of it that is too large to be kept,
#: of which no row is written.
Failed = Literal["failed", "too large"]
REASONS_FAILED: tuple[Failed, ...] = get_args(Failed)
FAILED, TOO_LARGE = REASONS_FAILED

#: Roots whose balances are not new.
_IS_WHOLE = "reason NOT IN ('lines', 'outlooks')"
#: 1 for roots that come and go by the thousands under load, which the process that marked them remembers.
_LEFT_OVER = "CASE reason WHEN 'usage' THEN 1 ELSE 0 END"
TABLE = Table(
    "due_accounts",
    hashed_by="root_id",
    ddl=f"""
CREATE TABLE due_accounts (
    partition integer NOT NULL,
    organization text NOT NULL,
    root_id text NOT NULL,
    reason text NOT NULL,                       -- catalog, clock, usage, rebuild, failed, taken over; lines, outlooks
    log_offset bigint NOT NULL DEFAULT 0,       -- how far in the log the rows hold: the longest wait is first
    PRIMARY KEY (root_id)
);
-- Without those whose balances are new: they come and go by the thousands, and nobody asks for them by partition while
-- usage comes.
CREATE INDEX due_accounts_in_turn ON due_accounts (partition, ({_LEFT_OVER}), log_offset, root_id)
WHERE {_IS_WHOLE};
""",
)

#: The end of the partition's log; its position moves first in a transaction.
_WRITTEN = f"coalesce((SELECT next_offset FROM positions WHERE topic = '{EVENTS}' AND positions.partition = $1), 0)"
#: Roots whose balances are new.
_FOLLOWS = "reason IN ('lines', 'outlooks')"
#: Roots that the process which marked them remembers.
_REMEMBERED = "reason IN ('lines', 'outlooks', 'usage')"
#: With a new reason, the longer wait counts; a root that only lacked outlooks has not waited.
_AGAIN = """
ON CONFLICT (root_id) DO UPDATE SET reason = excluded.reason,
    log_offset = CASE due_accounts.reason WHEN 'outlooks' THEN excluded.log_offset ELSE due_accounts.log_offset END
"""
#: A root that only lacked later rows is now due as a whole.
_OR_MARKED = f"{_AGAIN} WHERE due_accounts.{_FOLLOWS}"

#: $1 roots, $2 their organizations, $3 their partitions, $4 reason, $5 position of their rows: roots that a rebuild
#: settles at its end, whose turn has not come, or that failed.
MARK = f"""
INSERT INTO due_accounts (root_id, organization, partition, reason, log_offset)
SELECT root_id, organization, partition, reason, log_offset
FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::bigint[])
    AS given (root_id, organization, partition, reason, log_offset)
{_AGAIN}
"""
MARK_WIDTH = 5

#: $1 partition, $2 organization, $3 ids of plans and plan groups: roots affected by a changed price, plan or template.
MARK_PLANS = f"""
INSERT INTO due_accounts (partition, organization, root_id, reason, log_offset)
SELECT DISTINCT partition, organization, root_id, 'catalog', {_WRITTEN} FROM account_directory
WHERE partition = $1 AND organization = $2 AND plans && $3::text[] ORDER BY root_id
{_OR_MARKED}
"""

#: $1 partition, $2 organization, $3 ids of accounts: roots whose rules changed.
MARK_ACCOUNTS = f"""
INSERT INTO due_accounts (partition, organization, root_id, reason, log_offset)
SELECT DISTINCT partition, organization, root_id, 'catalog', {_WRITTEN} FROM account_directory
WHERE partition = $1 AND organization = $2 AND account_id = ANY ($3::text[]) AND billable ORDER BY root_id
{_OR_MARKED}
"""

#: $1 partition, $2 organization: every root of the organization that may owe anything.
MARK_ORGANIZATION = f"""
INSERT INTO due_accounts (partition, organization, root_id, reason, log_offset)
SELECT DISTINCT partition, organization, root_id, $3, {_WRITTEN} FROM account_directory
WHERE partition = $1 AND organization = $2 AND billable ORDER BY root_id
{_OR_MARKED}
"""

#: $1 partition, $2 zones in which a new day began, $3 organizations with a test clock, which real time does not affect.
MARK_ZONES = f"""
INSERT INTO due_accounts (partition, organization, root_id, reason, log_offset)
SELECT DISTINCT partition, organization, root_id, 'clock', {_WRITTEN} FROM account_directory
WHERE partition = $1 AND timezone = ANY ($2::text[]) AND organization <> ALL ($3::text[]) AND billable ORDER BY root_id
{_OR_MARKED}
"""

#: $1 partition: the zones of its accounts.
ZONES = "SELECT DISTINCT timezone FROM account_directory WHERE partition = $1 AND billable"

#: $1 partitions, $2 limit: the roots to settle next that no process remembers. The longest wait is first in each
#: partition, and partitions take turns: offsets of different ones say nothing of who waits longer.
NEXT = f"""
SELECT organization, root_id, partition FROM unnest($1::integer[]) AS own (number), LATERAL (
    SELECT organization, root_id, partition, row_number() OVER (ORDER BY log_offset, root_id) AS turn
    FROM due_accounts WHERE partition = own.number AND {_LEFT_OVER} = 0 AND {_IS_WHOLE}
    ORDER BY log_offset, root_id LIMIT $2
) AS waiting ORDER BY turn, partition LIMIT $2
"""

#: $1 roots whose balances are settled, $2 their organizations, $3 their partitions, $4 position of draws and lines. A
#: root that was due as a whole at that mark now lacks only its later rows.
BEHIND = f"""
INSERT INTO due_accounts (root_id, organization, partition, reason, log_offset)
SELECT root_id, organization, partition, 'lines', log_offset
FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[])
    AS given (root_id, organization, partition, log_offset)
{_AGAIN} WHERE due_accounts.reason <> 'lines'
"""
BEHIND_WIDTH = 4

#: The same for roots whose draws and lines are written: they lack only outlooks.
WITHOUT_OUTLOOKS = """
INSERT INTO due_accounts (root_id, organization, partition, reason, log_offset)
SELECT root_id, organization, partition, 'outlooks', log_offset
FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[])
    AS given (root_id, organization, partition, log_offset)
ON CONFLICT (root_id) DO UPDATE SET reason = excluded.reason
"""

#: $1 root ids whose rows are all written.
SETTLED = "DELETE FROM due_accounts WHERE root_id = ANY ($1::text[])"

#: $1 partitions taken over from another process: no memory is left of what is to follow, and in what order.
TAKE_OVER = f"""
UPDATE due_accounts SET reason = 'taken over' WHERE partition = ANY ($1::integer[]) AND {_REMEMBERED}
"""

#: $1 partitions.
COUNT = "SELECT count(*) FROM due_accounts WHERE partition = ANY ($1::integer[])"

#: $1 partitions: roots other than those with new balances, and those that wait for a correction.
COUNT_WHOLE = f"""
SELECT count(*) FROM due_accounts
WHERE partition = ANY ($1::integer[]) AND {_IS_WHOLE} AND reason <> '{TOO_LARGE}'
"""

#: $1 partitions: roots whose balances are new or cannot be told, and whether their draws and lines are new, too.
ROOTS_BEHIND = f"""
SELECT root_id, reason = 'outlooks' AS has_lines FROM due_accounts
WHERE partition = ANY ($1::integer[]) AND ({_FOLLOWS} OR reason = '{TOO_LARGE}')
"""
