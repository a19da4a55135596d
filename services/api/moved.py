"""GET moved: whether anything of a family is another than it was, for who shows it."""

from starlette.responses import Response

from services.api.calls import Caller, organization_router
from services.api.shown import Shown
from services.api.wire import answer
from services.commands.refused import UnknownResource
from services.readside.moved import read_moved

router = organization_router("moved")


class MovedAnswer(Shown):
    """`mark` is the same text until anything is another of the account, of its family, or of the catalog that it is
    billed by. While it `waits` for settlement that may be so though `partition`, in which it lies, does not move."""

    root_account_id: str
    partition: int
    mark: str
    waits: bool


@router.get("/moved/{id}", response_model=MovedAnswer)
async def moved(call: Caller, id: str) -> Response:
    """How far the family of an account, commitment, balance or bill has moved, for who shows it."""
    async with call.reading():
        pass
    moved = await read_moved(call.postgres, call.organization, id)
    if moved is None:
        raise UnknownResource(kind="account, commitment, balance or bill", id=id)
    return answer(
        {"rootAccountId": moved.root_id, "partition": moved.partition, "mark": moved.mark, "waits": moved.waits}
    )
