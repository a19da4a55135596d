"""The texts of a statement's HTML and PDF, in its locale. Their templates only lay these out."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services import spelling
from services.statement.statement import Party, Statement, StatementLine

#: The unit of a quantity that is a mere number.
NO_UNIT = "1"


@dataclass(frozen=True, slots=True)
class Row:
    """A line: what it is for, its days, units, price and amount; units and price may be empty."""

    text: str
    days: str
    units: str
    price: str
    amount: str


@dataclass(frozen=True, slots=True)
class Block:
    """A group of lines under a title. `account`: the code of the child account whose charges they are, or empty."""

    title: str
    account: str
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Spelled:
    """All texts of a statement. `facts`, `sums`: names with values, in order; `logo`: a PNG in base64, or empty."""

    title: str
    language: str
    seller: list[str]
    buyer: list[str]
    facts: list[tuple[str, str]]
    blocks: list[Block]
    sums: list[tuple[str, str]]
    note: str
    logo: str


def spelled(statement: Statement) -> Spelled:
    """The texts of a statement."""
    writer = _Writer(statement)
    return Spelled(
        title=_title(statement),
        language=statement.locale.replace("_", "-"),
        seller=[] if statement.seller is None else _party(statement.seller),
        buyer=_party(statement.buyer),
        facts=writer.facts(),
        blocks=[
            Block(group.title, group.account, [writer.row(line) for line in group.lines]) for group in statement.groups
        ],
        sums=writer.sums(),
        note=statement.note or "",
        logo=statement.logo or "",
    )


def _title(statement: Statement) -> str:
    if statement.pending:
        return "Draft"
    return "Credit note" if statement.total < 0 else "Invoice"


def _party(party: Party) -> list[str]:
    numbers = (party.tax_number and f"Tax number {party.tax_number}"), party.registration_number
    return [party.name, *party.written, *(text for text in (*numbers, party.email_address) if text)]


@dataclass(frozen=True, slots=True)
class _Writer:
    statement: Statement

    def facts(self) -> list[tuple[str, str]]:
        """What is shown at the top besides seller and buyer; facts without a value are left out."""
        statement, day = self.statement, self._day
        named = [
            ("Number", statement.number),
            ("Date", day(statement.issued)),
            ("Due", day(statement.due)),
            ("Period", self._days(statement.first, statement.last)),
            ("Account", statement.buyer_code),
            ("Your order", statement.order_number or ""),
            ("IBAN", statement.iban or ""),
        ]
        return [(name, value) for name, value in named if value]

    def row(self, line: StatementLine) -> Row:
        """The cells of a line. The price is empty where it is not exact."""
        unit = "" if line.unit == NO_UNIT else line.unit
        units = f"{spelling.number(line.units, self.statement.locale)} {unit}".strip() if line.units else ""
        is_exact = line.units and line.pieces == line.units
        price = spelling.price(line.price, self.statement.currency, self.statement.locale) if is_exact else ""
        return Row(line.text, self._days(line.first, line.last), units, price, self._money(line.amount))

    def sums(self) -> list[tuple[str, str]]:
        """What is shown at the bottom: sum, tax and total; without tax only the total."""
        statement, tax = self.statement, self.statement.tax
        if tax is None:
            return [("Total", self._money(statement.total))]
        rate = spelling.number(tax.rate, self.statement.locale)
        named = [("Sum", statement.net), (f"{tax.name} {rate} %", tax.amount), ("Total", statement.total)]
        return [(name, self._money(amount)) for name, amount in named]

    def _money(self, amount: Decimal) -> str:
        return spelling.money(amount, self.statement.currency, self.statement.locale)

    def _day(self, day: date) -> str:
        return spelling.day(day, self.statement.locale)

    def _days(self, first: date, last: date) -> str:
        return self._day(first) if first == last else f"{self._day(first)} \N{EN DASH} {self._day(last)}"
