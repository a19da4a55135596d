"""Secrets of webhooks: stored, replaced, ended, deleted.

No fact has a secret: the log is for ever, and a replaced secret must be deleted. Requests may write a secret but never
read one: Postgres gives role API no right to the column.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog

from services.commands.refused import InvalidField, UnknownResource
from services.webhooks.sealing import CannotOpenError, Sealer
from services.webhooks.signing import digest_of

log = structlog.get_logger(__name__)
#: For how long a secret that was replaced is good, unless something else is asked for, and at most.
OVERLAP, OVERLAP_MAX_HOURS = timedelta(hours=24), 7 * 24
_SHOWN = "secret_id, made_at, made_by, ends_at"
_CURRENT = """
SELECT secret_id, digest FROM store.webhook_secrets
WHERE organization = $1 AND webhook_id = $2 AND ends_at IS NULL
"""
#: The replaced secret ends after $3, and those replaced before it at once: two are valid at a time.
_END = """
UPDATE store.webhook_secrets SET ends_at = clock_timestamp() + $3
WHERE organization = $1 AND webhook_id = $2 AND ends_at IS NULL
"""
_FORGET = "DELETE FROM store.webhook_secrets WHERE organization = $1 AND webhook_id = $2 AND ends_at IS NOT NULL"
_INSERT = f"""
INSERT INTO store.webhook_secrets (organization, webhook_id, secret_id, secret, sealed, digest, made_by)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_SHOWN}
"""
_LIST = f"""
SELECT {_SHOWN} FROM store.webhook_secrets
WHERE organization = $1 AND webhook_id = $2 AND (ends_at IS NULL OR ends_at > clock_timestamp())
ORDER BY made_at DESC, secret_id
"""
_REMOVE = """
DELETE FROM store.webhook_secrets
WHERE organization = $1 AND webhook_id = $2 AND secret_id = $3 AND ends_at IS NOT NULL
"""
#: The signing secrets, newest first.
_GOOD = """
SELECT secret, sealed FROM store.webhook_secrets
WHERE organization = $1 AND webhook_id = $2 AND (ends_at IS NULL OR ends_at > clock_timestamp())
ORDER BY made_at DESC, secret_id
"""
#: The newest that is encrypted.
_SEALED = """
SELECT secret FROM store.webhook_secrets
WHERE sealed AND (ends_at IS NULL OR ends_at > clock_timestamp()) ORDER BY made_at DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """A secret without its value. `ends`: when it ceases to sign; None: it is the current one."""

    id: str
    made: datetime
    made_by: str | None
    ends: datetime | None


async def replace_secret(
    connection: Any, organization: str, webhook: str, secret: str, sealer: Sealer, actor: str, overlap: timedelta
) -> KeptSecret | None:
    """Let this secret sign from now on, and the one before it for as long as `overlap`. None: it is already the current
    one.
    """
    current = await connection.fetchrow(_CURRENT, organization, webhook)
    digest = digest_of(secret)
    if current is not None and bytes(current["digest"]) == digest:
        return None
    await connection.execute(_FORGET, organization, webhook)
    await connection.execute(_END, organization, webhook, overlap)
    kept, is_sealed = sealer.sealed(secret)
    values = (organization, webhook, str(uuid4()), kept, is_sealed, digest, actor)
    return _kept(await connection.fetchrow(_INSERT, *values))


async def list_secrets(connection: Any, organization: str, webhook: str) -> list[KeptSecret]:
    """The signing secrets, newest first."""
    return [_kept(row) for row in await connection.fetch(_LIST, organization, webhook)]


async def end_secret(connection: Any, organization: str, webhook: str, id: str) -> KeptSecret:
    """End a replaced secret now. Raises: UnknownResource, InvalidField for the current one."""
    secret = next((kept for kept in await list_secrets(connection, organization, webhook) if kept.id == id), None)
    if secret is None:
        raise UnknownResource(kind="secret", id=id)
    if secret.ends is None:
        raise InvalidField(field="id", rule="must be of a secret that was replaced; rotate the one that holds")
    await connection.execute(_REMOVE, organization, webhook, id)
    return secret


async def good_secrets(connection: Any, organization: str, webhook: str, sealer: Sealer) -> list[str]:
    """The values of the valid secrets, newest first. Raises: CannotOpenError."""
    rows = await connection.fetch(_GOOD, organization, webhook)
    return [sealer.opened(bytes(row["secret"]), row["sealed"]) for row in rows]


async def check_opens_secrets(connection: Any, sealer: Sealer) -> None:
    """A process without the operator's key is told so at its start, before it takes anything that it could not sign.

    One with another key goes on, for that is how a key that was lost is replaced: what was encrypted with the one
    before waits until it is rotated. Raises: CannotOpenError.
    """
    kept = await connection.fetchval(_SEALED)
    if kept is None:
        return
    try:
        sealer.opened(bytes(kept), True)
    except CannotOpenError as error:
        if not sealer.has_key:
            raise
        log.warning("webhook_secrets_not_opened", error=str(error))


def _kept(row: Any) -> KeptSecret:
    return KeptSecret(row["secret_id"], row["made_at"], row["made_by"], row["ends_at"])
