"""The invoice numbers that an organization has taken."""

from typing import Any

#: $2 the number before the first, $3 how many to take; returns the last of them.
_TAKE_NUMBERS = """
INSERT INTO store.invoice_numbers AS held (organization, last) VALUES ($1, $2::bigint + $3::bigint)
ON CONFLICT (organization) DO UPDATE SET last = greatest(held.last, $2::bigint) + $3::bigint
RETURNING last
"""
_NUMBER_TAKEN = """
INSERT INTO store.invoice_numbers AS held (organization, last) VALUES ($1, $2)
ON CONFLICT (organization) DO UPDATE SET last = greatest(held.last, EXCLUDED.last)
"""


async def take_invoice_numbers(connection: Any, organization: str, before: int, count: int) -> int:
    """Take the organization's next numbers, all greater than `before`; returns the last one."""
    return int(await connection.fetchval(_TAKE_NUMBERS, organization, before, count))


async def note_invoice_number(connection: Any, organization: str, number: int) -> None:
    """Note that a bill has this number, so it and all numbers before it are taken."""
    await connection.execute(_NUMBER_TAKEN, organization, number)
