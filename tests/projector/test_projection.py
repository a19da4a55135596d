"""Usage, prices and prepayments through the real log into the tables, whatever the order of arrival."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.projector.conftest import Place
from tests.projector.driving import project, rows
from tests.projector.log import Log, days, id_of

pytestmark = pytest.mark.stack


async def test_usage_draws_on_a_prepayment_and_every_table_says_so(place: Place) -> None:
    log = Log("first", 2)
    log.catalog()
    log.account("acme", prepaid="100")
    log.tick(datetime(2026, 1, 20, tzinfo=UTC))
    for ts in days(10):
        log.usage("acme", "m", ts, tokens=500)
    log.read()
    await log.append(place.bootstrap)
    await project(place)
    totals = await rows(place, "usage_totals", f"account_id = '{id_of('acme')}'")
    assert len(totals) == 10 and sum(row[5] for row in totals) == 5000
    [balance] = await rows(place, "commitment_balances")
    assert balance[1:5] == (Decimal("100.00"), Decimal("50.00"), Decimal("50.00"), "ACTIVE")
    lines = {row[3]: row[4] for row in await rows(place, "accrued_lines")}
    assert lines == {"USAGE": Decimal("50.00"), "COMMITMENT_CONSUMED": Decimal("-50.00")}
    assert not await rows(place, "due_accounts")
