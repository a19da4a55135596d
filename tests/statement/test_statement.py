"""What a statement says, in all its formats: of a bill whose texts are hostile, with tax and without."""

import csv
import json
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from events.codec import decode
from events.facts.bills import BillIssued, BillLine
from events.resources.bounds import FROM_CLIENT
from events.resources.statements import StatementConfig
from projections.resources import Resources
from services.api.statement_answers import statement_document
from services.commands.bodies import parse_body
from services.commands.messages import CreateResource
from services.statement.making import statement_of
from services.statement.page import page_of
from services.statement.paper import UnreadableLogo, paper_of
from services.statement.spelled import spelled
from services.statement.spreadsheet import harmless, table_of
from services.statement.statement import Statement
from services.statement.ubl import ubl_of
from tests.commands.world import NOW, Story, configure, document

BILL = decode((Path(__file__).parent.parent / "golden" / "BillIssued.json").read_bytes()).data
SELLER = {
    "name": "Seller GmbH",
    "address": {"addressLine1": "Weg 1", "locality": "Berlin", "postCode": "10115", "country": "DE"},
    "taxNumber": "DE123456789",
    "registrationNumber": "HRB 1",
}
HOSTILE = '<script>alert("1")</script> #let x = $y$ *bold* & =1+1 \x01'
PNG = json.loads((Path(__file__).parent.parent / "golden" / "StatementConfigCreated.json").read_text())["data"]["body"][
    "logo"
]
NAMES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}


def config(**more: Any) -> StatementConfig:
    return StatementConfig.model_validate({"seller": SELLER} | more, context=FROM_CLIENT)


def bill(*amounts: str, currency: str = "USD", **of_lines: Any) -> BillIssued:
    """Lines of these amounts; a text and units for all of them."""
    assert isinstance(BILL, BillIssued)
    first = BILL.lines[0].model_dump()
    lines = tuple(
        BillLine.model_validate(first | {"number": number, "amount": amount} | of_lines)
        for number, amount in enumerate(amounts, 1)
    )
    total = sum(map(Decimal, amounts))
    return BILL.model_copy(update={"lines": lines, "total": total, "currency": currency})


def resources(**account: Any) -> Resources:
    """The bill's account, with these fields of its own."""
    assert isinstance(BILL, BillIssued)
    body = parse_body("account", document("account", **{"address": {"country": "FR"}} | account))
    return Story().given(configure(), CreateResource("account", BILL.account_id, body, NOW)).resources


def statement(issued: BillIssued, configured: StatementConfig | None, **account: Any) -> Statement:
    return statement_of(issued, resources(**account), configured, pending=False)


@pytest.mark.parametrize(
    ("amounts", "rate", "tax", "total"),
    [
        (("10.00", "0.02"), "19", "1.90", "11.92"),  # of each line by itself it would be 1.90 and 0.00
        (("0.25", "0.25"), "10", "0.05", "0.55"),  # of each it would be 0.03
        (("-0.50",), "1", "-0.01", "-0.51"),  # a half goes away from zero
        (("7.00",), "0", "0.00", "7.00"),
    ],
)
def test_tax_is_rounded_once_on_the_sum(amounts: tuple[str, ...], rate: str, tax: str, total: str) -> None:
    document = statement(bill(*amounts), config(taxRate=rate))
    assert document.tax is not None
    assert (document.tax.amount, document.total) == (Decimal(tax), Decimal(total))
    assert document.net == sum(map(Decimal, amounts))


def test_without_a_rate_no_tax_is_named() -> None:
    document = statement(bill("10.00"), config())
    assert document.tax is None
    assert spelled(document).sums == [("Total", "$10.00")]


@pytest.mark.parametrize(
    ("amount", "units", "pieces", "price"),
    [
        ("12.50", "5", "5", "2.5"),
        ("-12.50", "-5", "-5", "2.5"),
        ("1.00", "3", "1", "1.00"),  # a third is no price
        ("12.50", "0", "1", "12.50"),
        ("-12.50", "0", "-1", "12.50"),
        ("-12.50", "5", "-1", "12.50"),  # no price is below zero
        ("0.01", "20000000", "1", "0.01"),  # finer than a price is told
        ("0.00", "7", "7", "0"),
        ("90000000000.00", "0.000000000001", "0.000000000001", "90000000000000000000000"),
    ],
)
def test_pieces_times_price_is_the_amount(amount: str, units: str, pieces: str, price: str) -> None:
    [line] = statement(bill(amount, units=units), None).lines
    assert (line.pieces, line.price) == (Decimal(pieces), Decimal(price))
    assert line.pieces * line.price == line.amount
    assert spelled(statement(bill(amount, units=units), None)).blocks


def test_numbers_and_days_have_the_accounts_form() -> None:
    configured = config(taxRate=19)
    document = statement(bill("1234.50"), configured, customFields={"locale": "de-DE", "taxNumber": "FR99"})
    shown = spelled(document)
    assert shown.sums == [("Sum", "1.234,50\xa0$"), ("VAT 19 %", "234,56\xa0$"), ("Total", "1.469,06\xa0$")]
    assert ("Date", "01.02.2026") in shown.facts
    assert "Tax number FR99" in shown.buyer
    odd = statement(bill("1234.50"), configured, customFields={"locale": "no language", "taxNumber": ""})
    assert spelled(odd).sums[0] == ("Sum", "$1,234.50")


@pytest.mark.parametrize("currency", ["HUF", "IDR", "COP"])
def test_amounts_of_a_currency_without_small_coins_add_up_as_shown(currency: str) -> None:
    shown = spelled(statement(bill("0.50", "0.50", currency=currency), None))
    assert [row.amount[-4:] for block in shown.blocks for row in block.rows] == ["0.50", "0.50"]
    assert shown.sums[0][1].endswith("1.00")


def test_a_locale_of_no_language_is_none() -> None:
    document = statement(bill("1234.50"), None, customFields={"locale": "root"})
    assert document.locale == "en"
    assert paper_of(document).startswith(b"%PDF")


def test_no_text_is_markup_formula_or_code() -> None:
    document = statement(
        bill("10.00", description=HOSTILE), config(note=HOSTILE, taxRate=19), name="=cmd|' /C calc'!A0"
    )
    page = page_of(document).decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    [heading, row] = csv.reader(StringIO(table_of(document).decode().removeprefix("\ufeff")))
    assert row[heading.index("description")] == HOSTILE
    [name] = ET.fromstring(ubl_of(document)).iterfind("cac:InvoiceLine/cac:Item/cbc:Name", NAMES)
    assert name.text == HOSTILE.replace("\x01", "\ufffd")
    assert paper_of(document).startswith(b"%PDF")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1+1"])
def test_no_text_of_a_line_is_a_formula_to_a_spreadsheet(text: str) -> None:
    document = statement(bill("-2", description=text, unit=text, commitment_id=text, balance_id=text, id=text), None)
    headings, cells = csv.reader(StringIO(table_of(document).decode().lstrip("\ufeff"), newline=""))
    told = dict(zip(headings, cells, strict=True))
    assert told["amount"] == "-2", "a number below zero is one"
    names = ("description", "unit", "line id", "commitment id", "balance id")
    assert [told[name] for name in names] == [f"'{text}"] * len(names)


def test_the_same_statement_is_the_same_paper() -> None:
    document = statement(bill("10.00"), config(logo=PNG, note="Thank you."))
    assert paper_of(document) == paper_of(document) != paper_of(replace(document, number="other"))


def test_a_long_word_breaks_on_paper_instead_of_running_off_it() -> None:
    long = "X" * 200
    issued = bill("12345678901234567.89", description=long, unit=long, units="123456789012345678.123456789012345678")
    configured = config(taxRate=19, note=long, seller=SELLER | {"name": long, "iban": long})
    paper = paper_of(statement(issued, configured, name=long, purchaseOrderNumber=long))
    assert b"/Count 2" in paper, "written over each other they would fit on one page"


def test_a_logo_that_is_none_is_named() -> None:
    broken = statement(bill("10.00"), config(logo=PNG[:40] + "AAAA" + PNG[44:]))
    with pytest.raises(UnreadableLogo, match="logo of statementconfig cannot be read as a PNG"):
        paper_of(broken)


def test_a_blank_text_is_none() -> None:
    [line] = statement(bill("10.00", description=" "), None).lines
    assert line.text == "Usage"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"taxRate": 101}, "must not be greater than 100"),
        ({"seller": {"name": "Seller"}, "taxRate": 19}, "seller.taxNumber: is required where a tax is charged"),
        ({"logo": "bm8="}, "logo: must be a PNG of at most 2000 pixels a side, in base64"),
        ({"logo": "no base64"}, "logo: must be a PNG of at most 2000 pixels a side, in base64"),
        ({"logo": PNG[:24] + "AP//" + PNG[28:]}, "logo: must be a PNG of at most 2000 pixels a side, in base64"),
    ],
)
def test_what_cannot_stand_on_an_invoice_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**more)


def test_other_cells_stay_as_they_are() -> None:
    assert [harmless(text) for text in ("Calls", "", "1-2", "a=b")] == ["Calls", "", "1-2", "a=b"]


def test_json_names_the_lines_of_each_group_by_their_numbers() -> None:
    issued = bill("1.00", "2.00", "3.00")
    fee = {"type": "COMMITMENT_FEE", "commitment_id": "c", "product_id": None}
    lines = (issued.lines[0].model_copy(update=fee), *issued.lines[1:])
    told = statement_document(statement(issued.model_copy(update={"lines": lines}), None))
    assert [line["sequenceNumber"] for line in told["lines"]] == [1, 2, 3]
    assert [(group["title"], group["sequenceNumbers"]) for group in told["groups"]] == [
        ("", [2, 3]),
        ("Commitments", [1]),
    ]
