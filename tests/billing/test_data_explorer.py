"""`dataexplorer`: what remains of fees by month, as they are billed one after another; commitments as a file."""

from typing import Any

import httpx
import pytest

from tests.api_client import stranger
from tests.billing.conftest import Shop
from tests.catalog import YEAR

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

OBLIGATIONS, DOWNLOAD = "dataexplorer/commitments/obligations", "dataexplorer/commitments/download/json"


def fee(day: str, amount: float) -> dict[str, Any]:
    return {"date": day, "amount": amount, "servicePeriodStartDate": day, "servicePeriodEndDate": "2027-01-01"}


def of(*codes: str) -> dict[str, Any]:
    return {"dimensions": [{"name": "account", "filter": list(codes), "attributes": ["name"]}]}


async def prepaid(shop: Shop, account: str, *fees: dict[str, Any], **more: Any) -> str:
    amount = sum(one["amount"] for one in fees)
    terms = YEAR | {"currency": "USD", "amount": amount, "feeDates": list(fees)} | more
    return await shop.create("commitments", accountId=account, **terms)


async def by_month(shop: Shop, **more: Any) -> dict[str, dict[str, float]]:
    answered = await shop.do("POST", OBLIGATIONS, YEAR | more)
    return {one["dateMonth"]: one["obligations"] for one in answered}


async def test_fees_are_told_by_month_until_they_are_billed(shop: Shop) -> None:
    acme, bmce = await shop.account("acme"), await shop.account("bmce")
    held = await prepaid(shop, acme, fee("2026-02-01", 100), fee("2026-02-20", 20.5), fee("2026-06-01", 300))
    await prepaid(shop, bmce, fee("2026-06-15", 7), currency="EUR")
    await shop.create(
        "commitments", accountId=bmce, commitmentType="MINIMUM", currency="USD", amount=50, **YEAR
    )  # what it will owe is not known
    assert await by_month(shop) == {"2026-02": {"USD": 120.5}, "2026-06": {"EUR": 7, "USD": 300}}
    await shop.bill("2026-01-31")
    assert await by_month(shop) == {"2026-02": {"USD": 20.5}, "2026-06": {"EUR": 7, "USD": 300}}
    assert await by_month(shop, **of("bmce")) == {"2026-06": {"EUR": 7}}
    assert await by_month(shop, dimensions=[*of("acme")["dimensions"], *of("bmce")["dimensions"]]) == {}
    assert await by_month(shop, **of("acme"), startDate="2026-02-21") == {"2026-06": {"USD": 300}}
    assert await by_month(shop, endDate="2026-06-01T00:00:00Z") == {"2026-02": {"USD": 20.5}}
    assert await by_month(shop, limit=1) == {"2026-02": {"USD": 20.5}}
    # Of what was billed already, a half is owed no more: that is given back with the next bill.
    commitment = await shop.do("GET", f"commitments/{held}")
    kept = {name: commitment[name] for name in ("accountId", "currency", "startDate", "endDate", "version")}
    await shop.do("PUT", f"commitments/{held}", kept | {"amount": 50, "feeDates": [fee("2026-02-01", 50)]})
    assert await by_month(shop, **of("acme")) == {"2026-02": {"USD": -50}}
    # Nor is it forgotten with the last prepayment of its account.
    await shop.do("DELETE", f"commitments/{held}", force="true")
    assert await by_month(shop, **of("acme")) == {"2026-02": {"USD": -100}}


async def test_what_is_asked_wrongly_is_named(shop: Shop) -> None:
    async def refused(**body: Any) -> str:
        return await shop.refused(400, "POST", OBLIGATIONS, body)

    assert await refused(**YEAR, **of("nobody")) == "dimensions[0].filter: must be codes of accounts; nobody is none"
    assert "startDate: must not be after endDate" in await refused(startDate="2026-02-02", endDate="2026-02-01")
    assert "dimensions[0].name" in await refused(**YEAR, dimensions=[{"name": "product"}])
    assert "limit" in await refused(**YEAR, limit=2001)
    assert "startDate" in await refused(endDate="2026-02-01")


async def test_commitments_are_a_file_for_whoever_has_its_link(shop: Shop) -> None:
    acme, bmce = await shop.account("acme"), await shop.account("bmce")
    first = await prepaid(shop, acme, fee("2026-02-01", 1))
    await prepaid(shop, acme, fee("2026-07-01", 2), startDate="2026-03-01")
    other = await prepaid(shop, bmce, fee("2026-02-01", 3))
    span = YEAR | {"endDate": "2026-02-01"}
    async with stranger() as anybody:

        async def ids(**more: Any) -> list[str]:
            url = (await shop.do("POST", DOWNLOAD, span | more))["downloadUrl"]
            return [one["id"] for one in (await anybody.get(url)).json()["data"]]

        assert await ids() == [other, first]
        assert await ids(**of("acme")) == [first]
        assert await ids(limit=1) == [other]
        assert await ids(dimensions=[*of("acme")["dimensions"], *of("bmce")["dimensions"]]) == []
        wide = {"startDate": "1970-01-01T00:00:01Z", "endDate": "2200-01-01T20:00:00Z"}
        await shop.configure(timezone="America/New_York")
        assert len(await ids(**wide)) == 3
        await shop.configure(timezone="UTC")
        # What a link does not say, it does not open.
        url = httpx.URL((await shop.do("POST", DOWNLOAD, span | of("acme")))["downloadUrl"])
        for wider in (url.copy_remove_param("accountIds"), url.copy_set_param("endDate", "2027-01-01")):
            assert (await anybody.get(wider)).status_code == 401
        elsewhere = url.copy_with(path=f"/organizations/{shop.organization}/commitments")
        assert (await anybody.get(elsewhere)).status_code == 401
        assert (await anybody.get(url.copy_remove_param("access_token"))).status_code == 401


async def test_a_file_has_as_many_as_were_asked_for_the_newest_first(shop: Shop) -> None:
    acme = await shop.account("acme")
    made = [await prepaid(shop, acme, fee("2026-02-01", number + 1)) for number in range(5)]
    found = await shop.do("GET", f"{DOWNLOAD}/file", startDate="2026-01-01", endDate="2026-01-02", limit=3)
    assert [one["id"] for one in found["data"]] == made[:1:-1]
