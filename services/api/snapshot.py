"""An account as it was: what it had, and by which plans and prices it was rated, as of a day and as known at a moment;
and between which days and moments there is anything to see.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import Depends
from starlette.responses import Response

from events.absent import only_given
from projections.calendar import local_day, named_days, within
from projections.entities import AccountEntity, Entity
from projections.resources import Resources
from services.api.answers import Preview
from services.api.as_known import AS_OF, KNOWN_AT, documents_settled, family_known
from services.api.calls import Caller, organization_router
from services.api.insight_answers import PositionsShown
from services.api.resources import existing
from services.api.shown import Shown, answer_of_kind
from services.api.unbilled import unbilled_settled
from services.api.wire import answer, document_of
from services.commands.refused import UnknownResource
from services.commands.table import KINDS
from services.concurrency import compute
from services.readside.loading import day_of
from services.readside.past.known_family import KnownFamily, first_known, read_terms

router = organization_router("accounts")

_ACCOUNT = KINDS["account"]
_Account: Any = answer_of_kind(_ACCOUNT)
_Commitment: Any = answer_of_kind(KINDS["commitment"])
_Balance: Any = answer_of_kind(KINDS["balance"])
_Attached: Any = answer_of_kind(KINDS["accountPlan"])
_Plan: Any = answer_of_kind(KINDS["plan"])
_Template: Any = answer_of_kind(KINDS["planTemplate"])
_Price: Any = answer_of_kind(KINDS["pricing"])
_Aggregation: Any = answer_of_kind(KINDS["aggregation"])


class TimespanAnswer(Shown):
    """Days on which an account has anything, both inclusive, and moments at which anything was known of it.

    `firstDay` is the first one of its commitments, balances, plans and itself, `lastDay` the last one, or today.
    """

    account_id: str
    timezone: str
    today: date
    first_day: date
    last_day: date
    first_known_at: datetime
    last_known_at: datetime


class SnapshotAnswer(Shown):
    """An account as of a day, as known at a moment, all of one settlement. Plans and prices are those in force that
    day, templates and aggregations those that they name.

    `unbilled` is what had been used, or had become due, by the end of that day, less what bills dated by it charged:
    neither later usage nor a later bill is in it. Without `asOf` it has all usage that had arrived.
    """

    as_of: date
    known_at: datetime | None = None
    timezone: str
    positions: PositionsShown
    account: _Account
    parent: _Account | None = None
    children: tuple[_Account, ...]
    commitments: tuple[_Commitment, ...]
    balances: tuple[_Balance, ...]
    unbilled: Preview
    account_plans: tuple[_Attached, ...]
    plans: tuple[_Plan, ...]
    plan_templates: tuple[_Template, ...]
    pricings: tuple[_Price, ...]
    aggregations: tuple[_Aggregation, ...]


@router.get("/accounts/{id}/snapshot", response_model=SnapshotAnswer)
async def snapshot(
    call: Caller,
    id: str,
    as_of: Annotated[date | None, Depends(AS_OF)],
    known_at: Annotated[datetime | None, Depends(KNOWN_AT)],
) -> Response:
    """The account with what it had, and had not been billed, on a service day, as known at a moment of log time."""
    family = await family_known(call, "account", id, as_of, known_at)
    if id not in family.resources.accounts:
        raise UnknownResource(kind="account", id=id)
    return answer(await compute(call.organization, _snapshot, family, id, as_of, known_at))


@router.get("/accounts/{id}/timespan", response_model=TimespanAnswer)
async def timespan(call: Caller, id: str) -> Response:
    """Between which days there is anything of the account to see, and since when anything was known of it."""
    async with call.reading() as connection:
        resources = await call.configured(connection)
        account = await existing(connection, call.organization, _ACCOUNT, id)
        assert isinstance(account, AccountEntity)
        first, last = await read_terms(connection, call.organization, id, account.timezone)
    today = await day_of(call.postgres, resources, account, account)
    created = local_day(account.created, account.timezone)
    now = datetime.now(UTC)
    known_since = await first_known(call.postgres, call.api.cluster, call.organization, id)
    document = {
        "accountId": id,
        "timezone": account.timezone,
        "today": today,
        "firstDay": min(day for day in (first, created, today) if day is not None),
        "lastDay": max(day for day in (last, created, today) if day is not None),
        "firstKnownAt": min(known_since or now, now),
        "lastKnownAt": now,
    }
    return answer(document)


def _snapshot(family: KnownFamily, id: str, as_of: date | None, known_at: datetime | None) -> dict[str, Any]:
    resources, day = family.resources, as_of or family.today
    account, settlement = resources.accounts[id], family.settled(as_of)
    attached = _in_force(
        [attached for attached in resources.account_plans.values() if attached.body.account_id == id],
        account.timezone,
        day,
    )
    plans = _named(resources.plans, {plan.body.plan_id for plan in attached})
    templates = _named(resources.plan_templates, {plan.body.plan_template_id for plan in plans})
    of_plans = {plan.id for plan in plans} | {template.id for template in templates}
    pricings = _in_force(
        [
            pricing
            for pricing in resources.pricings.values()
            if {pricing.body.plan_id, pricing.body.plan_template_id} & of_plans
        ],
        account.timezone,
        day,
    )
    aggregations = _named(resources.aggregations, {price.body.aggregation_id for price in pricings})
    funds = {
        name: documents_settled(
            family, _newest(fund for fund in funds.values() if fund.body.account_id == id), settlement
        )
        for name, funds in (("commitments", resources.commitments), ("balances", resources.balances))
    }
    children = [child for child in resources.accounts.values() if child.body.parent_account_id == id]
    document: dict[str, Any] = {
        "asOf": day,
        "knownAt": known_at,
        "timezone": account.timezone,
        "positions": family.positions.model_dump(),
        "account": document_of(account),
        "parent": _parent(resources, account),
        "children": [document_of(child) for child in _newest(children)],
        **funds,
        "unbilled": unbilled_settled(family, settlement, id),
        "accountPlans": [document_of(plan) for plan in attached],
        "plans": [document_of(plan) for plan in plans],
        "planTemplates": [document_of(template) for template in templates],
        "pricings": [document_of(price) for price in pricings],
        "aggregations": [document_of(aggregation) for aggregation in aggregations],
    }
    return only_given(document)


def _parent(resources: Resources, account: AccountEntity) -> dict[str, Any] | None:
    parent = resources.accounts.get(account.body.parent_account_id or "")
    return None if parent is None else document_of(parent)


def _in_force(entities: list[Any], zone: str, day: date) -> list[Any]:
    """Those whose term has the day, in the order in which they were made."""
    kept = []
    for entity in entities:
        if within(day, *named_days(entity.body.start_date, entity.body.end_date, zone)):
            kept.append(entity)
    return sorted(kept, key=lambda entity: entity.position)


def _named(entities: dict[str, Any], ids: set[str | None]) -> list[Any]:
    return sorted((entities[id] for id in ids if id in entities), key=lambda entity: entity.position)


def _newest(entities: Any) -> list[Entity[Any]]:
    return sorted(entities, key=lambda entity: entity.position, reverse=True)
