"""Statements over HTTP: what an issued bill's says never changes; what it is asked for, and by whom."""

from typing import Any

import httpx
import pytest

from tests.api_client import http_client
from tests.billing.conftest import Shop

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SELLER = {"name": "Seller GmbH", "address": {"country": "DE"}, "registrationNumber": "HRB 1", "taxNumber": "DE1"}
FORMATS = ("json", "html", "pdf", "csv", "ubl")


async def files(shop: Shop, bill: str) -> dict[str, bytes]:
    """The statement in every format."""
    found = {}
    for name in FORMATS:
        answer = await shop.ask("GET", f"bills/{bill}/statement", format=name)
        assert answer.status_code == 200, answer.text
        found[name] = answer.content
    return found


async def changed(shop: Shop, path: str, **more: Any) -> None:
    """A resource as it is, but for these fields."""
    document = await shop.do("GET", path)
    await shop.do("PUT", path, document | more)


async def test_an_issued_bill_says_for_ever_what_was_so_then(shop: Shop) -> None:
    await shop.do("PUT", "statementconfig", {"seller": SELLER, "taxRate": 19})
    german = {"locale": "de-DE"}
    account = await shop.account("acme", address={"locality": "Paris", "country": "FR"}, customFields=german)
    await shop.use("acme", "2026-01-10", 100)
    [bill] = (await shop.bill("2026-01-31"))["billIds"]
    before = await files(shop, bill)
    statement = await shop.exact(f"bills/{bill}/statement")
    wire = await shop.exact(f"bills/{bill}")
    assert [line["amount"] for line in statement["lines"]] == [line["subtotal"] for line in wire["lineItems"]]
    assert (statement["net"], statement["total"]) == (wire["billTotal"], wire["billTotal"] + statement["tax"]["amount"])
    assert b"60,00" in before["html"]
    assert b">11.40</cbc:TaxAmount>" in before["ubl"]

    await changed(shop, "statementconfig", taxRate=7, seller=SELLER | {"name": "Other"})
    await changed(shop, f"accounts/{account}", name="Renamed", address={"country": "IT"}, customFields={})
    await changed(shop, f"products/{shop.product}", name="Renamed")
    assert await files(shop, bill) == before

    await shop.clock("2026-03-01T00:00:00Z")
    [later] = (await shop.bill("2026-02-28"))["billIds"]
    after = await shop.do("GET", f"bills/{later}/statement")
    assert (after["buyer"]["name"], after["seller"]["name"], after["tax"]["rate"]) == ("Renamed", "Other", 7)


async def test_a_bill_from_before_has_the_first_configuration_on_it(shop: Shop) -> None:
    await shop.account("acme")
    [bill] = (await shop.bill("2026-01-31"))["billIds"]
    assert "seller" not in await shop.do("GET", f"bills/{bill}/statement")
    assert "no statementconfig" in await shop.refused(409, "GET", f"bills/{bill}/statement?format=ubl")
    await shop.do("PUT", "statementconfig", {"seller": SELLER})
    await changed(shop, "statementconfig", seller=SELLER | {"name": "Other"})
    assert (await shop.do("GET", f"bills/{bill}/statement"))["seller"]["name"] == "Seller GmbH"


async def test_a_pending_bill_is_a_draft(patient: Shop) -> None:
    await patient.do("PUT", "statementconfig", {"seller": SELLER})
    await patient.account("acme", address={"country": "FR"})
    [bill] = (await patient.bill("2026-01-31"))["billIds"]
    assert (await patient.do("GET", f"bills/{bill}/statement"))["status"] == "PENDING"
    assert b"<h1>Draft</h1>" in (await patient.ask("GET", f"bills/{bill}/statement", format="html")).content
    assert "it is pending" in await patient.refused(409, "GET", f"bills/{bill}/statement?format=ubl")


async def test_links_are_read_without_a_token(shop: Shop) -> None:
    await shop.account("acme")
    [bill] = (await shop.bill("2026-01-31"))["billIds"]
    links = [
        (await shop.do(method, f"bills/{bill}/statement/{format}"))["downloadUrl"]
        for method, format in (("GET", "json"), ("GET", "csv"), ("POST", "csv"))
    ]
    async with http_client("", by=httpx.Auth()) as stranger:
        kinds = [(await stranger.get(link)).headers["content-type"] for link in links]
        assert kinds == ["application/json", "text/csv; charset=utf-8", "text/csv; charset=utf-8"]
        other = httpx.URL(links[0]).copy_set_param("format", "html")
        assert (await stranger.get(other)).status_code == 401
    assert "no bill with id none" in await shop.refused(404, "GET", "bills/none/statement/csv")
