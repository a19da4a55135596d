"""Paths of accounts beyond the table's: the children of a parent."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from services.api.calls import Caller, organization_router
from services.api.paging import Page, Paging
from services.api.resources import existing, page_of
from services.api.shown import answer_of_kind, listed
from services.commands.table import KINDS
from services.store.listing import Condition

#: Most children on a page, as m3ter has it.
CHILDREN_MAX = 200
#: Children live in their parent's family; the family's index finds them.
_CHILDREN = "e.root_id = {0} AND e.body->>'parentAccountId' = {0}"
_ACCOUNT = KINDS["account"]

router = organization_router("accounts")


@router.get("/accounts/{id}/children", response_model=listed(answer_of_kind(_ACCOUNT)))
async def children(call: Caller, id: str, page: Annotated[Page, Depends(Paging(CHILDREN_MAX))]) -> Response:
    """The accounts whose parent this is, newest first; none of an account that is a child itself."""
    async with call.reading() as connection:
        await existing(connection, call.organization, _ACCOUNT, id)
    return await page_of(call, _ACCOUNT, [Condition(_CHILDREN, id)], page)
