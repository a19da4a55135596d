"""What the page and the paper of a statement say, spelt in its locale: all that their templates do is to place it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services import spelling
from services.statement.statement import Line, Party, Statement

#: The unit of what is counted in nothing.
NO_UNIT = "1"


@dataclass(frozen=True, slots=True)
class Row:
    """A line: what it is for and when, how much of it at which price, and its amount."""

    text: str
    days: str
    units: str
    price: str
    amount: str


@dataclass(frozen=True, slots=True)
class Block:
    """A group of lines under its title; `account` is a child's code."""

    title: str
    account: str
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Spelled:
    """The whole of it. `facts` and `sums` are names with values, in order."""

    title: str
    language: str
    seller: list[str]
    buyer: list[str]
    facts: list[tuple[str, str]]
    blocks: list[Block]
    sums: list[tuple[str, str]]
    note: str
    logo: str


def spelled(one: Statement) -> Spelled:
    """The statement's words and numbers."""
    writer = _Writer(one)
    return Spelled(
        title="Draft" if one.pending else "Credit note" if one.total < 0 else "Invoice",
        language=one.locale.replace("_", "-"),
        seller=[] if one.seller is None else _party(one.seller),
        buyer=_party(one.buyer),
        facts=writer.facts(),
        blocks=[Block(group.title, group.account, [writer.row(line) for line in group.lines]) for group in one.groups],
        sums=writer.sums(),
        note=one.note or "",
        logo=one.logo or "",
    )


def _party(one: Party) -> list[str]:
    numbers = (one.tax_number and f"Tax number {one.tax_number}"), one.registration_number
    return [one.name, *one.written, *(text for text in (*numbers, one.email_address) if text)]


@dataclass(frozen=True, slots=True)
class _Writer:
    one: Statement

    def facts(self) -> list[tuple[str, str]]:
        """What stands on top beside the parties."""
        one, day = self.one, self._day
        named = [
            ("Number", one.number),
            ("Date", day(one.issued)),
            ("Due", day(one.due)),
            ("Period", self._days(one.first, one.last)),
            ("Account", one.buyer_code),
            ("Your order", one.order_number or ""),
            ("IBAN", one.iban or ""),
        ]
        return [(name, value) for name, value in named if value]

    def row(self, line: Line) -> Row:
        """A line's cells; a price that is not exact is not told."""
        unit = "" if line.unit == NO_UNIT else line.unit
        units = f"{spelling.number(line.units, self.one.locale)} {unit}".strip() if line.units else ""
        is_exact = line.units and line.pieces == line.units
        price = spelling.price(line.price, self.one.currency, self.one.locale) if is_exact else ""
        return Row(line.text, self._days(line.first, line.last), units, price, self._money(line.amount))

    def sums(self) -> list[tuple[str, str]]:
        """What stands below: the sum, the tax on it, and what is to be paid."""
        one, tax = self.one, self.one.tax
        if tax is None:
            return [("Total", self._money(one.total))]
        rate = spelling.number(tax.rate, self.one.locale)
        named = [("Sum", one.net), (f"{tax.name} {rate} %", tax.amount), ("Total", one.total)]
        return [(name, self._money(amount)) for name, amount in named]

    def _money(self, amount: Decimal) -> str:
        return spelling.money(amount, self.one.currency, self.one.locale)

    def _day(self, day: date) -> str:
        return spelling.day(day, self.one.locale)

    def _days(self, first: date, last: date) -> str:
        return self._day(first) if first == last else f"{self._day(first)} \N{EN DASH} {self._day(last)}"
