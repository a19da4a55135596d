"""A handler gets its arguments by steps: in order, each done once; what nothing gives is told at the start."""

from typing import Annotated, Any

import pytest
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from services.api.handling import UnknownArgumentError, handling_of

DONE: list[str] = []


async def who(request: Request) -> str:
    DONE.append("who")
    return str(request.path_params["id"]).upper()


async def call(who: Annotated[str, Depends(who)], id: str) -> tuple[str, str]:
    DONE.append("call")
    return who, id


async def checked() -> None:
    DONE.append("checked")


class Asked:
    async def __call__(self, request: Request) -> int:
        DONE.append("asked")
        return 7


Called = Annotated[Any, Depends(call)]
ASKED = Asked()


async def handler(called: Called, asked: Annotated[int, Depends(ASKED)], id: str) -> Response:
    DONE.append("handler")
    return Response(f"{called} {asked} {id}")


async def close(request: Request, response: Response) -> Response:
    DONE.append("closed")
    return response


def request() -> Request:
    return Request({"type": "http", "path_params": {"id": "a"}})


async def test_steps_are_done_in_their_order_and_each_once() -> None:
    handle = handling_of(handler, [Depends(who), Depends(checked), Depends(call)], {"id": None}, close)
    for _ in range(2):
        DONE.clear()
        response = await handle(request())
        assert response.body == b"('A', 'a') 7 a"
        assert DONE == ["who", "checked", "call", "asked", "handler", "closed"]


async def test_a_step_that_refuses_ends_it() -> None:
    async def refuse() -> None:
        raise PermissionError

    DONE.clear()
    with pytest.raises(PermissionError):
        await handling_of(handler, [Depends(who), Depends(refuse)], {"id": None}, close)(request())
    assert DONE == ["who"]


def test_what_nothing_gives_is_told_when_the_route_is_made() -> None:
    with pytest.raises(UnknownArgumentError, match="nothing gives id"):
        handling_of(handler, [], {}, close)

    def at_once(request: Request) -> Response:
        return Response()

    with pytest.raises(UnknownArgumentError, match="no coroutine"):
        handling_of(at_once, [], {}, close)
