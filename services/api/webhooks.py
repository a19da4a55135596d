"""Webhook destinations in m3ter's wire shape: created, changed, switched and deleted, each with its row and secret in
the transaction of the fact.

Lists and GET are made from the table, like those of other kinds (`resources.py`). A secret is in the answer that made
it, and in no answer that is stored for an Idempotency-Key: if it is lost, it must be rotated.
"""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends
from starlette.responses import Response

from events.resources.webhooks import Webhook
from projections.entities import Entity
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, in_turn, once
from services.api.parameters import Flag
from services.api.resources import existing
from services.api.sent import Body, Sent
from services.api.webhook_answers import SIGNED, Credentials, WebhookBody, WebhookShown
from services.api.wire import answer, document_of
from services.commands.bodies import parse_model, unread_of
from services.commands.messages import CreateResource, DeleteResource, UpdateResource
from services.commands.refused import InvalidField
from services.commands.table import KINDS
from services.webhooks.addresses import ForbiddenAddressError, NotHttpsError
from services.webhooks.destinations import DESTINATIONS_MAX, count_destinations, drop_destination, put_destination
from services.webhooks.kept_secrets import OVERLAP, replace_secret
from services.webhooks.signing import BYTES, secret_of

KIND = KINDS["webhook"]
PATH = f"/{KIND.path}"
router = organization_router(KIND.path)
_UNREAD = tuple(name for name in unread_of(KIND) if name != "credentials")
_CREATED = Body(WebhookBody, _UNREAD)
_UPDATED = Body(
    WebhookBody, tuple(name for name in _UNREAD if name != "version"), version="required", title="WebhookUpdate"
)


@router.post(PATH, response_model=WebhookShown, name="create webhook")
async def create(call: Caller, sent: Annotated[Sent[WebhookBody], Depends(_CREATED)]) -> Response:
    """Create a webhook destination: from now on events that its filter lets pass are sent there.

    The answer has the secret that signs requests, once: it cannot be read again.
    """

    async def work(turn: Turn) -> dict[str, Any]:
        body, credentials = _read(sent.read().document)
        _check_address(call, body.url)
        if await count_destinations(turn.connection, call.organization) >= DESTINATIONS_MAX:
            raise InvalidField(field="body", rule=f"would be more than the {DESTINATIONS_MAX} an organization may have")
        id = str(uuid4())
        done = await turn.execute(CreateResource(KIND.name, id, body, turn.now))
        await put_destination(turn.connection, call.organization, id, body)
        secret = credentials.secret or secret_of(secrets.token_bytes(BYTES))
        await _replace(turn, id, secret)
        return _document(KIND.held(done.after)[id], None if credentials.secret else secret)

    return await once(call, sent, work, kept=_without_secret)


@router.put(f"{PATH}/{{id}}", response_model=WebhookShown, name="update webhook")
async def update(call: Caller, id: str, sent: Annotated[Sent[WebhookBody], Depends(_UPDATED)]) -> Response:
    """Change a webhook destination. A given secret that is new replaces the present one, which stays valid for another
    day.
    """

    async with in_turn(call) as turn:
        await existing(turn.connection, call.organization, KIND, id)
        given = sent.read()
        body, credentials = _read(given.document)
        entity = await _changed(turn, id, body, given.version)
        if credentials.secret is not None:
            await _replace(turn, id, credentials.secret)
    return answer(_document(entity))


@router.put(f"{PATH}/{{id}}/active", response_model=WebhookShown, name="switch webhook")
async def switch(call: Caller, id: str, active: Annotated[bool, Depends(Flag("active"))]) -> Response:
    """Switch a webhook destination on or off: `active` says which, by default false.

    Deliveries that wait for it go on waiting while it is off; events that happen then are not sent.
    """

    async with in_turn(call) as turn:
        before = await existing(turn.connection, call.organization, KIND, id)
        body = before.body.model_copy(update={"active": active})
        entity = await _changed(turn, id, body, before.version)
    return answer(_document(entity))


@router.delete(f"{PATH}/{{id}}", response_model=WebhookShown, name="delete webhook")
async def delete(call: Caller, id: str) -> Response:
    """Delete a webhook destination, with its secrets and all deliveries to it."""

    async with in_turn(call) as turn:
        entity = await existing(turn.connection, call.organization, KIND, id)
        await turn.execute(DeleteResource(KIND.name, id, False, False, turn.now))
        await drop_destination(turn.connection, call.organization, id)
    return answer(_document(entity))


def _read(document: Mapping[str, Any]) -> tuple[Webhook, Credentials]:
    """The webhook's body, and the credentials beside it. Raises: InvalidBody."""
    rest = {name: value for name, value in document.items() if name != "credentials"}
    credentials = parse_model(Credentials, dict(document.get("credentials") or {}))
    return parse_model(Webhook, rest, unread_of(KIND)), credentials


async def _changed(turn: Turn, id: str, body: Webhook, version: int | None) -> Entity[Any]:
    _check_address(turn.call, body.url)
    done = await turn.execute(UpdateResource(KIND.name, id, body, version, turn.now))
    await put_destination(turn.connection, turn.call.organization, id, body)
    return KIND.held(done.after)[id]


async def _replace(turn: Turn, id: str, secret: str) -> None:
    call = turn.call
    await replace_secret(turn.connection, call.organization, id, secret, call.api.webhooks.sealer, call.actor, OVERLAP)


def _check_address(call: Call, url: str) -> None:
    """Check the address as far as possible before its name is looked up. Raises: InvalidField."""
    try:
        call.api.webhooks.reach.check(url)
    except NotHttpsError:
        raise InvalidField(field="url", rule="must begin with https://") from None
    except ForbiddenAddressError:
        raise InvalidField(field="url", rule="must be an address of the public internet") from None


def _document(entity: Entity[Any], secret: str | None = None) -> dict[str, Any]:
    shown = {} if secret is None else {"secret": secret}
    return document_of(entity) | {"credentials": {"type": SIGNED, **shown}}


def _without_secret(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "credentials": {"type": SIGNED}}
