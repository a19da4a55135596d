"""A whole organization in memory: what a story's steps change, and what they see.

Its automatic rules find and act by the functions that the services run (rules 12).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid5

from events.envelope import NAMESPACE, seal
from events.facts.automation import AutomaticRuleActed
from events.facts.base import Fact
from events.facts.bills import BillIssued, Positions
from events.facts.resources import ResourceFact
from events.resources.automation import TOP_UP
from projections.alerts.due import AlertDue, FamilyAlerts, Speed
from projections.alerts.levels import settled_levels, unbilled_levels
from projections.alerts.rules import Rules, rules_of
from projections.calendar import local_day
from projections.entities import Entity
from projections.rating.index import FamilyIndex
from projections.resources import Resources
from projections.settlement import Billed, DraftBill, Family, Settlement, compile_terms, issue, settled, unbilled_of
from services.automation.acts import Due, acted
from services.automation.billing_ahead import draft_ahead, why_not
from services.commands.automation_rules import top_up_commands
from services.commands.decide import decide
from services.commands.errors import CommandError
from services.commands.messages import Command
from services.simulate.memory_ingest import MemoryUsage
from services.simulate.naming import noon
from services.simulate.wording import as_told

#: Time before anything happens.
_BEFORE = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class MemoryRules:
    """The rules' acts, oldest first. Its time is the latest that the story has reached, as a live organization's test
    clock is moved."""

    now: datetime = _BEFORE
    acts: list[AutomaticRuleActed] = field(default_factory=list)
    _alerts: dict[str, FamilyAlerts] = field(default_factory=dict)

    def reach(self, moments: Iterable[datetime | date]) -> None:
        """Time moves on, never back; a day is reached at its noon."""
        for moment in moments:
            at = moment if isinstance(moment, datetime) else noon(moment)
            self.now = max(self.now, at)

    def follow(self, organization: "MemoryOrganization") -> None:
        """Do what is due, and what is due by that, until nothing is."""
        resources = organization.resources
        rules = rules_of((), resources.automatic_top_ups.values(), resources.threshold_billings.values())
        for root_id in organization.roots() if rules else ():
            while (due := self._next(organization, rules, root_id)) is not None:
                self._alerts[root_id].note_raised(due.id)
                if (act := self._act(organization, due, root_id)) is not None:
                    self.acts.append(act)

    def _today(self, organization: "MemoryOrganization", root_id: str) -> date:
        return local_day(self.now, organization.resources.accounts[root_id].timezone)

    def _next(self, organization: "MemoryOrganization", rules: Rules, root_id: str) -> AlertDue | None:
        settlement = settled(organization.family(root_id), self._today(organization, root_id))
        alerts = self._alerts.setdefault(root_id, FamilyAlerts())
        return min(_all_due(alerts, rules, settlement, organization.resources), key=lambda due: due.id, default=None)

    def _act(self, organization: "MemoryOrganization", alert: AlertDue, root_id: str) -> AutomaticRuleActed | None:
        family, today = organization.family(root_id), self._today(organization, root_id)
        assert alert.day is not None
        about = (alert.account_id, alert.rule_id, alert.event_name, alert.subject_id, alert.arming, alert.day)
        due = Due(alert.id, root_id, *about)
        if alert.event_name == TOP_UP:
            return self._top_up(organization, due, settled(family, due.day))
        billing = organization.resources.threshold_billings[due.rule_id]
        draft = draft_ahead(family, today, billing.body)
        if draft is None:
            return None
        if (reason := why_not(family, draft)) is not None:
            return acted(due, billing, draft.total, reason=reason)
        return acted(due, billing, draft.total, amount=draft.total, bill_id=organization.issue_draft(draft).bill_id)

    def _top_up(self, organization: "MemoryOrganization", due: Due, settlement: Settlement) -> AutomaticRuleActed:
        resources = organization.resources
        rule = resources.automatic_top_ups[due.rule_id]
        fund: Any = resources.commitments.get(due.subject_id) or resources.balances[due.subject_id]
        left = settlement.states()[due.subject_id].amount_remaining
        try:
            for command in top_up_commands(rule, fund, due.day, due.id, self.now):
                organization.command(command)
        except CommandError as error:
            return acted(due, rule, left, reason=str(error))
        return acted(due, rule, left, amount=rule.body.amount)


def _all_due(alerts: FamilyAlerts, rules: Rules, settlement: Settlement, resources: Resources) -> Iterator[AlertDue]:
    yield from alerts.find(rules, settled_levels(settlement, resources, rules.names), Speed.BALANCES)
    yield from alerts.find(rules, unbilled_levels(unbilled_of(settlement), settlement.family.billed), Speed.LINES)


def rule_called(resources: Resources, code: str) -> Entity[Any] | None:
    """The automatic rule of this code."""
    every: tuple[Entity[Any], ...] = (*resources.automatic_top_ups.values(), *resources.threshold_billings.values())
    return next((rule for rule in every if rule.body.code == code), None)


def act_document(act: AutomaticRuleActed) -> dict[str, Any]:
    """An act by the names that GET automaticacts has, as far as a story tells it."""
    told = {
        "date": act.day.isoformat(),
        "outcome": act.outcome,
        "amount": act.amount,
        "found": act.found,
        "reason": act.reason,
    }
    return as_told(told)


ORGANIZATION = str(uuid5(NAMESPACE, "simulate"))


class MemoryOrganization:
    """Its resources, usage and bills. Time stands still: what is due follows from the dates that steps name; automatic
    rules alone have a time, the latest that the story has reached."""

    def __init__(self) -> None:
        self.resources = Resources(ORGANIZATION)
        self.index = FamilyIndex()
        self.used = MemoryUsage()
        self.billed: dict[str, Billed] = {}
        self.rules = MemoryRules()
        #: What results call everything that was ever created, by id: lines may name what was deleted since.
        self._codes: dict[str, str] = {}
        #: How messages call what the file names, by id.
        self._called: dict[str, str] = {}
        self._bills = 0
        self._sequence = 0
        self._now = datetime(1970, 1, 1, tzinfo=UTC)

    def roots(self) -> list[str]:
        """The accounts that have no parent."""
        return [account.id for account in self.resources.accounts.values() if account.root_id == account.id]

    def family(self, root_id: str) -> Family:
        """The family of a root account as it is now."""
        terms = compile_terms(self.resources, root_id, self.index)
        totals = {key: days for key, days in self.used.totals.items() if key[0] in terms.accounts}
        return Family(terms, totals, self.billed.setdefault(root_id, Billed()))

    def issue_draft(self, draft: DraftBill) -> BillIssued:
        """The draft becomes a bill."""
        self._bills += 1
        bill_id = str(uuid5(NAMESPACE, f"simulate/bill/{self._bills}"))
        positions = Positions(partition=0, log=self._sequence, catalog=self._sequence)
        fact = issue(draft, bill_id=bill_id, positions=positions)
        self.billed.setdefault(draft.root_id, Billed()).evolve(fact)
        return fact

    def command(self, command: Command) -> None:
        """Decide what is asked, and apply it. Raises: CommandError."""
        for fact in decide(self.resources, command, 1):
            self._apply(fact)

    def _apply(self, fact: Fact) -> None:
        self._sequence += 1
        account = fact.id if isinstance(fact, ResourceFact) else None
        envelope = seal(
            fact,
            source="commands/simulate",
            sequence=self._sequence,
            organization=ORGANIZATION,
            time=self._now,
            account=account,
        )
        self.resources.evolve(envelope)
        self.index.evolve(envelope)
