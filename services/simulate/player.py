"""What plays a scenario: one method per kind of step. `memory` plays through the pure functions, a live player through
HTTP and Kafka; both give the same results for the same file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from events.resources.base import Resource

#: What organizationconfig requires, where a scenario does not say it.
DEFAULT_CONFIG: dict[str, Any] = {
    "timezone": "UTC",
    "currency": "USD",
    "yearEpoch": "1970-01-01",
    "monthEpoch": "1970-01-01",
    "weekEpoch": "1970-01-05",
    "dayEpoch": "1970-01-01",
    "daysBeforeBillDue": 14,
}


class RefusedError(Exception):
    """The product refused a step; the message says why, in the file's words. `wire` is the message as HTTP has it."""

    def __init__(self, message: str, wire: str | None = None) -> None:
        super().__init__(message)
        self.wire = message if wire is None else wire


#: What the product did by itself, in the story's words.
Told = tuple[Mapping[str, Any], ...]
IsExpected = Callable[[Told], bool]
#: No code of a file begins so: what reads it refuses the character.
_NAMELESS = "\0"


def nameless(number: object) -> str:
    """A code for what has none in the file, different from all that a file can hold; it goes nowhere else."""
    return f"{_NAMELESS}{number}"


@dataclass(frozen=True, slots=True)
class WrittenEntity:
    """An entity as a scenario writes it, with defaults filled in: references are codes under the name without `Id`."""

    kind: str
    code: str
    line: int
    fields: Mapping[str, Any]

    @property
    def named(self) -> bool:
        """Whether the reader of the file knows it by its code; else only by the line it stands on."""
        return not self.code.startswith(_NAMELESS)

    @property
    def shown(self) -> str:
        """How messages name it, after its kind."""
        return self.code if self.named else f"of line {self.line}"

    @property
    def title(self) -> str:
        """How results name it."""
        return self.code if self.named else f"{self.kind} of line {self.line}"


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One usage record on the wire; `values` maps category (measure, who, ...) to its fields.

    `source` is whose ids `uid` is one of: those of the file, or those that are made where it has none.
    """

    source: str
    uid: str
    account: str
    meter: str
    ts: datetime
    #: Its end, where it has one.
    ets: datetime | None
    values: Mapping[str, Mapping[str, Any]]


class Beside(NamedTuple):
    """What is asked of bills beside their lines. It costs a live play more calls, so only what is expected is asked."""

    #: What stands on them as files (docs/how-to-invoice.md).
    statement: bool = False
    #: In which months their lines are earned (rules 13).
    months: bool = False


ONLY_LINES = Beside()


class Earned(NamedTuple):
    """How a line is recognised, and its amount by month, such as `2026-01`."""

    recognition: str
    months: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class PlayedLine:
    """A bill line with codes for ids. `period` is [start, end)."""

    type: str
    amount: Decimal
    quantity: Decimal
    period: tuple[date, date]
    description: str
    true_up: bool = False
    product: str | None = None
    commitment: str | None = None
    balance: str | None = None
    segment: Mapping[str, str] | None = None
    child_account: str | None = None
    #: What the charge is called that the line is of or pays for, where the bill itself says so.
    charge: str | None = None
    #: Of a draw: the type of the charge it pays.
    charge_type: str | None = None
    #: Where it was asked.
    earned: Earned | None = None


@dataclass(frozen=True, slots=True)
class PlayedBill:
    """A bill, preview or unbilled view of an account, by code."""

    account: str
    total: Decimal
    currency: str
    date: date
    lines: Sequence[PlayedLine] = field(default_factory=tuple)
    #: What its statement says, where it was asked.
    statement: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PlayedUnpriced:
    """Usage of an account that no price holds for: kept, shown, never billed. `period` is [start, end)."""

    account: str
    aggregation: str
    segment: str
    quantity: Decimal
    period: tuple[date, date]


class Player(Protocol):
    """Plays steps in the order of their arrival. Every method may raise RefusedError."""

    def configure(self, fields: Mapping[str, Any]) -> None:
        """Bring the organization into being with these organizationConfig fields."""

    def configure_statements(self, fields: Mapping[str, Any]) -> None:
        """Say what stands on statements beside the bill, with these statementConfig fields."""

    def create(self, document: WrittenEntity) -> Resource:
        """Create an entity. Returns its body."""

    def update(self, kind: str, code: str, fields: Mapping[str, Any], effective: date | None = None) -> Resource:
        """Replace fields of an entity; null takes one out. `effective`: from when on new fees, or new terms of a
        schedule, hold.

        Returns its body as it is then.
        """

    def delete(self, kind: str, code: str, force: bool, effective: date | None = None) -> None:
        """Delete an entity. `effective`: from when on a schedule gives nothing more."""

    def top_up(self, code: str, amount: Decimal, day: date, recurring: bool) -> None:
        """Raise what a commitment is for by `amount` from `day` on; `recurring`: in its later periods, too."""

    def cancel(self, code: str, day: date, policy: str | None) -> None:
        """End a commitment on that day; `policy` says what becomes of the rest, None is its kind's default."""

    def transact(self, code: str, amount: Decimal, day: date) -> None:
        """Put credit on a balance, or take it off."""

    def usage(self, record: UsageRecord) -> None:
        """Send a usage record; one that came before, uid and content, changes nothing. It arrives with `arrive`."""

    def void(self, account: str, uid: str) -> None:
        """Take out the event that the file sent under this uid."""

    def amend(self, account: str, uid: str, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Give it these fields by category, and no others."""

    def forget(self, account: str) -> None:
        """Forget the account's personal data, for ever."""

    def arrive(self, doubted: bool) -> None:
        """What was sent is on its way; what is not refused of it counts. Raises: RefusedError for the first that is.

        With `doubted` that is raised here, else by a later step or by `finish` at the latest.
        """

    def finish(self) -> None:
        """The story is over: what is still on its way arrives."""

    def approve(self, account: str) -> None:
        """Nothing, if there is such an account: bills are issued at once."""

    def bill(self, day: date, account: str | None, beside: Beside = ONLY_LINES) -> list[PlayedBill]:
        """Issue what is due on or before the day, of all accounts or of one."""

    def journal(self, day: date, chart: Mapping[str, Any] | None) -> Told:
        """Post the journal of what came since the one before it, which closes prepayments up to the day, by the chart
        of accounts. What each account of the ledger stands at by the end of the day."""

    def told(self, what: str, rule: str, is_expected: IsExpected) -> Told:
        """What the product did by itself, oldest first; waited for until it is as expected. `what` is `automatic`, what
        an automatic rule did or was refused, `alerts`, what a rule found, both by the code of the `rule`, or `held`:
        usage that waits for its account or meter, or did for too long."""

    def preview(self, account: str, day: date) -> list[PlayedBill]:
        """What `bill` would issue for the account."""

    def unbilled(self, account: str, day: date) -> list[PlayedBill]:
        """What has arrived or is due and is not billed."""

    def unpriced(self, account: str) -> list[PlayedUnpriced]:
        """Usage of the account that no price holds for."""

    def commitment(self, code: str, day: date) -> Mapping[str, Any]:
        """The commitment in the wire's field names as of the day: its body and its derived fields."""

    def account(self, code: str) -> Mapping[str, Any]:
        """The account in the wire's field names: its body and its version."""
