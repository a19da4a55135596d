"""Bills as files over HTTP, and the configuration of their statements: the seller, the tax, a foot and a logo."""

import re
from collections.abc import Callable
from typing import Annotated, NamedTuple

from fastapi import Depends
from starlette.responses import Response

from events.resources.statements import StatementConfig
from services.access.scopes import Scope
from services.api.answers import FileUrl
from services.api.bill_documents import content_of
from services.api.calls import Call, Caller, organization_router
from services.api.links import Link, link_to
from services.api.parameters import Choice
from services.api.sent import Anything, Sent, Unread
from services.api.shown import answer_of
from services.api.singles import put_single, read_single, single_body
from services.api.statement_answers import StatementShown, statement_document
from services.api.wire import answer, encode
from services.billing.life import load_life
from services.commands.table import KINDS
from services.concurrency import compute
from services.statement.as_issued import read_statement
from services.statement.page import page_of
from services.statement.paper import paper_of
from services.statement.spreadsheet import table_of
from services.statement.statement import Statement
from services.statement.ubl import ubl_of

router = organization_router("bills")
_KIND = KINDS["statementConfig"]


class Format(NamedTuple):
    """A format of statements: its media type, the ending of its files, and the function that writes it."""

    media: str
    ending: str
    write: Callable[[Statement], bytes]


#: The formats by their names in the query.
FORMATS = {
    "json": Format("application/json", "json", lambda statement: encode(statement_document(statement))),
    "html": Format("text/html; charset=utf-8", "html", page_of),
    "pdf": Format("application/pdf", "pdf", paper_of),
    "csv": Format("text/csv; charset=utf-8", "csv", table_of),
    "ubl": Format("application/xml", "xml", ubl_of),
}
#: A page contains its styles and its logo, and runs no script.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"
#: Characters that a file's name must not have.
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_OTHERS = {format.media.partition(";")[0]: _BINARY for name, format in FORMATS.items() if name != "json"}


@router.get("/statementconfig", response_model=answer_of(StatementConfig))
async def statement_config(call: Caller) -> Response:
    """The configuration of statements; there is none before the first PUT."""
    return await read_single(call, _KIND)


@router.put("/statementconfig", response_model=answer_of(StatementConfig))
async def configure_statements(
    call: Caller, sent: Annotated[Sent[StatementConfig], Depends(single_body(_KIND))]
) -> Response:
    """Say who sells, and at which tax; the first PUT needs no version.

    It applies to bills that are issued from then on, and to those issued before the first PUT.
    """
    async with call.reading():
        given = sent.read()
    return await put_single(call, _KIND, given)


@router.get("/bills/{bill}/statement", response_model=StatementShown, responses={200: {"content": _OTHERS}})
async def statement(
    call: Caller,
    bill: str,
    format: Annotated[str | None, Depends(Choice("format", tuple(FORMATS)))],
    _link: Annotated[None, Depends(Link())],
) -> Response:
    """The bill as a file, by default JSON. An issued bill always gives the same bytes, except for personal data that
    its account has forgotten.

    For a token, or by the link of statement/json or statement/csv.
    """
    chosen = FORMATS[format or "json"]
    statement = await _statement_of(call, bill)
    content = await compute(call.organization, chosen.write, statement)
    name = f"{_UNSAFE.sub('_', statement.number)}.{chosen.ending}"
    shown = "inline" if chosen is FORMATS["html"] else "attachment"
    headers = {"content-disposition": f'{shown}; filename="{name}"', "content-security-policy": _POLICY}
    return Response(content, headers=headers, media_type=chosen.media)


async def _statement_of(call: Call, bill_id: str) -> Statement:
    """The statement of a bill, issued or pending. Raises: UnknownOrganization, UnknownResource."""
    async with call.reading() as connection:
        life = await load_life(connection, call.organization, bill_id)
    if life.pending is not None:
        await call.waiter.until_commands_projected()
    bill, life = await content_of(call, life)
    async with call.postgres.connection() as connection:
        return await read_statement(connection, bill, life, call.api.keyring)


@router.get("/bills/{bill}/statement/json", response_model=FileUrl)
async def link_to_json(call: Caller, bill: str) -> Response:
    """A link to the bill's statement as JSON, for a quarter of an hour and without a token."""
    return await _linked(call, bill, "json")


@router.get("/bills/{bill}/statement/csv", response_model=FileUrl)
async def link_to_csv(call: Caller, bill: str) -> Response:
    """A link to the bill's statement as a table for spreadsheets, for a quarter of an hour and without a token."""
    return await _linked(call, bill, "csv")


@router.post("/bills/{bill}/statement/csv", response_model=FileUrl)
async def make_csv(call: Caller, bill: str, _sent: Annotated[Unread, Depends(Anything())]) -> Response:
    """A link to the bill's statement as a table, by m3ter's other method: the file is made only when it is read."""
    return await _linked(call, bill, "csv")


async def _linked(call: Call, bill_id: str, format: str) -> Response:
    async with call.reading() as connection:
        await load_life(connection, call.organization, bill_id)
    return answer({"downloadUrl": link_to(call, f"/bills/{bill_id}/statement", Scope.READ, format=format)})
