"""A rule's act: the due row in the read models, and the fact that it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self

from events.actors import rule as rule_actor
from events.facts.automation import AutomaticRuleActed
from events.resources.automation import AutomaticRule
from projections.alerts.due import alert_id
from projections.alerts.rules import Rule
from projections.entities import AccountEntity, Entity
from services.store.events import NewEvent
from services.store.streams import stream_of


@dataclass(frozen=True, slots=True)
class Due:
    """A row of `alerts_due`: an automatic rule that holds and has not acted. `remaining` and `folded` are those of its
    commitment or balance, as far as they are projected.
    """

    id: str
    root_id: str
    account_id: str
    rule_id: str
    event_name: str
    subject_id: str
    arming: str
    day: date
    remaining: Decimal | None = None
    folded: int | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """The due act in a row of the query."""
        return cls(**{name: row[name] for name in cls.__slots__})

    def is_found_by(self, rule: Rule | None) -> bool:
        """Whether the rule, in the command side's latest version, is the one behind this row."""
        return rule is not None and alert_id(rule, self.subject_id, self.arming) == self.id


def acted(due: Due, rule: Entity[Any], found: Decimal, **more: Any) -> AutomaticRuleActed:
    """The act's fact: done, with its effect; or, with a `reason`, refused."""
    body: AutomaticRule = rule.body
    return AutomaticRuleActed(
        id=due.id,
        rule_id=rule.id,
        rule_code=body.code,
        event_name=due.event_name,
        subject_id=due.subject_id,
        arming=due.arming,
        account_id=due.account_id,
        root_id=due.root_id,
        outcome="REFUSED" if "reason" in more else "DONE",
        day=due.day,
        currency=body.currency,
        threshold=body.threshold,
        found=found,
        **more,
    )


def placed(organization: str, fact: AutomaticRuleActed, account: AccountEntity, now: datetime) -> NewEvent:
    """The fact in its stream, which has one version, and in the account's partition."""
    actor, at_account = rule_actor(fact.rule_code), (now, account.id, account.partition)
    return NewEvent(organization, stream_of(fact), 1, fact, *at_account, correlation=fact.id, actor=actor)
