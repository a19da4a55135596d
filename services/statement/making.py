"""Makes the statement of a bill from the bill and from accounts, products and configuration. Pure."""

from collections.abc import Sequence
from decimal import Context, Decimal, localcontext

from events.decimals import EXACT, normal
from events.facts.bills import BillIssued, BillLine
from events.resources.accounts import Account, Address
from events.resources.statements import StatementConfig
from projections.calendar import ONE_DAY
from projections.line_types import LINES
from projections.money import Rounding, minor_digits
from projections.resources import Resources
from services.spelling import locale_of
from services.statement.statement import LineGroup, Party, Statement, StatementLine, Tax

#: The custom field of an account that has its tax number.
TAX_NUMBER_FIELD = "taxNumber"
#: The smallest step of a price. If a price would need more digits, the line shows one piece of the whole amount.
_FINEST = Decimal("0.000001")
_WIDE = Context(prec=EXACT.prec)
_ONE = Decimal(1)
_NOTHING = Address()


def statement_of(bill: BillIssued, resources: Resources, config: StatementConfig | None, *, pending: bool) -> Statement:
    """The statement of a bill. `resources`: accounts, products and configuration to show; `config`: seller and tax, if
    configured; `pending`: whether the bill is not issued yet.
    """
    account, configured = resources.accounts[bill.account_id].body, resources.configured
    lines = [_line(bill, line, resources) for line in bill.lines]
    net = sum((line.amount for line in lines), Decimal(0))
    tax = None if config is None or config.tax_rate is None else _tax(config, config.tax_rate, net, bill.currency)
    return Statement(
        bill_id=bill.bill_id,
        number=bill.sequential_invoice_number or bill.bill_id,
        pending=pending,
        issued=bill.external_invoice_date or bill.bill_date,
        due=bill.due_date,
        first=bill.start_date,
        last=max(bill.start_date, bill.end_date - ONE_DAY),
        currency=bill.currency,
        locale=locale_of(account.custom_fields, None if configured is None else configured.custom_fields),
        seller=None if config is None else _seller(config),
        buyer=_buyer(account),
        buyer_code=account.code,
        order_number=account.purchase_order_number,
        groups=_grouped(lines),
        net=net,
        tax=tax,
        total=net if tax is None else net + tax.amount,
        note=None if config is None else config.note,
        iban=None if config is None else config.seller.iban,
        logo=None if config is None else config.logo,
    )


def _seller(config: StatementConfig) -> Party:
    seller = config.seller
    return Party(
        seller.name, seller.address or _NOTHING, seller.tax_number, seller.registration_number, seller.email_address
    )


def _buyer(account: Account) -> Party:
    number = str((account.custom_fields or {}).get(TAX_NUMBER_FIELD, "")) or None
    return Party(account.name, account.address or _NOTHING, number, email_address=account.email_address)


def _tax(config: StatementConfig, rate: Decimal, net: Decimal, currency: str) -> Tax:
    """The tax on the sum of all lines, rounded once to the minor unit, half away from zero, as tax offices ask for."""
    rounding = Rounding(minor_digits(currency), half_up=True)
    with localcontext(EXACT):
        amount = rounding.decimal(rounding.minor(net * rate / 100))
    return Tax(config.tax_name or "VAT", normal(rate), amount)


def _line(bill: BillIssued, line: BillLine, resources: Resources) -> StatementLine:
    product = resources.products.get(line.product_id or "")
    pieces, price = _priced(line)
    return StatementLine(
        number=line.number,
        id=line.id,
        type=line.type,
        text=line.description if line.description.strip() else line.type.replace("_", " ").capitalize(),
        account="" if line.account_id == bill.account_id else _code(resources, line.account_id),
        product="" if product is None else product.body.name,
        product_code="" if product is None else product.body.code,
        first=line.period_start,
        last=max(line.period_start, line.period_end - ONE_DAY),
        quantity=line.quantity,
        units=line.units,
        unit=line.unit,
        amount=line.amount,
        commitment_id=line.commitment_id or "",
        balance_id=line.balance_id or "",
        pieces=pieces,
        price=price,
    )


def _code(resources: Resources, account_id: str) -> str:
    """The code of a child account; its id if the account is not known."""
    account = resources.accounts.get(account_id)
    return account_id if account is None else account.body.code


def _priced(line: BillLine) -> tuple[Decimal, Decimal]:
    """Pieces and price of a line, whose product is its amount. These are its units and their price, if that price is
    exact and not negative, else one piece, or minus one, of the whole amount.
    """
    if line.units and (line.amount < 0) == (line.units < 0):
        price = _WIDE.divide(line.amount, line.units)
        if price == _WIDE.quantize(price, _FINEST) and _WIDE.multiply(price, line.units) == line.amount:
            return line.units, normal(price)
    return (-_ONE, -line.amount) if line.amount < 0 else (_ONE, line.amount)


def _grouped(lines: Sequence[StatementLine]) -> tuple[LineGroup, ...]:
    """The lines in groups, in the order of an invoice: charges by account and product, then commitments, then lines
    added by hand. Lines keep their order in a group, so that draws follow the charges that they pay."""
    groups: dict[tuple[int, str, str], list[StatementLine]] = {}
    for line in lines:
        section = _section(line)
        groups.setdefault((section, line.account, "" if section else line.product), []).append(line)
    return tuple(
        LineGroup(_TITLES[section] or product, account, tuple(group))
        for (section, account, product), group in sorted(groups.items(), key=lambda item: item[0][0])
    )


#: Titles of the sections of an invoice. A group of charges has the name of its product instead.
_TITLES = ("", "Commitments", "Added by hand")


def _section(line: StatementLine) -> int:
    if LINES[line.type].paid_ahead:
        return 1
    return 2 if LINES[line.type].memo else 0
