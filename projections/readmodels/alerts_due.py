"""Table `alerts_due`: rules whose condition holds and that were not raised, or did not act, yet.

A row is deleted when its `AlertRaised` or `AutomaticRuleActed` comes by in the log, or when the condition no longer
holds; so the table is nearly always empty.
"""

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from projections.readmodels import Table

if TYPE_CHECKING:  # processes that only make tables do not load settlement
    from projections.alerts.due import AlertDue, Speed

TABLE = Table(
    "alerts_due",
    hashed_by="root_id",
    ddl="""
CREATE TABLE alerts_due (
    organization text NOT NULL,
    id text NOT NULL,                           -- of the alert that is to be raised
    root_id text NOT NULL,
    account_id text NOT NULL,
    rule_id text NOT NULL,
    event_name text NOT NULL,                   -- what the rule waits for
    subject_id text NOT NULL,                   -- id of a commitment, a balance or, of a threshold of bills, an account
    arming text NOT NULL,                       -- since when the rule is armed
    day date,                                   -- the day that it is about
    speed text NOT NULL,                        -- it follows from balances, unbilled lines, or outlooks
    PRIMARY KEY (id)
);
CREATE INDEX alerts_due_by_root ON alerts_due (root_id);
CREATE INDEX alerts_due_by_organization ON alerts_due (organization, id);
""",
)

UPSERT = """
INSERT INTO alerts_due (id, organization, root_id, account_id, rule_id, event_name, subject_id, arming, day, speed)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                     $9::date[], $10::text[])
ON CONFLICT (id) DO UPDATE SET day = excluded.day
"""
WIDTH = 10

#: $1 roots and $2 speeds whose rows are known, $3 ids of all rows that they now have.
DROP_OTHERS = """
DELETE FROM alerts_due USING unnest($1::text[], $2::text[]) AS given (root_id, speed)
WHERE alerts_due.root_id = given.root_id AND alerts_due.speed = given.speed AND id <> ALL ($3::text[])
"""

#: Sends a notification when there is an alert to raise, so that the alerts worker need not poll.
CHANNEL = "alerts_due"
NOTIFY = f"SELECT pg_notify('{CHANNEL}', '')"

#: The organizations with alerts to raise.
ORGANIZATIONS = "SELECT DISTINCT organization FROM alerts_due"
#: $1 organization, $2 after this id, $3 limit, $4 names that automatic rules wait for, $5 ids of alerts that pause:
#: each alert with the state of its subject.
NEXT = """
SELECT due.*, held.kind, held.currency, held.amount, held.spent, held.remaining, held.as_of
FROM alerts_due due JOIN commitment_balances held ON held.commitment_id = due.subject_id
WHERE due.organization = $1 AND due.id > $2 AND due.event_name <> ALL ($4)
    AND due.id <> ALL ($5::text[]) ORDER BY due.id LIMIT $3
"""
#: $1 organization, $2 names that automatic rules wait for, $3 after this id, $4 ids of rules that pause, $5 limit: each
#: alert with the state of its commitment or balance, if it has one.
AUTOMATIC = """
SELECT due.*, held.remaining, held.folded
FROM alerts_due due LEFT JOIN commitment_balances held ON held.commitment_id = due.subject_id
WHERE due.organization = $1 AND due.event_name = ANY ($2) AND due.id > $3 AND due.id <> ALL ($4::text[])
ORDER BY due.id LIMIT $5
"""


class AlertDueRow(NamedTuple):
    """A row in the order of UPSERT's columns."""

    id: str
    organization: str
    root_id: str
    account_id: str
    rule_id: str
    event_name: str
    subject_id: str
    arming: str
    day: date | None
    speed: str


def alert_due_row(due: "AlertDue", organization: str, root_id: str, speed: "Speed") -> AlertDueRow:
    """The row of an alert to raise."""
    about = (due.account_id, due.rule_id, due.event_name, due.subject_id, due.arming, due.day)
    return AlertDueRow(due.id, organization, root_id, *about, speed.value)
