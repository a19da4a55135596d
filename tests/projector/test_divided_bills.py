"""A bill whose lines come in parts: wherever a poll, a process or the log ends between them, it shows whole or not."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import NAMESPACE_URL, uuid5

import pytest

from events.bill_parts import divided
from events.facts.bills import BillFact, BillIssued, BillLinesIssued, BillOpened
from events.topics import EVENTS
from projections.settlement import draft_bills, issue
from services.audit.audit import audit
from services.readside.family_now import load_family
from services.readside.live import reading_live
from services.readside.loading import bill_as_issued
from tests.projector.conftest import Installation
from tests.projector.driving import empty, everything, project, rows
from tests.projector.log import Log, days

pytestmark = pytest.mark.stack
#: Of a part's JSON: a few lines.
MOST = 1_500


async def with_usage(installation: Installation) -> Log:
    """An account that owes a dozen prices, and draws on a prepayment."""
    log = Log("divided", 2, generation="divided")
    log.catalog()
    for number in range(12):
        log.aggregation(f"tokens {number}", "m")
        log.price(f"tokens {number}", f"0.0{number + 1}")
    log.account("acme", prepaid="10")
    log.tick(datetime(2026, 2, 20, tzinfo=UTC))
    for ts in days(20):
        log.usage("acme", "m", ts, tokens=100)
    log.read()
    await log.append(installation.cluster)
    await project(installation)
    return log


async def settled_bill(installation: Installation, log: Log, name: str) -> BillIssued:
    loaded = await load_family(installation.postgres, log.organization, log.id("acme"))
    [draft] = draft_bills(loaded.family, date=date(2026, 2, 1))
    return issue(draft, bill_id=str(uuid5(NAMESPACE_URL, name)), positions=loaded.positions)


async def shown(installation: Installation, log: Log) -> tuple[list[str], int, int]:
    """Status of each bill of the organization, how many lines stand in bills, and how many bills a family knows."""
    bills = await rows(installation, "bills", f"organization = '{log.organization}'")
    lines = await rows(installation, "bill_line_items", f"organization = '{log.organization}'")
    loaded = await load_family(installation.postgres, log.organization, log.id("acme"))
    return sorted(row["status"] for row in bills), len(lines), len(loaded.family.billed.bills)


def repeated(log: Log, count: int) -> None:
    """The last records once more, as a relay that never heard of their acknowledgement appends them."""
    log.pending[EVENTS, 0] += log.pending[EVENTS, 0][-count:]


async def test_a_bill_in_parts_shows_whole_at_its_end_and_not_before(installation: Installation) -> None:
    log = await with_usage(installation)
    bill = await settled_bill(installation, log, "first")
    *parts, last = facts = divided(bill, MOST)
    assert len(parts) >= 4
    opened = BillOpened(
        bill_id=bill.bill_id,
        account_id=bill.account_id,
        root_id=bill.root_id,
        bill_date=bill.bill_date,
        due_date=bill.due_date,
        currency=bill.currency,
    )
    for parts_before, fact in enumerate([opened, *parts]):
        log.command(fact, account=bill.account_id)
        repeated(log, 1)
        await log.append(installation.cluster)
        await project(installation)  # by another process each time
        assert await shown(installation, log) == (["PENDING"], 0, 0), parts_before
    await _begun_by_a_run_that_lost_its_store(installation, log, facts)
    log.command(last, account=bill.account_id)
    repeated(log, 1)
    await log.append(installation.cluster)
    await project(installation)
    assert await shown(installation, log) == (["APPROVED"], len(bill.lines), 1)
    async with reading_live(installation.postgres) as connection:
        assert await bill_as_issued(connection, log.organization, bill.bill_id) == bill
    [row] = await rows(installation, "bills", f"organization = '{log.organization}'")
    assert row["version"] == 2  # opened and issued: parts are no versions of it
    loaded = await load_family(installation.postgres, log.organization, log.id("acme"))
    # The stream has them all, also those of the lost run.
    assert loaded.bills_version == 1 + 2 * len(parts) + 1
    assert loaded.family.billed.bills[bill.bill_id] == bill and not loaded.family.billed.pending


async def _begun_by_a_run_that_lost_its_store(installation: Installation, log: Log, facts: Sequence[BillFact]) -> None:
    """All that was projected so far was of a run whose end was never relayed: the bill is issued anew."""
    for fact in facts[:-1]:
        assert isinstance(fact, BillLinesIssued)
        log.command(fact, account=fact.account_id)
    await log.append(installation.cluster)
    await project(installation)
    assert await shown(installation, log) == (["PENDING"], 0, 0)


@pytest.mark.parametrize("cut", [1, 3, 7])
async def test_polls_cut_between_the_parts_leave_equal_tables(installation: Installation, cut: int) -> None:
    whole = await everything(installation) | {"bills": await rows(installation, "bills")}
    assert len(whole["bill_line_items"]) > 12
    await empty(installation)
    await project(installation, cut=cut)
    assert await everything(installation) | {"bills": await rows(installation, "bills")} == whole


async def test_the_audit_finds_the_bill_as_it_was_settled(installation: Installation) -> None:
    report = await audit(installation.postgres, installation.cluster)
    assert report.passed, report.difference
    assert report.last_line().endswith(" accounts, 1 bills, live == replay, unexplained 0.00")
