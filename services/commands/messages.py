"""The commands of clients. `now` is the organization's clock at the request: the time in the facts' envelopes.

Ids are made by the caller, so that deciding stays pure. `version` is the version that the client saw last; None without
one.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from events.decimals import Positive
from events.facts.commitments import CancelPolicy
from events.resources.balances import BalanceTransaction
from events.resources.base import Day, Model, Resource
from events.resources.organization import OrganizationConfig


class TopUp(Model):
    """The body of a top-up on the wire."""

    amount: Positive
    date: Day
    recurring: bool = False


class Cancellation(Model):
    """The body of a cancellation on the wire."""

    date: Day
    policy: CancelPolicy | None = None


@dataclass(frozen=True, slots=True)
class ConfigureOrganization:
    """Put the configuration; the first PUT creates the organization and needs no version."""

    body: OrganizationConfig
    version: int | None
    now: datetime


@dataclass(frozen=True, slots=True)
class CreateResource:
    """Create a resource. `kind` is a row of the table; `body` comes from `bodies.parse_body`."""

    kind: str
    id: str
    body: Resource
    now: datetime


@dataclass(frozen=True, slots=True)
class UpdateResource:
    """Replace the whole body. `effective`: the day from which new fees of a plan or its like, or new terms of a
    schedule, apply; None: fees from today on, terms from tomorrow on.
    """

    kind: str
    id: str
    body: Resource
    version: int | None
    now: datetime
    effective: date | None = None


@dataclass(frozen=True, slots=True)
class DeleteResource:
    """Delete a resource. `drawn`: the caller found that the commitment or balance has drawn or billed; `force` deletes
    it anyway.

    `effective`: the day from which a schedule has no effect; None: from tomorrow on.
    """

    kind: str
    id: str
    force: bool
    drawn: bool
    now: datetime
    effective: date | None = None


class ByRule(NamedTuple):
    """The automatic rule that gave the command."""

    id: str
    code: str

    def said(self) -> dict[str, str]:
        """The fact's members about the rule."""
        return {"rule_id": self.id, "rule_code": self.code}


@dataclass(frozen=True, slots=True)
class TopUpCommitment:
    """Raise the amount from `date`, a day of the account's zone, on; in the commitment's currency."""

    id: str
    amount: Decimal
    date: date
    recurring: bool
    version: int | None
    now: datetime
    rule: ByRule | None = None


@dataclass(frozen=True, slots=True)
class CancelCommitment:
    """End the commitment at `date`; without a policy TRUE_UP (MINIMUM) or ACCELERATE (PREPAYMENT) holds."""

    id: str
    date: date
    policy: CancelPolicy | None
    version: int | None
    now: datetime


@dataclass(frozen=True, slots=True)
class TransactBalance:
    """Put credit on the balance, or take it off."""

    id: str
    transaction: BalanceTransaction
    transaction_id: str
    now: datetime
    rule: ByRule | None = None


@dataclass(frozen=True, slots=True)
class ForgetAccount:
    """Destroy the keys of the account's personal data; `key_ids` are the existing ones, as the caller found them."""

    id: str
    key_ids: tuple[str, ...]
    reason: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class AdvanceClock:
    """Move an organization's test clock forward to `now`."""

    now: datetime


Command = (
    ConfigureOrganization
    | CreateResource
    | UpdateResource
    | DeleteResource
    | TopUpCommitment
    | CancelCommitment
    | TransactBalance
    | ForgetAccount
    | AdvanceClock
)
