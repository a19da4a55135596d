"""A correction that comes while bills are run: on the bill it is, or it is the next one's difference, never both."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from events.facts.bills import BillIssued
from services.audit.audit import audit
from tests.audit.billing import bill_of
from tests.projector.conftest import Installation
from tests.projector.driving import project
from tests.projector.log import Log, days
from tests.projector.test_corrections import correct

pytestmark = pytest.mark.stack


def charged(bill: BillIssued) -> Decimal:
    return sum((line.amount for line in bill.lines if line.type == "USAGE"), Decimal(0))


@pytest.mark.parametrize("overtaken", [True, False], ids=["settled before it came", "settled with it"])
async def test_a_correction_beside_a_bill_run_is_on_one_bill_and_all_is_derived_again(
    installation: Installation, overtaken: bool
) -> None:
    name = "overtaken" if overtaken else "waited-for"
    whose = f"acme-{name}"  # bills of one name are one bill to these tests
    log = Log(name, 2, generation=name)
    log.catalog(price="1")
    log.aggregation("largest", "m", "MAX")
    log.price("largest", "10")
    log.account(whose, prepaid="10")
    log.tick(datetime(2026, 2, 2, tzinfo=UTC))
    for tokens, ts in zip((5, 9, 3), days(3), strict=True):
        log.usage(whose, "m", ts, tokens=tokens)
    await log.append(installation.cluster)
    await project(installation)

    async def issued(day: date) -> BillIssued:
        bill = await bill_of(installation, log, whose, day)
        if overtaken and day.month == 2:  # its snapshot is read; the correction is in the log before it is
            await correct(installation, log, "u0-1")
        log.command(bill, account=log.id(whose))
        await log.append(installation.cluster)
        await project(installation)
        return bill

    if not overtaken:
        await correct(installation, log, "u0-1")
        await log.append(installation.cluster)
        await project(installation)
    first = await issued(date(2026, 2, 1))
    assert charged(first) == (17 + 90 if overtaken else 8 + 50)
    log.usage(whose, "m", datetime(2026, 2, 3, tzinfo=UTC), tokens=1)
    log.tick(datetime(2026, 3, 2, tzinfo=UTC))
    await log.append(installation.cluster)
    await project(installation)
    second = await issued(date(2026, 3, 1))
    assert charged(first) + charged(second) == 8 + 50 + 1 + 10
    report = await audit(installation.postgres, installation.cluster)
    assert report.passed, report.difference
    assert report.last_line().endswith("live == replay, unexplained 0.00")
