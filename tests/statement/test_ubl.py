"""A statement as an electronic invoice: it adds up, and what it lacks is named."""

from dataclasses import replace
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from services.statement.ubl import NotForUbl, ubl_of
from tests.statement.test_statement import NAMES, SELLER, bill, config, statement


def sums(written: bytes) -> dict[str, str]:
    """Amounts of the whole, by the names of their elements."""
    total = ET.fromstring(written).find("cac:LegalMonetaryTotal", NAMES)
    assert total is not None
    return {element.tag.partition("}")[2]: str(element.text) for element in total}


def test_an_electronic_invoice_adds_up() -> None:
    document = statement(bill("10.00", "-2.50", "0.05"), config(taxRate=19))
    written = ubl_of(document)
    root = ET.fromstring(written)
    assert sums(written) == {
        "LineExtensionAmount": "7.55",
        "TaxExclusiveAmount": "7.55",
        "TaxInclusiveAmount": "8.98",
        "PayableAmount": "8.98",
    }
    lines = root.findall("cac:InvoiceLine", NAMES)
    assert [line.findtext("cbc:LineExtensionAmount", None, NAMES) for line in lines] == ["10.00", "-2.50", "0.05"]
    for line in lines:
        [quantity, amount] = (
            line.findtext(name, "", NAMES) for name in ("cbc:InvoicedQuantity", "cac:Price/cbc:PriceAmount")
        )
        assert Decimal(quantity) * Decimal(amount) == Decimal(line.findtext("cbc:LineExtensionAmount", "", NAMES))
        assert Decimal(amount) >= 0
    assert root.findtext("cac:TaxTotal/cbc:TaxAmount", None, NAMES) == "1.43"
    assert root.findtext("cac:TaxTotal/cac:TaxSubtotal/cac:TaxCategory/cbc:ID", None, NAMES) == "S"


@pytest.mark.parametrize(
    ("number", "scheme", "buyers"),
    [("DE123456789", "VAT", []), ("EL123456789", "VAT", []), ("27/123/45678", "FC", ["27/123/45678"])],
)
def test_only_a_number_of_a_country_is_a_vat_number(number: str, scheme: str, buyers: list[str]) -> None:
    configured = config(seller=SELLER | {"taxNumber": number}, taxRate=19)
    root = ET.fromstring(ubl_of(statement(bill("10.00"), configured, customFields={"taxNumber": number})))
    seller, buyer = (root.find(f"cac:Accounting{who}Party/cac:Party", NAMES) for who in ("Supplier", "Customer"))
    assert seller is not None and buyer is not None
    assert seller.findtext("cac:PartyTaxScheme/cbc:CompanyID", None, NAMES) == number
    assert seller.findtext("cac:PartyTaxScheme/cac:TaxScheme/cbc:ID", None, NAMES) == scheme
    assert [name.text for name in buyer.iterfind("cac:PartyIdentification/cbc:ID", NAMES)] == buyers
    assert (buyer.find("cac:PartyTaxScheme", NAMES) is None) == bool(buyers)


def test_outside_of_tax_no_tax_number_is_told() -> None:
    root = ET.fromstring(ubl_of(statement(bill("10.00"), config())))
    assert root.findtext("cac:TaxTotal/cac:TaxSubtotal/cac:TaxCategory/cbc:ID", None, NAMES) == "O"
    assert root.find(".//cac:PartyTaxScheme", NAMES) is None


def test_what_an_electronic_invoice_lacks_is_named() -> None:
    bare = {"seller": {"name": "Seller"}}
    with pytest.raises(NotForUbl, match=r"country of account acme must .*; seller.address.country .*; seller.reg"):
        ubl_of(statement(bill("10.00"), config(**bare), address={"country": "France"}))
    with pytest.raises(NotForUbl, match="the organization has no statementconfig"):
        ubl_of(statement(bill("10.00"), None))
    untaxed = {"seller": {"name": "Seller", "address": {"country": "DE"}}, "taxRate": 0}
    with pytest.raises(NotForUbl, match="taxNumber of statementconfig is required"):
        ubl_of(statement(bill("10.00"), config(**untaxed)))
    with pytest.raises(NotForUbl, match="an amount in KWD has 3 digits, and EN 16931 knows 2"):
        ubl_of(statement(bill("10.000", currency="KWD"), config()))
    with pytest.raises(NotForUbl, match="CREDITS is no currency of ISO 4217"):
        ubl_of(statement(bill("10.00", currency="CREDITS"), config()))
    with pytest.raises(NotForUbl, match="it has no lines"):
        ubl_of(statement(bill(), config()))
    with pytest.raises(NotForUbl, match="account acme must be a country's code of two letters"):
        ubl_of(statement(bill("10.00"), config(), address={"country": "UK"}))
    fiscal = {"seller": SELLER | {"taxNumber": "27/123/45678", "registrationNumber": None}, "taxRate": 19}
    with pytest.raises(NotForUbl, match=r"registrationNumber .* is required where seller.taxNumber begins with no"):
        ubl_of(statement(bill("10.00"), config(**fiscal)))
    with pytest.raises(NotForUbl, match="it is pending"):
        ubl_of(replace(statement(bill("10.00"), config()), pending=True))
