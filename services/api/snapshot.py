"""An account in the past: its state, and the plans and prices that rated it, as of a day and as known at a moment; and
the range of days and moments in which there is anything to see.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any, cast

from fastapi import Depends
from pydantic import create_model
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from events.absent import only_given
from projections.calendar import local_day
from projections.entities import AccountEntity, Entity
from services.api.answers import Preview
from services.api.as_known import AS_OF, KNOWN_AT, documents_settled, family_known
from services.api.calls import Caller, organization_router
from services.api.in_force import RATING_KINDS, is_in_force, rated_by
from services.api.insight_answers import PositionsShown
from services.api.resources import existing
from services.api.shown import Shown, answer_of_kind
from services.api.unbilled import unbilled_settled
from services.api.wire import answer, document_of
from services.commands.kind import Kind
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


class TimespanAnswer(Shown):
    """The first and last day on which an account has anything, and since when anything was known of it.

    `firstDay` is the first day of its commitments, balances, plans and the account itself, `lastDay` their last day, or
    today.
    """

    account_id: str
    timezone: str
    today: date
    first_day: date
    last_day: date
    first_known_at: datetime
    last_known_at: datetime


class _Snapshot(Shown):
    """An account as of a day, as known at a moment, all from one settlement. Account plans, and the prices of what they
    attach, are those in force that day; plans, plan groups, templates, aggregations and counters are those that these
    name.

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


def _list_of(kind: Kind) -> Any:
    shown: Any = answer_of_kind(kind)
    return tuple[shown, ...]


#: The answer, with a list for each kind that rates an account, by the rows of the kinds.
SnapshotAnswer = create_model(
    "SnapshotAnswer",
    __base__=_Snapshot,
    __doc__=_Snapshot.__doc__,
    **cast(dict[str, Any], {kind.attribute: (_list_of(kind), ...) for kind in RATING_KINDS}),
)


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
    """The answer: what the account has stands newest first, by what it is rated oldest first."""
    resources, day = family.resources, as_of or family.today
    account, settlement = resources.accounts[id], family.settled(as_of)
    zone, parent = account.timezone, resources.accounts.get(account.body.parent_account_id or "")
    children = [child for child in resources.accounts.values() if child.body.parent_account_id == id]
    commitments = [entity for entity in resources.commitments.values() if entity.body.account_id == id]
    balances = [entity for entity in resources.balances.values() if entity.body.account_id == id]
    plans = [plan for plan in resources.account_plans.values() if plan.body.account_id == id]
    in_force = _oldest(plan for plan in plans if is_in_force(plan, zone, day))
    document = {
        "asOf": day,
        "knownAt": known_at,
        "timezone": zone,
        "positions": family.positions.model_dump(),
        "account": document_of(account),
        "parent": None if parent is None else document_of(parent),
        "children": _documents(_newest(children)),
        "commitments": documents_settled(family, _newest(commitments), settlement),
        "balances": documents_settled(family, _newest(balances), settlement),
        "unbilled": unbilled_settled(family, settlement, id),
        "accountPlans": _documents(in_force),
    }
    for kind, entities in rated_by(resources, in_force, zone, day):
        document[to_camel(kind.attribute)] = _documents(entities)
    return only_given(document)


def _documents(entities: Iterable[Entity[Any]]) -> list[dict[str, Any]]:
    return [document_of(entity) for entity in entities]


def _oldest(entities: Iterable[Entity[Any]]) -> list[Entity[Any]]:
    return sorted(entities, key=lambda entity: entity.position)


def _newest(entities: Iterable[Entity[Any]]) -> list[Entity[Any]]:
    return _oldest(entities)[::-1]
