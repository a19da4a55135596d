"""Bills up to the organization's lock date are locked, however and whenever they were issued; none may be pending."""

import pytest

from tests.api.schemas import check_answer, check_sent
from tests.billing.conftest import Shop

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

LOCKED = "is locked and cannot be voided any more"


async def locks(shop: Shop, **query: str) -> list[tuple[str, bool]]:
    """Date of each bill, and whether it is locked; newest first."""
    return [(bill["billDate"], bill["locked"]) for bill in await shop.bills(**query)]


async def test_bills_up_to_the_date_are_locked_those_issued_later_too(shop: Shop) -> None:
    assert "there is no billConfig" in await shop.refused(404, "GET", "billconfig")
    first, second = [await shop.account(code) for code in ("first", "second")]
    january = (await shop.bill("2026-01-31", accountIds=[first]))["billIds"][0]
    await shop.clock("2026-03-01T00:00:00Z")
    february = (await shop.bill("2026-02-28", accountIds=[first]))["billIds"][0]
    made = await shop.do("PUT", "billconfig", {"billLockDate": "2026-02-01"})
    assert (made["version"], made["billLockDate"]) == (1, "2026-02-01")
    assert await shop.do("GET", "billconfig") == made
    assert await locks(shop) == [("2026-03-01", False), ("2026-02-01", True)]
    assert await locks(shop, locked="true") == await locks(shop)
    assert await locks(shop, locked="false") == [("2026-03-01", False)]
    found = await shop.do("GET", "bills/search", searchQuery="locked:false")
    assert [bill["id"] for bill in found["data"]] == [february]
    assert LOCKED in await shop.refused(409, "DELETE", f"bills/{january}")
    late = (await shop.bill("2026-01-31", accountIds=[second]))["billIds"][0]
    assert (await shop.do("GET", f"bills/{late}"))["locked"]
    assert LOCKED in await shop.refused(409, "DELETE", f"bills/{late}")
    await shop.do("DELETE", f"bills/{february}")
    assert (await shop.audit()).difference is None


async def test_none_may_be_pending(patient: Shop) -> None:
    await patient.account("acme")
    [bill] = (await patient.bill("2026-01-31"))["billIds"]
    rule = (
        f"billLockDate: 1 bills up to 2026-02-01 are pending, {bill} the first of them; approve or delete them before"
    )
    assert await patient.refused(409, "PUT", "billconfig", {"billLockDate": "2026-02-01"}) == rule
    assert (await patient.do("PUT", "billconfig", {"billLockDate": "2026-01-31"}))["version"] == 1
    await patient.do("PUT", f"bills/{bill}/status", {"status": "APPROVED"})
    assert not (await patient.do("GET", f"bills/{bill}"))["locked"]
    put = {"billLockDate": "2026-02-01"}
    assert "version: is required" in await patient.refused(400, "PUT", "billconfig", put)
    assert "is at version 1, not 3" in await patient.refused(409, "PUT", "billconfig", put | {"version": 3})
    answer = await patient.ask("PUT", "billconfig", put | {"version": 1})
    path = f"/organizations/{patient.organization}/billconfig"
    check_answer("PUT", path, answer.status_code, answer.text)
    check_sent("PUT", path, answer.request.content)
    assert (await patient.do("GET", f"bills/{bill}"))["locked"]
    back = {"billLockDate": "2026-01-31", "version": 2}
    assert "must not be before 2026-02-01" in await patient.refused(400, "PUT", "billconfig", back)
    names = [event["eventName"] for event in (await patient.do("GET", "events", pageSize=10))["data"]]
    assert [name for name in names if "billconfig" in name] == [
        "billing.billconfig.updated",
        "billing.billconfig.created",
    ]
