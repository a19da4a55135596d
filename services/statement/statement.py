"""The content of a statement: seller, buyer, lines in groups, their sum, the tax on it, and the total to be paid."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from events.facts.bills import LineType
from events.resources.accounts import Address
from projections.money import minor_digits


@dataclass(frozen=True, slots=True)
class Party:
    """A seller or buyer."""

    name: str
    address: Address
    #: The number that the tax office knows it by, and that of the register of companies.
    tax_number: str | None = None
    registration_number: str | None = None
    email_address: str | None = None

    @property
    def streets(self) -> list[str]:
        """The lines of the address above the town."""
        address = self.address
        return [
            line
            for line in (address.address_line1, address.address_line2, address.address_line3, address.address_line4)
            if line
        ]

    @property
    def written(self) -> list[str]:
        """The lines of the address as on an envelope."""
        address = self.address
        town = " ".join(part for part in (address.post_code, address.locality) if part)
        return [*self.streets, *(part for part in (town, address.region, address.country) if part)]


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A line of the bill. `first`, `last`: days of its service period, inclusive.

    `pieces` x `price` is `amount`, exactly: these are the units and their price or, where that is not exact, one piece
    (minus one for a negative amount) of the whole amount.
    """

    number: int
    id: str
    type: LineType
    text: str
    #: Code of the account whose charge it is; empty if that is the bill's account.
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
    """Lines that are shown together under a title. `account`: as in `StatementLine`."""

    title: str
    account: str
    lines: tuple[StatementLine, ...]


@dataclass(frozen=True, slots=True)
class Tax:
    """The tax on the sum of all lines. `rate`: percent; `amount`: in the bill's currency, rounded to its minor unit."""

    name: str
    rate: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """The content of a statement. `number`: the invoice's or, if there is none, the bill's id. `first`, `last`: days of
    the bill's period, inclusive. `net` + the tax's amount is `total`. `logo`: a PNG in base64.
    """

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
        """How many digits an amount in this currency has after the point."""
        return minor_digits(self.currency)

    @property
    def lines(self) -> list[StatementLine]:
        """All lines, sorted by number."""
        return sorted((line for group in self.groups for line in group.lines), key=lambda line: line.number)
