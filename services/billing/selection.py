"""The request of a bill run, and the families it settles, in pages, so that memory stays flat whatever their number."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from events.actors import BILLING
from services.failures import ExpectedFailure, Worded
from services.postgres import Postgres

#: Families that are settled from one snapshot and appended in one transaction; the job checks for a cancel in between.
PAGE = 50
#: Accounts of a page, children included, unless its first family alone has more; this bounds a page's memory.
PAGE_ACCOUNTS = 200

#: $2 and $3: after this id, up to that one; null: to the last.
_ROOTS = """
SELECT page.id, (SELECT count(*) FROM store.entities held
                 WHERE held.organization = $1 AND held.root_id = page.id AND held.kind = 'account') AS accounts
FROM (SELECT id FROM store.entities
      WHERE organization = $1 AND kind = 'account' AND root_id = id AND id > $2 AND ($3::text IS NULL OR id <= $3)
      ORDER BY id LIMIT $4) AS page
ORDER BY page.id
"""
_ROOTS_OF = "SELECT id, root_id FROM store.entities WHERE organization = $1 AND kind = 'account' AND id = ANY ($2)"
_COUNT = "SELECT count(*) FROM store.entities WHERE organization = $1 AND kind = 'account' AND root_id = id"
#: Whether there are more families than $2.
_MORE = """
SELECT EXISTS (SELECT FROM store.entities WHERE organization = $1 AND kind = 'account' AND root_id = id OFFSET $2)
"""
_FREQUENT = """
SELECT DISTINCT held.root_id FROM store.entities held
LEFT JOIN store.entities link ON link.organization = held.organization AND link.kind = 'planGroupLink'
    AND link.body->>'planGroupId' = held.body->>'planGroupId'
JOIN store.entities plan ON plan.organization = held.organization AND plan.kind = 'plan'
    AND plan.id = coalesce(held.body->>'planId', link.body->>'planId')
JOIN store.entities template ON template.organization = held.organization AND template.kind = 'planTemplate'
    AND template.id = plan.body->>'planTemplateId'
WHERE held.organization = $1 AND held.kind = 'accountPlan' AND template.body->>'billFrequency' = $2
    AND ($3::integer IS NULL OR coalesce((template.body->>'billFrequencyInterval')::integer, 1) = $3)
"""
_SCHEDULED = """
SELECT DISTINCT root_id FROM store.entities
WHERE organization = $1 AND kind = 'commitment' AND jsonb_array_length(coalesce(body->'feeDates', '[]')) > 0
"""


class UnknownAccountError(Worded, ExpectedFailure):
    """account {account_id} does not exist in organization {organization}"""

    def __init__(self, organization: str, account_id: str) -> None:
        super().__init__(account_id=account_id, organization=organization)


@dataclass(frozen=True, slots=True)
class FamilyToSettle:
    """A family to settle, and its only account to bill, if not all are."""

    root_id: str
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The families that a run settles. `account_ids` empty: all; a frequency selects those with such an account
    plan.
    """

    account_ids: tuple[str, ...] = ()
    frequency: str | None = None
    interval: int | None = None


@dataclass(frozen=True, slots=True)
class BillRequest:
    """A request to bill everything due on or before `through`."""

    organization: str
    through: date
    due_date: date | None = None
    bill_job_id: str | None = None
    #: The actor of the request.
    actor: str | None = BILLING


def selection_of(request: dict[str, Any]) -> Selection:
    """The families that a job's body selects."""
    return Selection(
        tuple(request.get("accountIds") or ()), request.get("billingFrequency"), request.get("billFrequencyInterval")
    )


async def count(connection: Any, organization: str, selection: Selection) -> int:
    """The number of families to visit."""
    if selection.account_ids:
        return len(selection.account_ids)
    return int(await connection.fetchval(_COUNT, organization))


async def pages(
    postgres: Postgres, organization: str, selection: Selection, *, missing_ok: bool = False
) -> AsyncGenerator[list[FamilyToSettle], None]:
    """The families page by page. Raises: UnknownAccountError, unless accounts may be missing."""
    if selection.account_ids:
        targets = await _named(postgres, organization, selection.account_ids, missing_ok)
        for first in range(0, len(targets), PAGE):
            yield targets[first : first + PAGE]
        return
    async with postgres.connection() as connection:
        frequent = await _frequent(connection, organization, selection)
        several = await connection.fetchval(_MORE, organization, PAGE)
    # Concurrent runs begin at different places: each bills families that the others have not reached, instead of
    # settling the same pages, of which only one run could append each.
    start = first_root() if several else ""
    legs: tuple[tuple[str, str | None], ...] = ((start, None), ("", start))
    for after, last in legs:
        page = await _page(postgres, organization, after, last)
        while page:
            yield [FamilyToSettle(root) for root in page if frequent is None or root in frequent]
            page = await _page(postgres, organization, page[-1], last)


def first_root() -> str:
    """The id after which a run begins, in the order of ids."""
    return str(uuid4())


async def _page(postgres: Postgres, organization: str, after: str, last: str | None) -> list[str]:
    """The next roots by id, with a limited number of accounts together, so that a page of large families is no larger
    than others.
    """
    async with postgres.connection() as connection:
        rows = await connection.fetch(_ROOTS, organization, after, last, PAGE)
    page: list[str] = []
    accounts = 0
    for row in rows:
        accounts += row["accounts"]
        if page and accounts > PAGE_ACCOUNTS:
            break
        page.append(row["id"])
    return page


async def _named(
    postgres: Postgres, organization: str, account_ids: Sequence[str], missing_ok: bool
) -> list[FamilyToSettle]:
    async with postgres.connection() as connection:
        rows = await connection.fetch(_ROOTS_OF, organization, list(account_ids))
    roots = {row["id"]: row["root_id"] for row in rows}
    if not missing_ok and (unknown := [id for id in account_ids if id not in roots]):
        raise UnknownAccountError(organization, unknown[0])
    return [FamilyToSettle(roots[id], id) for id in dict.fromkeys(account_ids) if id in roots]


async def _frequent(connection: Any, organization: str, selection: Selection) -> set[str] | None:
    """The roots with an account plan of the frequency; None when every root is meant."""
    if selection.frequency is None:
        return None
    if selection.frequency == "AD_HOC":
        return {row["root_id"] for row in await connection.fetch(_SCHEDULED, organization)}
    rows = await connection.fetch(_FREQUENT, organization, selection.frequency, selection.interval)
    return {row["root_id"] for row in rows}
