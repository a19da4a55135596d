"""What rules found: facts like any others, so each is raised once, and a replay raises nothing anew (decision 33)."""

from datetime import date, datetime
from typing import ClassVar, Literal

from events.decimals import Number
from events.facts.base import Fact, Route


class Alert(Fact):
    """What a rule waits for came to be. `id` follows from the rule, its subject and `arming`, which says since when."""

    id: str
    rule_id: str
    rule_code: str
    event_name: str
    subject_id: str
    arming: str


class AlertRaised(Alert):
    """What a rule waits for came to hold of a commitment or balance, for the first time since it was armed.

    `amount` (with top-ups), `spent` and `remaining` are the subject's, in `currency`, as they were projected when it
    was raised; `day` is the one that the rule is about: when it ends, runs out, or its period is over.
    """

    threshold: Number | None = None
    account_id: str
    root_id: str
    subject_kind: Literal["PREPAYMENT", "MINIMUM", "BALANCE"]
    day: date | None = None
    as_of: date
    currency: str
    amount: Number
    spent: Number
    remaining: Number


class AccountNotified(Alert):
    """An event that a rule waits for happened to an account, or to something that belongs to it: a commitment, a bill.

    `eventId` is the event's; `arming` its position in the event store.
    """

    account_id: str
    root_id: str
    event_id: str


class OrganizationAlertRaised(Alert):
    """Something of a whole organization reached what a rule waits for, in `[since, until)`; `arming` is `since`.

    `counted`: records of usage that were refused, or for how many seconds read models had not shown what was there.
    """

    route: ClassVar[Route] = Route.CATALOG

    threshold: Number
    counted: Number
    since: datetime
    until: datetime


class OrganizationNotified(Alert):
    """An event that a rule waits for happened to something of the whole organization: a plan, a price."""

    route: ClassVar[Route] = Route.CATALOG

    event_id: str
