"""What the JSON of a statement looks like."""

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from events.resources.accounts import Address
from services.api.shown import Shown
from services.statement.statement import Group, Line, Party, Statement


class PartyShown(Shown):
    """Who sells, or who buys."""

    name: str
    address: Address | None = None
    tax_number: str | None = None
    registration_number: str | None = None
    email_address: str | None = None


class LineShown(Shown):
    """A line. `pieces` x `price` is its amount, exactly: its units, or one piece of it all."""

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
    """Lines that page and paper show together, by their numbers, under a title: a product, commitments, ..."""

    title: str
    child_account_code: str | None = None
    sequence_numbers: list[int]


class TaxShown(Shown):
    """What is charged on the whole sum: percent, and the amount that it makes."""

    name: str
    rate: Decimal
    amount: Decimal


class StatementShown(Shown):
    """A bill as an invoice says it; `number` is the invoice's or, where none is given, the bill's id."""

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


def statement_document(one: Statement) -> dict[str, Any]:
    """The statement as `StatementShown` has it."""
    document = {
        "billId": one.bill_id,
        "number": one.number,
        "status": "PENDING" if one.pending else "APPROVED",
        "invoiceDate": one.issued,
        "dueDate": one.due,
        "firstDay": one.first,
        "lastDay": one.last,
        "currency": one.currency,
        "locale": one.locale,
        "accountCode": one.buyer_code,
        "purchaseOrderNumber": one.order_number,
        "seller": None if one.seller is None else _party(one.seller),
        "buyer": _party(one.buyer),
        "lines": [_line(line) for line in one.lines],
        "groups": [_group(group) for group in one.groups],
        "net": one.net,
        "tax": None if one.tax is None else asdict(one.tax),
        "total": one.total,
        "note": one.note,
    }
    return _given(document)


def _party(one: Party) -> dict[str, Any]:
    document = {
        "name": one.name,
        "address": one.address.model_dump(by_alias=True, exclude_none=True) or None,
        "taxNumber": one.tax_number,
        "registrationNumber": one.registration_number,
        "emailAddress": one.email_address,
    }
    return _given(document)


def _line(line: Line) -> dict[str, Any]:
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


def _group(one: Group) -> dict[str, Any]:
    document = {
        "title": one.title,
        "childAccountCode": one.account or None,
        "sequenceNumbers": [line.number for line in one.lines],
    }
    return _given(document)


def _given(document: dict[str, Any]) -> dict[str, Any]:
    """Without what is absent."""
    return {name: value for name, value in document.items() if value is not None}
