"""A statement as an electronic invoice: UBL 2.1, conforming to the semantic model of EN 16931.

If something is missing that this model requires, an error names it. `templates/invoice.xml` has the elements, in the
order that UBL requires.
"""

from collections.abc import Iterator
from decimal import Decimal

from babel import Locale

from events.decimals import plain
from services.commands.refused import CommandError
from services.statement.looks import templates
from services.statement.statement import Statement, Tax

#: Codes of tax categories: taxed, taxed at a rate of zero, outside the scope of tax.
_STANDARD, _ZERO, _OUTSIDE = "S", "Z", "O"
_ENGLISH = Locale("en")
#: Codes of two letters that babel names and ISO 3166-1 gives to no country.
_NO_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
_COUNTRIES = {code for code in map(str, _ENGLISH.territories) if code.isalpha() and len(code) == 2} - _NO_COUNTRIES
#: Beginnings of VAT numbers: a country's code, but for Greece, and for Northern Ireland.
_VAT_PREFIXES = _COUNTRIES | {"EL", "XI"}
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
    category = _category(statement.tax)
    return template.render(statement=statement, category=category, amount=plain, is_vat_number=_is_vat_number).encode()


def _is_vat_number(number: str) -> bool:
    """Whether a tax number may stand as a VAT identifier, which begins with the code of its country (BR-CO-09)."""
    return number[:2] in _VAT_PREFIXES


def _missing(statement: Statement) -> Iterator[str]:
    """Why this statement cannot be an electronic invoice, one text for each reason."""
    if statement.pending:
        yield "it is pending"
    if statement.digits > _DIGITS_MAX:
        yield f"an amount in {statement.currency} has {statement.digits} digits, and EN 16931 knows {_DIGITS_MAX}"
    if statement.currency not in _ENGLISH.currencies:
        yield f"{statement.currency} is no currency of ISO 4217"
    if not statement.lines:
        yield "it has no lines"
    if statement.buyer.address.country not in _COUNTRIES:
        yield f"address.country of account {statement.buyer_code} must be a country's code of two letters"
    seller = statement.seller
    if seller is None:
        yield "the organization has no statementconfig"
        return
    if seller.address.country not in _COUNTRIES:
        yield "seller.address.country of statementconfig must be a country's code of two letters"
    if statement.tax is not None and seller.tax_number is None:
        yield "seller.taxNumber of statementconfig is required where there is a taxRate, also one of 0"
    if statement.tax is None and seller.registration_number is None:
        yield "seller.registrationNumber of statementconfig is required where no tax is charged"
    if statement.tax and seller.tax_number and not (_is_vat_number(seller.tax_number) or seller.registration_number):
        yield "seller.registrationNumber of statementconfig is required where seller.taxNumber begins with no country"


def _category(tax: Tax | None) -> str:
    if tax is None:
        return _OUTSIDE
    return _STANDARD if tax.rate > Decimal(0) else _ZERO
