"""What tokens are signed with. It is in Postgres, so that all API processes have the same, unless a setting gives it.

Whoever can read it can make tokens: only the API's processes need to.
"""

import secrets
from typing import Any

SECRET_BYTES = 32
_KEEP = "INSERT INTO store.token_secrets (secret) VALUES ($1) ON CONFLICT DO NOTHING"


async def keep_token_secret(connection: Any) -> None:
    """Make it, if there is none."""
    await connection.execute(_KEEP, secrets.token_bytes(SECRET_BYTES))
