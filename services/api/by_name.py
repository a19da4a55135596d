"""Search by name: accounts, commitments, balances and bills in one query."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from events.absent import only_given
from services.api.calls import Caller, organization_router
from services.api.parameters import Text, Whole
from services.api.shown import Shown
from services.api.wire import answer
from services.commands.refused import InvalidField
from services.readside.named_things import find_called

router = organization_router("find")
_QUERY, _LIMIT = Text("query", minLength=1), Whole("limit", 20, 1, 200)


class FoundShown(Shown):
    """A result of the search. `kind` is account, commitment, balance or bill; `code` of a bill is its invoice number;
    `accountId` is its account.
    """

    kind: str
    id: str
    code: str | None = None
    name: str | None = None
    account_id: str | None = None


class FoundAnswer(Shown):
    """The results, kind by kind, newest first."""

    data: tuple[FoundShown, ...]


@router.get("/find", response_model=FoundAnswer)
async def find(
    call: Caller, query: Annotated[str | None, Depends(_QUERY)], limit: Annotated[int, Depends(_LIMIT)]
) -> Response:
    """Accounts, commitments, balances and bills by code, id or invoice number; if none matches exactly, similar
    ones.
    """
    if not query:
        raise InvalidField(field="query", rule="must say what is looked for")
    async with call.reading():
        pass
    matches = await find_called(call.postgres, call.organization, query, limit)
    shown = (
        {"kind": match.kind, "id": match.id, "code": match.code, "name": match.name, "accountId": match.account_id}
        for match in matches
    )
    return answer({"data": [only_given(match) for match in shown]})
