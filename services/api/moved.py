"""GET moved: a mark of a family's state, by which a page can tell whether to load itself again."""

from starlette.responses import Response

from services.api.calls import Caller, organization_router
from services.api.shown import Shown
from services.api.wire import answer
from services.commands.refused import UnknownResource
from services.readside.moved import read_moved

router = organization_router("moved")


class MovedAnswer(Shown):
    """The state of a family. `mark` stays the same until something changes about the account, its family, or the
    catalog that bills it. If it `waits` for settlement, the mark may change although its `partition` does not move.
    """

    root_account_id: str
    partition: int
    mark: str
    waits: bool


@router.get("/moved/{id}", response_model=MovedAnswer)
async def moved(call: Caller, id: str) -> Response:
    """How far the family of an account, commitment, balance or bill has moved, for pages that show it."""
    async with call.reading():
        pass
    moved = await read_moved(call.postgres, call.organization, id)
    if moved is None:
        raise UnknownResource(kind="account, commitment, balance or bill", id=id)
    return answer(
        {"rootAccountId": moved.root_id, "partition": moved.partition, "mark": moved.mark, "waits": moved.waits}
    )
