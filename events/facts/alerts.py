"""What notification rules found. Each finding is a fact, so it is raised once, and a replay raises nothing again
(decision 33).
"""

from datetime import date, datetime
from typing import ClassVar, Literal

from events.decimals import Number
from events.facts.base import Fact, Route


class Alert(Fact):
    """The condition of a rule came true. `id` follows from the rule, its subject and `arming`, the point from which the
    rule counts.
    """

    id: str
    rule_id: str
    rule_code: str
    event_name: str
    subject_id: str
    arming: str


class AlertRaised(Alert):
    """The condition of a rule came true for a commitment or balance, for the first time since the rule was armed.

    `amount` (with top-ups), `spent` and `remaining` are the subject's projected amounts at that time, in `currency`.
    `day` is the day that the rule is about: the subject's end, the day it runs out, or the end of its period.
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
    """An event that a rule waits for happened to an account, or to a commitment or bill of that account.

    `eventId` is the event's id; `arming` is its position in the event store.
    """

    account_id: str
    root_id: str
    event_id: str


class OrganizationAlertRaised(Alert):
    """A count over a whole organization reached a rule's threshold in `[since, until)`; `arming` is `since`.

    `counted`: refused usage records, or seconds by which the read models lagged behind.
    """

    route: ClassVar[Route] = Route.CATALOG

    threshold: Number
    counted: Number
    since: datetime
    until: datetime


class OrganizationNotified(Alert):
    """An event that a rule waits for happened to a resource of the whole organization, such as a plan or a price."""

    route: ClassVar[Route] = Route.CATALOG

    event_id: str
