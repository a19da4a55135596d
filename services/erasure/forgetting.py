"""What is forgotten with an account, whoever asks for it."""

from datetime import datetime
from typing import Any

from projections.resources import Resources
from services.commands.messages import ForgetAccount
from services.personal.keys import keys_to_destroy


async def forgetting(
    connection: Any, resources: Resources, account: str, reason: str | None, now: datetime
) -> ForgetAccount:
    """The command that forgets an account, in the transaction that is to execute it: with the keys that it destroys,
    none where personal data is kept under no keys, for which it is refused.
    """
    organization = resources.organization
    keys = await keys_to_destroy(connection, organization, account) if resources.keeps_keys else ()
    return ForgetAccount(account, keys, reason, now)
