"""The rules of a story in memory, by the functions that the services use: alerts and automatic rules (rules 12)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from events.dates import EPOCH
from events.facts.automation import AutomaticRuleActed
from events.facts.bills import BillIssued
from events.resources.automation import TOP_UP
from events.resources.notifications import LEVELS
from projections.alerts.due import AlertDue, FamilyAlerts, Speed
from projections.alerts.levels import EXPECTED, expected_levels, settled_levels, unbilled_levels
from projections.alerts.rules import Rules, rules_of
from projections.calendar import local_day
from projections.entities import Entity
from projections.outlook.outlook import outlooks, used_before
from projections.resources import Resources
from projections.settlement import DraftBill, Family, Settlement, settled, unbilled_of
from services.automation.acts import Due, acted
from services.automation.billing_ahead import draft_ahead, why_not
from services.commands.automation_rules import top_up_commands
from services.commands.messages import Command
from services.commands.refused import CommandError
from services.simulate.memory_alerts import MemoryAlerts
from services.simulate.naming import noon

#: The time before the first step.
_BEFORE = EPOCH


class Doing(Protocol):
    """The organization that rules look at and act in."""

    resources: Resources

    def family(self, root_id: str) -> Family: ...
    def roots(self) -> list[str]: ...
    def command(self, command: Command) -> None: ...
    def issue_draft(self, draft: DraftBill) -> BillIssued: ...


@dataclass(slots=True)
class MemoryRules:
    """Alerts and acts of rules, oldest first. `now` is the latest moment that the story has reached, like the test
    clock of a live organization.
    """

    now: datetime = _BEFORE
    acts: list[AutomaticRuleActed] = field(default_factory=list)
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)
    _families: dict[str, FamilyAlerts] = field(default_factory=dict)

    def reach(self, moments: Iterable[datetime | date]) -> None:
        """Move the time forward to the latest of these moments, never back; a day stands for its noon."""
        for moment in moments:
            at = moment if isinstance(moment, datetime) else noon(moment)
            self.now = max(self.now, at)

    def follow(self, doing: Doing) -> None:
        """Act on everything that is due, and on what becomes due by these acts, until nothing is."""
        resources = doing.resources
        rules = rules_of(
            resources.notification_configurations.values(),
            resources.automatic_top_ups.values(),
            resources.threshold_billings.values(),
        )
        for root_id in doing.roots() if rules else ():
            while self._do_next(doing, rules, root_id):
                pass

    def _do_next(self, doing: Doing, rules: Rules, root_id: str) -> bool:
        """Raise all due alerts, or else carry out one act of an automatic rule. Returns whether anything was due."""
        settlement = settled(doing.family(root_id), self._today(doing, root_id))
        alerts = self._families.setdefault(root_id, FamilyAlerts())
        every = sorted(_all_due(alerts, rules, settlement, doing.resources), key=lambda due: due.id)
        levels = [due for due in every if due.event_name in LEVELS]
        for due in levels or every[:1]:
            alerts.note_raised(due.id)
            if levels:
                self.alerts.reached(doing.resources, due, root_id, settlement)
            elif (act := self._act(doing, due, root_id)) is not None:
                self.acts.append(act)
        return bool(every)

    def _today(self, doing: Doing, root_id: str) -> date:
        return local_day(self.now, doing.resources.accounts[root_id].timezone)

    def _act(self, doing: Doing, alert: AlertDue, root_id: str) -> AutomaticRuleActed | None:
        family = doing.family(root_id)
        assert alert.day is not None
        about = (alert.account_id, alert.rule_id, alert.event_name, alert.subject_id, alert.arming, alert.day)
        due = Due(alert.id, root_id, *about)
        if alert.event_name == TOP_UP:
            return self._top_up(doing, due, settled(family, due.day))
        billing = doing.resources.threshold_billings[due.rule_id]
        draft = draft_ahead(family, self._today(doing, root_id), billing.body)
        if draft is None:
            return None
        if (reason := why_not(family, draft)) is not None:
            return acted(due, billing, draft.total, reason=reason)
        return acted(due, billing, draft.total, amount=draft.total, bill_id=doing.issue_draft(draft).bill_id)

    def _top_up(self, doing: Doing, due: Due, settlement: Settlement) -> AutomaticRuleActed:
        resources = doing.resources
        rule = resources.automatic_top_ups[due.rule_id]
        fund: Any = resources.commitments.get(due.subject_id) or resources.balances[due.subject_id]
        left = settlement.states()[due.subject_id].amount_remaining
        try:
            for command in top_up_commands(rule, fund, due.day, due.id, self.now):
                doing.command(command)
        except CommandError as error:
            return acted(due, rule, left, reason=str(error))
        return acted(due, rule, left, amount=rule.body.amount)


def _all_due(alerts: FamilyAlerts, rules: Rules, settlement: Settlement, resources: Resources) -> Iterator[AlertDue]:
    yield from alerts.find(rules, settled_levels(settlement, resources, rules.names), Speed.BALANCES)
    unbilled = unbilled_levels(unbilled_of(settlement), settlement.family.billed, rules)
    yield from alerts.find(rules, unbilled, Speed.LINES)
    if not rules.names.isdisjoint(EXPECTED):
        expected = outlooks(settlement, used_before(settlement))
        yield from alerts.find(rules, expected_levels(expected, settlement, resources), Speed.OUTLOOKS)


def rule_called(resources: Resources, code: str) -> Entity[Any] | None:
    """The automatic rule with this code; None if there is none."""
    every: tuple[Entity[Any], ...] = (*resources.automatic_top_ups.values(), *resources.threshold_billings.values())
    return next((rule for rule in every if rule.body.code == code), None)
