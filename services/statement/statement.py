"""A bill as an invoice says it: who sells to whom, lines in groups, their sum, the tax on it and what is to be paid."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from events.facts.bills import LineType
from events.resources.accounts import Address
from projections.money import minor_digits


@dataclass(frozen=True, slots=True)
class Party:
    """Who sells, or who buys."""

    name: str
    address: Address
    #: What the tax office, and the register of companies, know it by.
    tax_number: str | None = None
    registration_number: str | None = None
    email_address: str | None = None

    @property
    def streets(self) -> list[str]:
        """Lines of the address above its town."""
        address = self.address
        return [
            line
            for line in (address.address_line1, address.address_line2, address.address_line3, address.address_line4)
            if line
        ]

    @property
    def written(self) -> list[str]:
        """The address as it is written on an envelope."""
        address = self.address
        town = " ".join(part for part in (address.post_code, address.locality) if part)
        return [*self.streets, *(part for part in (town, address.region, address.country) if part)]


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A line of the bill. `pieces` x `price` is its amount, exactly: what was priced, or one piece of it all."""

    number: int
    id: str
    type: LineType
    text: str
    #: Code of the account whose charge it is, if it is not the bill's.
    account: str
    product: str
    product_code: str
    first: date
    last: date
    quantity: Decimal
    units: Decimal
    unit: str
    amount: Decimal
    commitment_id: str
    balance_id: str
    pieces: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class LineGroup:
    """Lines that are read together."""

    title: str
    account: str
    lines: tuple[StatementLine, ...]


@dataclass(frozen=True, slots=True)
class Tax:
    """What is charged on the whole sum: percent, and the amount that it makes."""

    name: str
    rate: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """The whole of it. `number` is the invoice's or, where none is given, the bill's id."""

    bill_id: str
    number: str
    pending: bool
    issued: date
    due: date
    first: date
    last: date
    currency: str
    locale: str
    seller: Party | None
    buyer: Party
    buyer_code: str
    order_number: str | None
    groups: tuple[LineGroup, ...]
    net: Decimal
    tax: Tax | None
    total: Decimal
    note: str | None = None
    iban: str | None = None
    logo: str | None = field(default=None, repr=False)

    @property
    def digits(self) -> int:
        """Digits after the point of an amount."""
        return minor_digits(self.currency)

    @property
    def lines(self) -> list[StatementLine]:
        """All lines by their numbers."""
        return sorted((line for group in self.groups for line in group.lines), key=lambda line: line.number)
