"""Reads what a statement needs besides its bill: accounts, products and configuration, as of the bill's issue."""

from collections.abc import Iterable
from typing import Any

from events.facts.bills import BillIssued
from events.resources.statements import StatementConfig
from projections.resources import Resources
from services.billing.bill_document import referred_ids
from services.billing.life import BillLife
from services.commands.table import KINDS
from services.personal.keyring import Keyring
from services.personal.opening import opened_documents
from services.statement.making import statement_of
from services.statement.statement import Statement
from services.store.conditions import LAST_POSITION, OF_BILL
from services.store.rows import COLUMNS, envelope_of
from services.store.streams import stream_of_resource
from services.store.view import CONFIG

_ISSUED_AT = f"SELECT position FROM store.events WHERE organization = $1 AND {OF_BILL} AND type = 'BillIssued'"
#: The events of streams $2 up to position $3; of stream $4 the first one in any case.
_HISTORY = f"""
SELECT {COLUMNS} FROM store.events
WHERE organization = $1 AND stream = ANY($2) AND (position <= $3 OR stream = $4 AND version = 1) ORDER BY position
"""
_KIND, _NAMED = KINDS["statementConfig"], ("account", "product")


async def read_statement(connection: Any, bill: BillIssued, life: BillLife, keyring: Keyring) -> Statement:
    """The statement of a bill. `bill`: what was issued or, for a pending bill, what would be issued now.

    Accounts, products and seller are shown as they were when the bill was issued, so that the statement never changes.
    A bill that was issued before the first statement configuration uses that first one. Personal data that was
    forgotten since is left out.
    """
    organization, pending = life.organization, life.pending is not None
    issued_at = LAST_POSITION if pending else await connection.fetchval(_ISSUED_AT, organization, life.bill_id)
    config_id = _KIND.single_id(organization)
    configured = stream_of_resource(_KIND.name, config_id)
    streams = [CONFIG, configured, *_streams(referred_ids([bill]))]
    resources = Resources(organization)
    rows = await connection.fetch(_HISTORY, organization, streams, issued_at, configured)
    opened = await opened_documents(connection, organization, keyring, [row["data"] for row in rows])
    for row, data in zip(rows, opened, strict=True):
        resources.evolve(envelope_of({**row, "data": data}, ""))
    config = _KIND.held(resources).get(config_id)
    body: StatementConfig | None = None if config is None else config.body
    return statement_of(bill, resources, body, pending=pending)


def _streams(ids: Iterable[str]) -> list[str]:
    return [stream_of_resource(kind, id) for id in ids for kind in _NAMED]
