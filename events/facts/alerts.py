"""What a rule found: a fact like any other, so it is raised once, and a replay raises nothing anew (decision 32)."""

from datetime import date
from typing import Literal

from events.decimals import Number
from events.facts.base import Fact


class AlertRaised(Fact):
    """What a rule waits for came to hold of a commitment or balance, for the first time since it was armed.

    `id` follows from the rule, its subject and `arming`, which says since when. `amount` (with top-ups), `spent` and
    `remaining` are the subject's, in `currency`, as they were projected when it was raised; `day` is the one that the
    rule is about: when it ends, runs out, or its period is over.
    """

    id: str
    rule_id: str
    rule_code: str
    event_name: str
    threshold: Number | None = None
    account_id: str
    root_id: str
    subject_id: str
    subject_kind: Literal["PREPAYMENT", "MINIMUM", "BALANCE"]
    arming: str
    day: date | None = None
    as_of: date
    currency: str
    amount: Number
    spent: Number
    remaining: Number
