"""Search accounts, commitments, balances and bills by code, id, invoice number or name."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.commands.table import KINDS
from services.personal.sealed import MARK
from services.postgres import Postgres
from services.readside.live import reading_live
from services.store.conditions import has_code

_KINDS = [kind.name for kind in KINDS.values() if kind.is_found]
_COLUMNS = "e.kind, e.id, e.body->>'code' AS code, e.body->>'name' AS name, e.body->>'accountId' AS account_id"
_OF_KINDS = f"SELECT {_COLUMNS} FROM store.entities e WHERE e.organization = $1 AND e.kind = ANY($2)"
_IS_CALLED = " OR ".join(f"{has_code('e', repr(kind), 'ARRAY[$3]')} AND e.kind = '{kind}'" for kind in _KINDS)
#: $3 the searched text.
_EXACTLY = f"{_OF_KINDS} AND (e.id = $3 OR {_IS_CALLED}) ORDER BY e.kind, e.position DESC LIMIT $4"
#: $3 a prefix of the code, $4 a part of the name, both as patterns. Scans the rows of the kinds.
_ALIKE = f"""
{_OF_KINDS} AND (e.body->>'code' ILIKE $3 OR e.body->>'name' ILIKE $4 AND NOT starts_with(e.body->>'name', '{MARK}'))
ORDER BY e.kind, e.position DESC LIMIT $5
"""
#: $2 an id, or the bill's invoice number.
_BILLS = """
SELECT 'bill' AS kind, bill_id AS id, bill->>'sequentialInvoiceNumber' AS code, NULL AS name, account_id FROM bills
WHERE organization = $1 AND (bill_id = $2 OR bill->>'sequentialInvoiceNumber' = $2) ORDER BY position DESC LIMIT $3
"""


class SearchResult(NamedTuple):
    """A result of the search: a resource of a kind, or a `bill`, whose `code` is its invoice number; `account_id` is
    its account.
    """

    kind: str
    id: str
    code: str | None
    name: str | None
    account_id: str | None


async def find_called(postgres: Postgres, organization: str, words: str, most: int) -> list[SearchResult]:
    """Exact matches; if there are none, similar ones, without bills."""
    async with postgres.connection() as connection:
        exactly = _named(await connection.fetch(_EXACTLY, organization, _KINDS, words, most))
    async with reading_live(postgres) as connection:
        exactly += _named(await connection.fetch(_BILLS, organization, words, most))
    if exactly:
        return exactly[:most]
    pattern = words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    async with postgres.connection() as connection:
        return _named(await connection.fetch(_ALIKE, organization, _KINDS, f"{pattern}%", f"%{pattern}%", most))


def _named(rows: Sequence[Mapping[str, Any]]) -> list[SearchResult]:
    return [SearchResult(*(row[name] for name in SearchResult._fields)) for row in rows]
