"""Paths of accounts and contracts beyond the table's: the children of a parent; and end-dating, which ends every
running resource of an account or a contract on a day, in one transaction.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends
from pydantic import Field, create_model
from starlette.responses import Response

from events.resources.base import Model, Moment
from events.resources.bounds import Text
from projections.entities import Entity
from services.api.calls import Caller, organization_router
from services.api.commanding import Turn, in_turn, once
from services.api.forgetting import forget_account
from services.api.paging import Page, Paging
from services.api.resources import existing, page_of
from services.api.sent import Body, Sent
from services.api.shown import Shown, answer_of_kind, listed
from services.api.wire import answer, document_of
from services.commands.account_rules import ended_body
from services.commands.kind import BillingEntity, Kind
from services.commands.messages import UpdateResource
from services.commands.refused import CommandError
from services.commands.table import ENDED, KINDS
from services.store.billing_entities import BilledAccounts, accounts_of
from services.store.listing import SqlCondition

#: Most children on a page, by m3ter.
CHILDREN_MAX = 200
#: Children belong to their parent's family; the family's index finds them.
_CHILDREN = "e.root_id = {0} AND e.body->>'parentAccountId' = {0}"
_ACCOUNT = KINDS["account"]

router = organization_router("accounts")


@router.get("/accounts/{id}/children", response_model=listed(answer_of_kind(_ACCOUNT)))
async def children(call: Caller, id: str, page: Annotated[Page, Depends(Paging(CHILDREN_MAX))]) -> Response:
    """The children of this account, newest first; none if the account is a child itself."""
    async with call.reading() as connection:
        await existing(connection, call.organization, _ACCOUNT, id)
    return await page_of(call, _ACCOUNT, [SqlCondition(_CHILDREN, id)], page)


class ForgettingBody(Model):
    """POST forget."""

    reason: Text | None = None


_FORGETTING = Body(ForgettingBody, may_be_absent=True)


@router.post("/accounts/{id}/forget", response_model=answer_of_kind(_ACCOUNT))
async def forget(call: Caller, id: str, sent: Annotated[Sent[ForgettingBody], Depends(_FORGETTING)]) -> Response:
    """Forget the account's personal data, for ever: a tombstone is shown in its place from now on.

    Codes, ids and amounts stay, and so do bills and balances. Only in an organization with `personalData` ERASABLE.
    """

    async def work(turn: Turn) -> dict[str, Any]:
        await existing(turn.connection, call.organization, _ACCOUNT, id)
        done = await forget_account(turn, id, sent.read().body.reason)
        return document_of(done.after.accounts[id])

    return await once(call, sent, work)


class EndingBody(Model):
    """PUT enddatebillingentities. The end is exclusive; a day, or a date-time in the account's zone."""

    billing_entities: Annotated[tuple[BillingEntity, ...], Field(min_length=1, max_length=len(ENDED))]
    end_date: Moment
    apply_to_children: bool | None = None


class EndedEntities(Shown):
    """Ids of entities; m3ter's schema has only `empty`."""

    empty: bool
    ids: tuple[str, ...]


class FailedEntities(EndedEntities):
    """Ids of entities that stay unchanged, with the reason, by id."""

    reasons: dict[str, str]


def _by_kind(name: str, doc: str, of_kind: type[EndedEntities]) -> Any:
    fields: dict[str, Any] = {ended.lower(): (of_kind | None, Field(None, alias=ended)) for ended in ENDED}
    return create_model(name, __base__=Shown, __doc__=doc, __module__=__name__, **fields)


_Updated: Any = _by_kind("UpdatedByKind", "What was updated, of each that was asked for.", EndedEntities)
_Failed: Any = _by_kind("FailedByKind", "What could not be ended, of each that was asked for.", FailedEntities)


class EndingAnswer(Shown):
    """The result for each entity. An entity that already ends by the day is in neither list."""

    status_message: str
    updated_entities: _Updated
    failed_entities: _Failed


_BODY = Body(EndingBody)
_Asked = Annotated[Sent[EndingBody], Depends(_BODY)]


@router.put("/accounts/{id}/enddatebillingentities", response_model=EndingAnswer)
async def end_of_account(call: Caller, id: str, sent: _Asked) -> Response:
    """End the account's resources, and its children's if asked. Pricings: those of its own plans."""

    async with in_turn(call) as turn:
        await existing(turn.connection, call.organization, KINDS["account"], id)
        ended = await _end(turn, sent.read().body, id, None)
    return answer(ended)


@router.put("/contracts/{id}/enddatebillingentities", response_model=EndingAnswer)
async def end_of_contract(call: Caller, id: str, sent: _Asked) -> Response:
    """End the contract and the resources under it. Pricings: those of its account's own plans that it attaches."""

    async with in_turn(call) as turn:
        contract = await existing(turn.connection, call.organization, KINDS["contract"], id)
        ended = await _end(turn, sent.read().body, contract.body.account_id, id)
    return answer(ended)


async def _end(turn: Turn, body: EndingBody, account_id: str, contract_id: str | None) -> dict[str, Any]:
    organization, children = turn.call.organization, bool(body.apply_to_children)
    accounts = await accounts_of(turn.connection, organization, account_id, children=children)
    billed = BilledAccounts(organization, accounts, contract_id)
    kinds = {name: ENDED[name] for name in dict.fromkeys(body.billing_entities)}
    # All are found before any is changed, so the order in the request does not matter.
    entities_of = {name: await billed.of_kind(turn.connection, kind.name) for name, kind in kinds.items()}
    updated: dict[str, list[str]] = {}
    failed: dict[str, dict[str, str]] = {}
    for name, entities in entities_of.items():
        updated[name], failed[name] = await _end_each(turn, kinds[name], billed, entities, body.end_date)
    changed, refused = (sum(map(len, entities.values())) for entities in (updated, failed))
    return {
        "statusMessage": f"{changed} updated, {refused} failed",
        "updatedEntities": {name: {"empty": not ids, "ids": ids} for name, ids in updated.items()},
        "failedEntities": {
            name: {"empty": not reasons, "ids": list(reasons), "reasons": reasons} for name, reasons in failed.items()
        },
    }


async def _end_each(
    turn: Turn, kind: Kind, billed: BilledAccounts, entities: Sequence[Entity[Any]], end: date | datetime
) -> tuple[list[str], dict[str, str]]:
    """Ids of updated entities; and by id, the reason why another cannot end there. A refused entity is unchanged."""
    updated: list[str] = []
    failed: dict[str, str] = {}
    for entity in entities:
        try:
            body = ended_body(kind, entity, end, billed.zone_of(entity))
            if body is not None:
                await turn.execute(UpdateResource(kind.name, entity.id, body, entity.version, turn.now))
                updated.append(entity.id)
        except CommandError as error:
            failed[entity.id] = str(error)
    return updated, failed
