"""The interface of players, with one method for each kind of step. `memory_player` plays through the pure functions,
`live_player` through HTTP and Kafka; both give the same results for the same file.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from events.resources.base import Resource

#: Required members of organizationconfig that a scenario may leave out.
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
    """The product refused a step. The message is in the file's words; `wire` is the message of the API."""

    def __init__(self, message: str, wire: str | None = None) -> None:
        super().__init__(message)
        self.wire = message if wire is None else wire


#: What the product did by itself, in the file's words.
Told = tuple[Mapping[str, Any], ...]
IsExpected = Callable[[Told], bool]
#: No code in a file can begin with this character: the YAML reader refuses it.
_NAMELESS = "\0"


def nameless(number: object) -> str:
    """A code for an entity without one in the file, different from all codes of files; it is shown nowhere."""
    return f"{_NAMELESS}{number}"


@dataclass(frozen=True, slots=True)
class WrittenEntity:
    """An entity as a scenario writes it, with defaults: references are codes, under the API's names without `Id`."""

    kind: str
    code: str
    line: int
    fields: Mapping[str, Any]

    @property
    def named(self) -> bool:
        """Whether readers of the file know it by its code; else only by its line."""
        return not self.code.startswith(_NAMELESS)

    @property
    def shown(self) -> str:
        """The entity's name in messages, after its kind."""
        return self.code if self.named else f"of line {self.line}"

    @property
    def title(self) -> str:
        """The entity's name in results."""
        return self.code if self.named else f"{self.kind} of line {self.line}"


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One usage record; `values` maps a category (measure, who, ...) to its fields.

    `source` is the publisher to whom the id `uid` belongs: SOURCE for ids in the file, STEPS for ids that are made.
    """

    source: str
    uid: str
    account: str
    meter: str
    ts: datetime
    #: The end of the usage, if it has one.
    ets: datetime | None
    values: Mapping[str, Mapping[str, Any]]


class Beside(NamedTuple):
    """The requested additions to bills. They cost a live play more calls, so only expected ones are requested."""

    #: Statements, which are bills as files (docs/how-to-invoice.md).
    statement: bool = False
    #: The months in which lines are earned (rules 13).
    months: bool = False


ONLY_LINES = Beside()


class Earned(NamedTuple):
    """The recognition of a line, and its amounts by month, such as `2026-01`."""

    recognition: str
    months: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class PlayedLine:
    """A bill line, with codes in place of ids. `period` is [start, end)."""

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
    #: The name of the charge that the line is for, or pays for, if the bill tells it.
    charge: str | None = None
    #: For a draw: the type of the charge that it pays.
    charge_type: str | None = None
    #: Its recognition, if that was requested.
    earned: Earned | None = None


@dataclass(frozen=True, slots=True)
class PlayedBill:
    """A bill, preview or unbilled view of an account, which is named by its code."""

    account: str
    total: Decimal
    currency: str
    date: date
    lines: Sequence[PlayedLine] = field(default_factory=tuple)
    #: Its statement, if that was requested.
    statement: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PlayedUnpriced:
    """Usage of an account without a price: kept and shown, never billed. `period` is [start, end)."""

    account: str
    aggregation: str
    segment: str
    quantity: Decimal
    period: tuple[date, date]


class Player(Protocol):
    """Plays steps, in the file's order. Every method may raise RefusedError."""

    def configure(self, fields: Mapping[str, Any]) -> None:
        """Create the organization with these fields of organizationconfig."""

    def configure_statements(self, fields: Mapping[str, Any]) -> None:
        """Set the texts of statements, with these fields of statementconfig."""

    def create(self, document: WrittenEntity) -> Resource:
        """Create an entity. Returns its body."""

    def update(self, kind: str, code: str, fields: Mapping[str, Any], effective: date | None = None) -> Resource:
        """Replace fields of an entity; null removes one. `effective`: the day from which new fees, or new terms of a
        schedule, hold.

        Returns the body after the update.
        """

    def delete(self, kind: str, code: str, force: bool, effective: date | None = None) -> None:
        """Delete an entity. `effective`: the day from which a deleted schedule gives nothing more."""

    def top_up(self, code: str, amount: Decimal, day: date, recurring: bool) -> None:
        """Raise a commitment's amount from `day` on; `recurring`: in its later periods, too."""

    def cancel(self, code: str, day: date, policy: str | None) -> None:
        """End a commitment on that day; `policy`: what happens to the rest, None for the default of its type."""

    def transact(self, code: str, amount: Decimal, day: date) -> None:
        """Put credit on a balance, or take it off."""

    def usage(self, record: UsageRecord) -> None:
        """Send a usage record. A record with the uid and content of an earlier one changes nothing. `arrive` completes
        it.
        """

    def void(self, account: str, uid: str) -> None:
        """Void the event that the file sent with this uid."""

    def amend(self, account: str, uid: str, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace all fields of the event that the file sent with this uid, by category."""

    def forget(self, account: str) -> None:
        """Forget the account's personal data for ever."""

    def arrive(self, doubted: bool) -> None:
        """Complete the sending of usage: records that are not refused count. Raises: RefusedError for the first refused
        one.

        With `doubted` it is raised here; else here or by a later step, by `finish` at the latest.
        """

    def finish(self) -> None:
        """End the story: usage that is still on its way arrives."""

    def approve(self, account: str) -> None:
        """Check that there is such an account; nothing else, because bills are issued at once."""

    def bill(self, day: date, account: str | None, beside: Beside = ONLY_LINES) -> list[PlayedBill]:
        """Issue what is due on or before the day, for all accounts or for one."""

    def journal(self, day: date, chart: Mapping[str, Any] | None) -> Told:
        """Post the journal of everything since the last one, by the chart of accounts; prepayments are closed up to the
        day.

        Returns the balance of each account of the ledger on the day.
        """

    def told(self, what: str, rule: str, is_expected: IsExpected) -> Told:
        """What the product did by itself, oldest first; a live player waits until it is as expected. `what`:
        `automatic` for the acts and refusals of an automatic rule, `alerts` for those that a rule found (both by the
        code `rule`), or `held` for usage that waits for its account or meter, or did so for too long.
        """

    def preview(self, account: str, day: date) -> list[PlayedBill]:
        """The bills that `bill` would issue for the account."""

    def unbilled(self, account: str, day: date) -> list[PlayedBill]:
        """What has arrived or is due and is not billed."""

    def unpriced(self, account: str) -> list[PlayedUnpriced]:
        """The account's usage without a price."""

    def commitment(self, code: str, day: date) -> Mapping[str, Any]:
        """The commitment as of the day, in the API's field names: its body and its derived fields."""

    def account(self, code: str) -> Mapping[str, Any]:
        """The account in the API's field names: its body and its version."""
