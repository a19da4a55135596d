"""Threshold billing: the unbilled amount of an account is billed as soon as it passes the threshold (rules 8.15)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from events.actors import rule as rule_actor
from events.facts.automation import AutomaticRuleActed
from events.resources.automation import ThresholdBilling
from projections.alerts.levels import armed_to_bill
from projections.alerts.rules import billing_rule
from projections.entities import AccountEntity, Entity
from projections.settlement import DraftBill, Family, draft_bills
from services.automation.acts import Due, acted, placed
from services.billing.issuing import Settled, append_page, issued_bill
from services.billing.selection import BillRequest
from services.concurrency import compute
from services.postgres import Postgres
from services.readside.family_now import load_page
from services.store.events import append, stream_version
from services.store.execute import load_locked, now_of
from services.store.generations import Generations
from services.store.streams import stream_of_alert
from services.store.view import get


class BillerAhead:
    """Issues the bills of threshold rules."""

    def __init__(self, postgres: Postgres, generations: Callable[[], Generations]) -> None:
        self._postgres, self._generations = postgres, generations

    async def act(self, organization: str, due: Due) -> AutomaticRuleActed | None:
        """Bill, or note the refusal; None: there is nothing to do (any more, or yet). Raises: temporary failures."""
        postgres = self._postgres.of(organization)
        async with postgres.connection() as connection:
            rule = await self._rule(connection, organization, due)
        families = await load_page(postgres, organization, [due.root_id]) if rule is not None else {}
        if rule is None or due.root_id not in families:
            return None
        loaded = families[due.root_id]
        draft = await compute(organization, draft_ahead, loaded.family, loaded.today, rule.body)
        if draft is None or armed_to_bill(loaded.family.billed, draft.account_id, draft.currency) != due.arming:
            return None
        due = replace(due, day=draft.bill_date)
        async with postgres.transaction() as connection:
            resources = await load_locked(connection, organization)
            account = await get(connection, organization, "account", due.account_id)
            again = await self._rule(connection, organization, due)
            done = await stream_version(connection, organization, stream_of_alert(due.id))
            if done or again is None or not isinstance(account, AccountEntity):
                return None
            now = now_of(resources)
            reason = why_not(loaded.family, draft)
            if reason is not None:
                fact = acted(due, rule, draft.total, reason=reason)
            else:
                request = BillRequest(organization, draft.bill_date, actor=rule_actor(rule.body.code))
                settled = Settled.of(loaded, [issued_bill(request, loaded, draft)], draft.account_id)
                [*bills], moved = await append_page(connection, [settled], now, due.id, request.actor)
                if moved:  # somebody has billed the family meanwhile: the rule is evaluated again
                    return None
                fact = acted(due, rule, draft.total, amount=draft.total, bill_id=bills[0].bill_id)
            await append(connection, [placed(organization, fact, account, now)], self._generations())
        return fact

    async def _rule(self, connection: Any, organization: str, due: Due) -> Entity[ThresholdBilling] | None:
        """The rule, if it is still the one behind the due row."""
        rule = await get(connection, organization, "thresholdBilling", due.rule_id)
        if rule is None or not rule.body.is_active or not due.is_found_by(billing_rule(rule)):
            return None
        return rule


def draft_ahead(family: Family, today: date, body: ThresholdBilling) -> DraftBill | None:
    """Everything unbilled of the rule's account, as a bill of the day; None if it does not exceed the threshold."""
    day = family.billed.through(today)
    for draft in draft_bills(family, date=day, account_id=body.account_id, accrued=True):
        if draft.currency == body.currency and draft.total > body.threshold:
            return draft
    return None


def why_not(family: Family, draft: DraftBill) -> str | None:
    """The reason against issuing the draft; None if there is none."""
    pending = family.billed.pending_of(draft.account_id).get(draft.currency)
    if pending is None:
        return None
    return f"bill {pending.bill_id} of {pending.bill_date} is pending: approve or delete it first"
