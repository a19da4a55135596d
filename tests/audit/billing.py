"""A log with bills as a bill run issues them, and read models as somebody changes them by hand."""

from datetime import UTC, date, datetime
from uuid import NAMESPACE_URL, uuid5

from events.facts.bills import BillIssued
from projections.settlement import draft_bills, issue
from services.readside.family_now import load_family
from services.readside.live import live_schema, use_schema
from tests.projector.conftest import Installation
from tests.projector.log import Log, days


async def bill_of(installation: Installation, log: Log, name: str, day: date) -> BillIssued:
    """Issue a bill as a bill run does: from the live family, with its positions."""
    loaded = await load_family(installation.postgres, log.organization, log.id(name))
    [draft] = draft_bills(loaded.family, date=day)
    bill_id = str(uuid5(NAMESPACE_URL, f"bill {name} {day}"))
    return issue(draft, bill_id=bill_id, positions=loaded.positions)


async def execute(installation: Installation, statement: str) -> str:
    """Run a statement on the live read models; returns what it did."""
    async with installation.postgres.transaction() as connection:
        await use_schema(connection, await live_schema(connection))
        done: str = await connection.execute(statement)
        return done


def a_quarter(log: Log) -> None:
    """Two accounts, each with a prepayment and a quarter's usage, on a partition of its own."""
    log.catalog()
    log.account("acme", 0, prepaid="6")
    log.account("bolt", 1, prepaid="100")
    log.tick(datetime(2026, 3, 20, tzinfo=UTC))
    for partition, name in enumerate(("acme", "bolt")):
        for n, ts in enumerate(days(70)):
            log.usage(name, "m", ts, partition, tokens=n)
        log.read(partition)
