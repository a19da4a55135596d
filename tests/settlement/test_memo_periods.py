"""The service period of a memo: days in the account's zone, as they were named."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from events.resources.charges import CreditMemo
from projections.settlement.billed import PendingBill
from projections.settlement.drafts import memo_lines
from services.simulate.naming import id_of

DAY = date(2026, 1, 1)


def period(zone: str, start: str, end: str) -> tuple[Any, Any]:
    """First and last day of the line of a credit."""
    ids = ("productId", "accountingProductId", "referencedBillId", "referencedLineItemId")
    fields = dict.fromkeys(ids, id_of("any", "thing"))
    body = {"amount": Decimal(5), "description": "goodwill", "servicePeriodStartDate": start, **fields}
    memo = CreditMemo.model_validate(body | {"servicePeriodEndDate": end})
    [line] = memo_lines(PendingBill("b", "a", "USD", DAY, DAY, None, {"memo": memo}), zone)
    assert line.key.start == line.wording["period_start"]
    return line.key.start, line.wording["period_end"]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Auckland"])
def test_days_and_midnights_of_utc_name_the_day_in_every_zone(zone: str) -> None:
    days = (date(2026, 1, 1), date(2026, 2, 1))
    assert period(zone, "2026-01-01", "2026-02-01") == days
    assert period(zone, "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z") == days


def test_a_period_may_hold_no_day() -> None:
    assert period("UTC", "2019-12-27T18:11:19Z", "2019-12-27T18:11:19Z") == (date(2019, 12, 27), date(2019, 12, 27))


def test_any_other_instant_names_the_day_it_falls_on_there() -> None:
    start, end = "2026-01-01T03:00:00Z", "2026-02-01T12:00:00Z"
    assert period("America/New_York", start, end) == (date(2025, 12, 31), date(2026, 2, 1))
    assert period("Pacific/Auckland", start, end) == (date(2026, 1, 1), date(2026, 2, 2))
