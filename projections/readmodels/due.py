"""Table `due_accounts`: roots whose settled rows are older than their catalog or their day, to settle in batches."""

from projections.readmodels.table import Table

TABLE = Table(
    "due_accounts",
    hashed_by="root_id",
    ddl="""
CREATE TABLE due_accounts (
    partition integer NOT NULL,
    organization text NOT NULL,
    root_id text NOT NULL,
    reason text NOT NULL,                       -- catalog, clock, rebuild, failed
    PRIMARY KEY (root_id)
);
CREATE INDEX due_accounts_by_partition ON due_accounts (partition);
""",
)

#: $1 roots, $2 their organizations, $3 their partitions, $4 why: whom a rebuild settles at its end, or who failed.
MARK = """
INSERT INTO due_accounts (root_id, organization, partition, reason)
SELECT root_id, organization, partition, reason
FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[]) AS given (root_id, organization, partition, reason)
ON CONFLICT (root_id) DO UPDATE SET reason = excluded.reason
"""

#: $1 partition, $2 organization, $3 ids of plans and plan groups: whom a changed price, plan or template touches.
MARK_PLANS = """
INSERT INTO due_accounts (partition, organization, root_id, reason)
SELECT DISTINCT partition, organization, root_id, 'catalog' FROM account_directory
WHERE partition = $1 AND organization = $2 AND plans && $3::text[] ORDER BY root_id
ON CONFLICT (root_id) DO NOTHING
"""

#: $1 partition, $2 organization: everyone of the organization that owes anything by terms.
MARK_ORGANIZATION = """
INSERT INTO due_accounts (partition, organization, root_id, reason)
SELECT DISTINCT partition, organization, root_id, $3 FROM account_directory
WHERE partition = $1 AND organization = $2 AND billable ORDER BY root_id
ON CONFLICT (root_id) DO NOTHING
"""

#: $1 partition, $2 zones whose day moved, $3 organizations with a test clock, whom real time does not touch.
MARK_ZONES = """
INSERT INTO due_accounts (partition, organization, root_id, reason)
SELECT DISTINCT partition, organization, root_id, 'clock' FROM account_directory
WHERE partition = $1 AND timezone = ANY ($2::text[]) AND organization <> ALL ($3::text[]) AND billable ORDER BY root_id
ON CONFLICT (root_id) DO NOTHING
"""

#: $1 partition: the zones of its accounts.
ZONES = "SELECT DISTINCT timezone FROM account_directory WHERE partition = $1 AND billable"

#: $1 partitions, $2 limit.
NEXT = """
SELECT organization, root_id, partition FROM due_accounts
WHERE partition = ANY ($1::integer[]) ORDER BY root_id LIMIT $2
"""

#: $1 root ids, just settled.
SETTLED = "DELETE FROM due_accounts WHERE root_id = ANY ($1::text[])"

#: $1 partitions.
COUNT = "SELECT count(*) FROM due_accounts WHERE partition = ANY ($1::integer[])"
