"""Table `facts`: every fact except usage and ticks of the real clock, with the record's own bytes.

A family is loaded from here after a restart, and a resource's history is read here. Catalog facts stand under
partition -1; accounts and account plans, which are in both topics, stand under their account's partition only.
"""

from typing import NamedTuple

from events.envelope import Envelope
from events.facts.alerts import Alert
from events.facts.bills import BillFact
from events.facts.corrections import UsageCorrection
from events.facts.resources import ResourceFact
from projections.readmodels import Table

TABLE = Table(
    "facts",
    hashed_by="coalesce(root_id, organization)",
    ddl="""
CREATE TABLE facts (
    partition integer NOT NULL,                 -- of billing.events; -1 is billing.catalog
    log_offset bigint NOT NULL,
    organization text NOT NULL,
    root_id text,                               -- null for organization-wide facts
    account_id text,
    resource_id text,
    type text NOT NULL,
    record bytea NOT NULL,                      -- the record's value as it stands in the log
    PRIMARY KEY (partition, log_offset)
);
CREATE INDEX facts_by_root ON facts (organization, root_id, log_offset);
CREATE INDEX facts_by_resource ON facts (organization, resource_id, log_offset);
CREATE INDEX facts_by_type ON facts (partition, organization, type);
""",
)

#: Value of column `partition` for `billing.catalog`.
CATALOG_PARTITION = -1

#: Every writer writes the same bytes, so a second writer of a catalog fact changes nothing.
INSERT = """
INSERT INTO facts (partition, log_offset, organization, root_id, account_id, resource_id, type, record)
SELECT * FROM unnest($1::integer[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::bytea[])
ON CONFLICT (partition, log_offset) DO NOTHING
"""
WIDTH = 8

#: $1 root ids, without an organization, because ids are unique across organizations.
OF_ROOTS = """
SELECT root_id, log_offset, record FROM facts
WHERE (organization, root_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
ORDER BY log_offset
"""

#: The types of facts that correct usage.
CORRECTING = ("UsageVoided", "UsageAmended")
#: $1 partition, $2 organizations.
CORRECTIONS = f"""
SELECT record FROM facts WHERE partition = $1 AND organization = ANY ($2::text[]) AND type IN {CORRECTING}
ORDER BY log_offset
"""

#: $1 organization, $2 bill: the facts that the bill was issued with.
OF_BILL = """
SELECT record FROM facts
WHERE organization = $1 AND resource_id = $2 AND type IN ('BillLinesIssued', 'BillIssued') ORDER BY log_offset
"""


class FactRow(NamedTuple):
    """A row in the order of INSERT's columns."""

    partition: int
    log_offset: int
    organization: str
    root_id: str | None
    account_id: str | None
    resource_id: str | None
    type: str
    record: bytes


def fact_row(partition: int, offset: int, envelope: Envelope, root_id: str | None, record: bytes) -> FactRow:
    """The row of one fact. Its resource is the bill, for a correction the usage event, for an alert its subject."""
    match envelope.data:
        case ResourceFact(id=id):
            resource_id: str | None = id
        case BillFact(bill_id=bill_id):
            resource_id = bill_id
        case UsageCorrection(event_id=event_id):
            resource_id = str(event_id)
        case Alert(subject_id=subject_id):
            resource_id = subject_id
        case _:
            resource_id = None
    return FactRow(
        partition, offset, envelope.organization, root_id, envelope.account, resource_id, envelope.type, record
    )
