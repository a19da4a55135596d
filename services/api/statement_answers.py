"""The JSON form of a statement."""

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from events.absent import only_given
from events.resources.accounts import Address
from services.api.shown import Shown
from services.statement.statement import LineGroup, Party, Statement, StatementLine


class PartyShown(Shown):
    """The seller or the buyer."""

    name: str
    address: Address | None = None
    tax_number: str | None = None
    registration_number: str | None = None
    email_address: str | None = None


class LineShown(Shown):
    """A line. `pieces` x `price` is its amount, exactly: its units, or a single piece for the whole line."""

    sequence_number: int
    id: str
    line_item_type: str
    description: str
    product_name: str | None = None
    product_code: str | None = None
    child_account_code: str | None = None
    first_day: date
    last_day: date
    quantity: Decimal
    units: Decimal
    unit: str
    pieces: Decimal
    price: Decimal
    amount: Decimal


class GroupShown(Shown):
    """Lines that are shown together under a title (a product, commitments, ...), by their numbers."""

    title: str
    child_account_code: str | None = None
    sequence_numbers: list[int]


class TaxShown(Shown):
    """A tax on the whole sum: its rate in percent, and its amount."""

    name: str
    rate: Decimal
    amount: Decimal


class StatementShown(Shown):
    """A bill in the form of an invoice; `number` is the invoice number or, without one, the bill's id."""

    bill_id: str
    number: str
    status: str
    invoice_date: date
    due_date: date
    first_day: date
    last_day: date
    currency: str
    locale: str
    account_code: str
    purchase_order_number: str | None = None
    seller: PartyShown | None = None
    buyer: PartyShown
    lines: list[LineShown]
    groups: list[GroupShown]
    net: Decimal
    tax: TaxShown | None = None
    total: Decimal
    note: str | None = None


def statement_document(statement: Statement) -> dict[str, Any]:
    """The statement in the form of `StatementShown`."""
    document = {
        "billId": statement.bill_id,
        "number": statement.number,
        "status": "PENDING" if statement.pending else "APPROVED",
        "invoiceDate": statement.issued,
        "dueDate": statement.due,
        "firstDay": statement.first,
        "lastDay": statement.last,
        "currency": statement.currency,
        "locale": statement.locale,
        "accountCode": statement.buyer_code,
        "purchaseOrderNumber": statement.order_number,
        "seller": None if statement.seller is None else _party(statement.seller),
        "buyer": _party(statement.buyer),
        "lines": [_line(line) for line in statement.lines],
        "groups": [_group(group) for group in statement.groups],
        "net": statement.net,
        "tax": None if statement.tax is None else asdict(statement.tax),
        "total": statement.total,
        "note": statement.note,
    }
    return _given(document)


def _party(party: Party) -> dict[str, Any]:
    document = {
        "name": party.name,
        "address": party.address.model_dump(by_alias=True, exclude_none=True) or None,
        "taxNumber": party.tax_number,
        "registrationNumber": party.registration_number,
        "emailAddress": party.email_address,
    }
    return _given(document)


def _line(line: StatementLine) -> dict[str, Any]:
    document = {
        "sequenceNumber": line.number,
        "id": line.id,
        "lineItemType": line.type,
        "description": line.text,
        "productName": line.product or None,
        "productCode": line.product_code or None,
        "childAccountCode": line.account or None,
        "firstDay": line.first,
        "lastDay": line.last,
        "quantity": line.quantity,
        "units": line.units,
        "unit": line.unit,
        "pieces": line.pieces,
        "price": line.price,
        "amount": line.amount,
    }
    return _given(document)


def _group(group: LineGroup) -> dict[str, Any]:
    document = {
        "title": group.title,
        "childAccountCode": group.account or None,
        "sequenceNumbers": [line.number for line in group.lines],
    }
    return _given(document)


def _given(document: dict[str, Any]) -> dict[str, Any]:
    """The document without absent members."""
    return only_given(document)
