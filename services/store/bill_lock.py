"""The date up to which an organization's bills are locked."""

from datetime import date
from typing import Any

from services.commands.bill_lock import bill_config_id
from services.store.view import get


async def read_lock_date(connection: Any, organization: str) -> date | None:
    """As of the last command; None if none is set."""
    held = await get(connection, organization, "billConfig", bill_config_id(organization))
    found: date | None = None if held is None else held.body.bill_lock_date
    return found
