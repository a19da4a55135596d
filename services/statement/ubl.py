"""A statement as an electronic invoice: UBL 2.1, conforming to the semantic model of EN 16931.

If something is missing that this model requires, an error names it. `templates/invoice.xml` has the elements, in the
order that UBL requires.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from events.decimals import plain
from services.commands.refused import CommandError
from services.statement.looks import templates
from services.statement.statement import Statement, Tax

#: Codes of tax categories: taxed, taxed at a rate of zero, outside the scope of tax.
_STANDARD, _ZERO, _OUTSIDE = "S", "Z", "O"
_COUNTRY = re.compile(r"[A-Z]{2}")
#: Most digits that an amount may have after the point.
_DIGITS_MAX = 2


class NotForUbl(CommandError):
    """bill {id} cannot be an electronic invoice: {missing}"""


def ubl_of(statement: Statement) -> bytes:
    """The XML of a statement, in UTF-8. Raises: NotForUbl, which names everything that is missing."""
    missing = list(_missing(statement))
    if missing:
        raise NotForUbl(id=statement.bill_id, missing="; ".join(missing))
    template = templates().get_template("invoice.xml")
    return template.render(statement=statement, category=_category(statement.tax), amount=plain).encode()


def _missing(statement: Statement) -> Iterator[str]:
    """Why this statement cannot be an electronic invoice, one text for each reason."""
    if statement.pending:
        yield "it is pending"
    if statement.digits > _DIGITS_MAX:
        yield f"an amount in {statement.currency} has {statement.digits} digits, and EN 16931 knows {_DIGITS_MAX}"
    if not _COUNTRY.fullmatch(statement.buyer.address.country or ""):
        yield f"address.country of account {statement.buyer_code} must be a code of two letters"
    seller = statement.seller
    if seller is None:
        yield "the organization has no statementconfig"
        return
    if not _COUNTRY.fullmatch(seller.address.country or ""):
        yield "seller.address.country of statementconfig must be a code of two letters"
    if statement.tax is not None and seller.tax_number is None:
        yield "seller.taxNumber of statementconfig is required where there is a taxRate, also one of 0"
    if statement.tax is None and seller.registration_number is None:
        yield "seller.registrationNumber of statementconfig is required where no tax is charged"


def _category(tax: Tax | None) -> str:
    if tax is None:
        return _OUTSIDE
    return _STANDARD if tax.rate > Decimal(0) else _ZERO
