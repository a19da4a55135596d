"""GET automaticacts: acts of automatic rules, and their refusals (rules 12)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import Depends
from starlette.responses import Response

from events.absent import only_given
from events.actors import shown
from events.facts.automation import AutomaticRuleActed
from events.resources.automation import TOP_UP
from services.api.calls import Caller, organization_router
from services.api.paging import Page, Paging
from services.api.parameters import Text
from services.api.shown import Shown, listed
from services.store.alerts import AlertsAsked, Raised, alert_positions, alerts_at

router = organization_router("automaticacts")
_RULE, _ACCOUNT, _SUBJECT = Text("ruleId"), Text("accountId"), Text("resourceId")
_TYPES = (AutomaticRuleActed.__name__,)


class AutomaticAct(Shown):
    """An automatic rule acted on `day`, or was refused for `reason`.

    `resourceId` is the commitment or balance, for threshold billing the account; `found` is the amount left of it, or
    unbilled; `amount` the amount paid in, or the total of bill `billId`.
    """

    id: str
    rule_id: str
    rule_code: str
    action: Literal["TOP_UP", "BILL"]
    account_id: str
    resource_id: str
    outcome: Literal["DONE", "REFUSED"]
    reason: str | None = None
    day: date
    currency: str
    threshold: Decimal
    found: Decimal
    amount: Decimal | None = None
    bill_id: str | None = None
    dt_created: datetime
    created_by: str


@router.get("/automaticacts", response_model=listed(AutomaticAct))
async def acts(
    call: Caller,
    rule_id: Annotated[str | None, Depends(_RULE)],
    account_id: Annotated[str | None, Depends(_ACCOUNT)],
    resource_id: Annotated[str | None, Depends(_SUBJECT)],
    page: Annotated[Page, Depends(Paging())],
) -> Response:
    """Acts and refusals of automatic top-ups and threshold billing, newest first; also of deleted rules."""
    question = AlertsAsked(account_id=account_id, subject_id=resource_id, rule_id=rule_id)
    async with call.reading() as connection:
        positions = await alert_positions(
            connection, call.organization, question, page.before, page.fetched, types=_TYPES
        )
        acted = await alerts_at(connection, call.organization, page.shown(positions), call.api.generations.commands)
    return page.answer([_document(act) for act in acted], positions, lambda position: position)


def _document(act: Raised) -> dict[str, Any]:
    fact = act.fact
    assert isinstance(fact, AutomaticRuleActed)
    document = {
        "id": fact.id,
        "ruleId": fact.rule_id,
        "ruleCode": fact.rule_code,
        "action": "TOP_UP" if fact.event_name == TOP_UP else "BILL",
        "accountId": fact.account_id,
        "resourceId": fact.subject_id,
        "outcome": fact.outcome,
        "reason": fact.reason,
        "day": fact.day,
        "currency": fact.currency,
        "threshold": fact.threshold,
        "found": fact.found,
        "amount": fact.amount,
        "billId": fact.bill_id,
        "dtCreated": act.envelope.time,
        "createdBy": shown(act.envelope.actor),
    }
    return only_given(document)
