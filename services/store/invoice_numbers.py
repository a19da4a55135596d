"""The invoice numbers that an organization has taken."""

from typing import Any

#: $2 the number before the first, $3 how many are taken; the last of them is returned.
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
    """Take the organization's next numbers, of which none is `before` or less; returns the last one."""
    return int(await connection.fetchval(_TAKE_NUMBERS, organization, before, count))


async def note_invoice_number(connection: Any, organization: str, number: int) -> None:
    """A bill has this number, so it is taken, and all before it."""
    await connection.execute(_NUMBER_TAKEN, organization, number)
