"""Deliveries to webhook destinations: listed with their states, sent again, and test deliveries."""

from typing import Annotated, Any, get_args
from uuid import uuid4

from fastapi import Depends
from starlette.responses import Response

from events.absent import only_given
from services.api.calls import Caller, organization_router
from services.api.commanding import Turn, once
from services.api.filters import Conditions
from services.api.paging import Page, Paging
from services.api.parameters import Choice
from services.api.resources import existing
from services.api.sent import Anything, Body, Sent, Unread
from services.api.shown import listed
from services.api.webhook_answers import DeliveriesReplay, DeliveryShown, ReplayedShown
from services.api.webhooks import KIND, PATH
from services.api.wire import answer, encode
from services.commands.refused import InvalidField, UnknownResource
from services.store.listing import SqlCondition
from services.webhooks.deliveries import (
    HAS_STATUS,
    TEST,
    Delivery,
    New,
    Status,
    add,
    dead_deliveries,
    get_delivery,
    page_of_deliveries,
    send_again,
)
from services.webhooks.destinations import end_rest

router = organization_router(KIND.path)
_DELIVERIES = f"{PATH}/{{id}}/deliveries"
_FILTERS = Conditions({Choice("status", get_args(Status)): HAS_STATUS})
#: Most deliveries that one request sends again.
REPLAY_MAX = 1_000


@router.post(f"{PATH}/{{id}}/test", response_model=DeliveryShown)
async def test(call: Caller, id: str, sent: Annotated[Unread, Depends(Anything())]) -> Response:
    """Send a test delivery to a webhook destination; its state tells the result."""

    async def work(turn: Turn) -> dict[str, Any]:
        entity = await existing(turn.connection, call.organization, KIND, id)
        if not entity.body.is_active:
            raise InvalidField(field="active", rule="must be true: nothing is sent to a destination that is not")
        made = str(uuid4())
        data = {"organization": call.organization, "webhookId": id}
        body = encode({"type": TEST, "timestamp": turn.now, "data": data}).decode()
        delivery = New(f"msg_{made.replace('-', '')}", None, TEST, made, body)
        await end_rest(turn.connection, call.organization, id)
        await add(turn.connection, call.organization, id, [delivery])
        stored = await get_delivery(turn.connection, call.organization, id, delivery.id)
        if stored is None:
            raise InvalidField(field="id", rule="names a destination that has no secret: rotate it first")
        return _document(stored)

    return await once(call, sent, work)


@router.get(_DELIVERIES, response_model=listed(DeliveryShown))
async def list_deliveries(
    call: Caller,
    id: str,
    wanted: Annotated[list[SqlCondition], Depends(_FILTERS)],
    page: Annotated[Page, Depends(Paging())],
) -> Response:
    """Deliveries to a webhook destination, newest first; those that have ended are listed for a month."""
    async with call.looking() as connection:
        await existing(connection, call.organization, KIND, id)
        conditions = [*wanted, *page.older("d.number")]
        deliveries = await page_of_deliveries(connection, call.organization, id, conditions, page.fetched)
    return page.answer(
        [_document(delivery) for delivery in page.shown(deliveries)], deliveries, lambda delivery: delivery.number
    )


@router.post(f"{_DELIVERIES}/replay", response_model=ReplayedShown)
async def replay_dead(
    call: Caller, id: str, sent: Annotated[Sent[DeliveriesReplay], Depends(Body(DeliveriesReplay, may_be_absent=True))]
) -> Response:
    """Send again deliveries that were given up, the oldest first."""

    async def work(turn: Turn) -> dict[str, Any]:
        await existing(turn.connection, call.organization, KIND, id)
        most = sent.read().body.most or REPLAY_MAX
        dead = await dead_deliveries(turn.connection, call.organization, id, most + 1)
        replayed = await send_again(turn.connection, call.organization, id, dead[:most])
        return {"replayed": replayed, "more": len(dead) > most}

    return await once(call, sent, work)


@router.get(f"{_DELIVERIES}/{{deliveryId}}", response_model=DeliveryShown)
async def get_one(call: Caller, id: str, deliveryId: str) -> Response:
    """A delivery, with its content."""
    async with call.looking() as connection:
        await existing(connection, call.organization, KIND, id)
        return answer(
            _document(_require(await get_delivery(connection, call.organization, id, deliveryId), deliveryId))
        )


@router.post(f"{_DELIVERIES}/{{deliveryId}}/replay", response_model=DeliveryShown)
async def replay_one(call: Caller, id: str, deliveryId: str, sent: Annotated[Unread, Depends(Anything())]) -> Response:
    """Send again a delivery that was delivered or given up; the receiver sees the same id."""

    async def work(turn: Turn) -> dict[str, Any]:
        await existing(turn.connection, call.organization, KIND, id)
        organization, connection = call.organization, turn.connection
        delivery = _require(await get_delivery(connection, organization, id, deliveryId), deliveryId)
        if delivery.status not in ("DELIVERED", "DEAD"):
            raise InvalidField(field="deliveryId", rule="must be of a delivery that was made, or given up")
        await send_again(connection, organization, id, [deliveryId])
        return _document(_require(await get_delivery(connection, organization, id, deliveryId), deliveryId))

    return await once(call, sent, work)


def _require(delivery: Delivery | None, id: str) -> Delivery:
    if delivery is None:
        raise UnknownResource(kind="delivery", id=id)
    return delivery


def _document(delivery: Delivery) -> dict[str, Any]:
    members = {
        "id": delivery.id,
        "eventId": delivery.event_id,
        "eventType": delivery.event_type,
        "subject": delivery.subject,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "dtCreated": delivery.made,
        "nextAttempt": delivery.next_attempt,
        "lastAttempt": delivery.last_attempt,
        "lastStatus": delivery.last_status,
        "lastError": delivery.last_error,
        "ended": delivery.ended,
        "body": delivery.body,
    }
    return only_given(members)
