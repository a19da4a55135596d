"""Paths of accounts beyond the table's: the children of a parent."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.api.paging import page_asked
from services.api.queries import PAGING, parameters_of, takes
from services.api.requests import api_of, organization_of, require_organization
from services.api.resources import PREFIX, documents, existing
from services.commands.table import KINDS
from services.store.listing import Condition, list_page

#: Most children on a page, as m3ter has it.
CHILDREN_MAX = 200
#: Children live in their parent's family; the family's index finds them.
_CHILDREN = "e.root_id = {0} AND e.body->>'parentAccountId' = {0}"

router = APIRouter(prefix=PREFIX, tags=["accounts"], default_response_class=Response)


@router.get("/accounts/{id}/children", openapi_extra=takes(*PAGING))
async def children(request: Request, id: str) -> Response:
    """The accounts whose parent this is, newest first; none of an account that is a child itself."""
    organization, kind = organization_of(request), "account"
    page = page_asked(parameters_of(request), CHILDREN_MAX)
    postgres = api_of(request).postgres
    async with postgres.connection() as connection:
        await require_organization(connection, organization)
        await existing(connection, organization, KINDS[kind], id)
        wanted = [Condition(_CHILDREN, id)]
        entities = await list_page(connection, organization, kind, wanted, page.fetched, page.before)
    data = await documents(postgres, organization, page.shown(entities))
    return page.answer(data, entities, lambda entity: entity.position)
