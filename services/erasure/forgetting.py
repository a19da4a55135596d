"""The command that forgets an account, for all its callers."""

from datetime import datetime
from typing import Any

from projections.resources import Resources
from services.commands.messages import ForgetAccount
from services.personal.keys import keys_to_destroy


async def forgetting(
    connection: Any, resources: Resources, account: str, reason: str | None, now: datetime
) -> ForgetAccount:
    """The command that forgets an account, for the transaction that will execute it, with the keys to destroy. Without
    keys of personal data it has none, and is refused.
    """
    organization = resources.organization
    keys = await keys_to_destroy(connection, organization, account) if resources.keeps_keys else ()
    return ForgetAccount(account, keys, reason, now)
