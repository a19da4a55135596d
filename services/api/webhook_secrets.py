"""Secrets of webhook destinations: listed without their values, rotated, ended."""

import secrets
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends
from starlette.responses import Response

from events.actors import shown
from services.api.calls import Caller, organization_router
from services.api.commanding import Turn, in_turn, once
from services.api.resources import existing
from services.api.sent import Body, Sent
from services.api.webhook_answers import SecretBody, SecretShown, SecretsShown
from services.api.webhooks import KIND, PATH
from services.api.wire import answer
from services.commands.refused import InvalidField
from services.webhooks.destinations import put_destination
from services.webhooks.kept_secrets import OVERLAP, KeptSecret, end_secret, list_secrets, replace_secret
from services.webhooks.signing import BYTES, secret_of

router = organization_router(KIND.path)


@router.get(f"{PATH}/{{id}}/secrets", response_model=SecretsShown)
async def list_all(call: Caller, id: str) -> Response:
    """The secrets of a webhook destination that sign, without their values."""
    async with call.looking() as connection:
        await existing(connection, call.organization, KIND, id)
        kept = await list_secrets(connection, call.organization, id)
    return answer({"data": [_document(secret) for secret in kept]})


@router.post(f"{PATH}/{{id}}/secrets", response_model=SecretShown)
async def rotate(
    call: Caller, id: str, sent: Annotated[Sent[SecretBody], Depends(Body(SecretBody, may_be_absent=True))]
) -> Response:
    """Replace the secret of a webhook destination. Both sign until the previous one ends; the answer has the new one,
    once.
    """

    async def work(turn: Turn) -> dict[str, Any]:
        entity = await existing(turn.connection, call.organization, KIND, id)
        given = sent.read().body
        overlap = OVERLAP if given.overlap_hours is None else timedelta(hours=given.overlap_hours)
        secret = given.secret or secret_of(secrets.token_bytes(BYTES))
        # A store that was refilled from the log has lost the destination's row.
        await put_destination(turn.connection, call.organization, id, entity.body)
        sealer = call.api.webhooks.sealer
        kept = await replace_secret(turn.connection, call.organization, id, secret, sealer, call.actor, overlap)
        if kept is None:
            raise InvalidField(field="secret", rule="must be another one than the one that holds")
        return _document(kept) | ({} if given.secret else {"secret": secret})

    return await once(call, sent, work, kept=_without_secret)


@router.delete(f"{PATH}/{{id}}/secrets/{{secretId}}", response_model=SecretShown)
async def end(call: Caller, id: str, secretId: str) -> Response:
    """End a secret that was replaced, at once."""

    async with in_turn(call) as turn:
        await existing(turn.connection, call.organization, KIND, id)
        ended = await end_secret(turn.connection, call.organization, id, secretId)
    return answer(_document(ended))


def _document(secret: KeptSecret) -> dict[str, Any]:
    ends = {} if secret.ends is None else {"ends": secret.ends}
    return {"id": secret.id, "dtCreated": secret.made, "createdBy": shown(secret.made_by), **ends}


def _without_secret(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "secret"}
