"""The paths of all resources, made from the table of kinds: create, get, list, search, replace, delete."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from inspect import cleandoc
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends
from starlette.responses import Response

from events.resources.base import Resource
from projections.entities import Entity
from services.api.as_known import AS_OF, KNOWN_AT, document_known, were_known
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, in_turn, once
from services.api.derived import derived_fields, document_at, has_billed, has_drawn, read_fund, undrawn_fields
from services.api.filters import Filters
from services.api.forgetting import forget_deleted
from services.api.operations import summary_of
from services.api.paging import Page, Paging
from services.api.parameters import Flag
from services.api.search import ResourceSearch, check_plain
from services.api.sent import Body, Sent
from services.api.shown import answer_of_kind, listed
from services.api.wire import answer, document_of
from services.commands.bodies import unread_of
from services.commands.catalog_rules import DATED
from services.commands.kind import Kind
from services.commands.messages import CreateResource, DeleteResource, UpdateResource
from services.commands.refused import UnknownResource
from services.commands.table import KINDS
from services.store.listing import Search, SqlCondition, list_page, search_page
from services.store.view import get

Handler = Callable[..., Awaitable[Response]]
_FORCE = Flag("force")


def resource_router() -> APIRouter:
    """A router with the paths of every kind. Literal paths come before `/{id}`, which would match them, too."""
    router = organization_router()
    for kind in (kind for kind in KINDS.values() if not kind.single and kind.within is None):
        makers: list[tuple[str, str, str, Callable[[Kind], Handler]]] = [
            ("create", "POST", "", _create),
            ("list", "GET", "", _list_accounts if kind.is_account else _list),
            ("search", "GET", "/search", _search),
            ("get", "GET", "/{id}", _get if kind.is_fund else _get_account if kind.is_account else _get_plain),
            ("update", "PUT", "/{id}", _update),
            ("delete", "DELETE", "/{id}", _delete),
        ]
        shown = answer_of_kind(kind)
        for operation, method, tail, maker in makers:
            if kind.written_beside and method != "GET":
                continue
            if operation != "search" or kind.searched:
                router.add_api_route(
                    f"/{kind.path}{tail}",
                    maker(kind),
                    methods=[method],
                    name=f"{operation} {kind.name}",
                    summary=summary_of(operation, kind),
                    description=f"{summary_of(operation, kind)}. {cleandoc(kind.model.__doc__ or '')}",
                    tags=[kind.path],
                    response_model=listed(shown) if operation in ("list", "search") else shown,
                )
    return router


def _create(kind: Kind) -> Handler:
    body = Body(kind.model, unread_of(kind))

    async def create(call: Caller, sent: Annotated[Sent[Resource], Depends(body)]) -> Response:
        async def work(turn: Turn) -> dict[str, Any]:
            id = str(uuid4())
            done = await turn.execute(CreateResource(kind.name, id, sent.read().body, turn.now))
            made = kind.held(done.after)[id]
            return document_of(made, undrawn_fields(done.after, made))

        return await once(call, sent, work)

    return create


def _update(kind: Kind) -> Handler:
    body = Body(
        kind.model,
        tuple(name for name in unread_of(kind) if name != "version"),
        version="required",
        dated=kind.name in DATED,
        title=f"{kind.model.__name__}Update",
    )

    async def update(call: Caller, id: str, sent: Annotated[Sent[Resource], Depends(body)]) -> Response:
        async with in_turn(call) as turn:
            await existing(turn.connection, call.organization, kind, id)
            given = sent.read()
            command = UpdateResource(kind.name, id, given.body, given.version, turn.now, given.effective)
            entity = kind.held((await turn.execute(command)).after)[id]
        document = None
        if kind.is_fund:  # after the commit, when no lock is held: see decision 3
            document = await document_at(call.postgres, call.organization, kind, id, entity.version)
        return answer(document_of(entity) if document is None else document)

    return update


def _delete(kind: Kind) -> Handler:
    async def delete(call: Caller, id: str, force: Annotated[bool, Depends(_FORCE)]) -> Response:
        asks = kind.is_fund and not force
        drawn = asks and await _drawn(call, kind, id)  # before the transaction: a settlement has its own snapshot

        async with in_turn(call) as turn:
            entity = await existing(turn.connection, call.organization, kind, id)
            # A bill may have been issued since. From now on no other command of the organization is decided.
            billed = asks and not drawn and await has_billed(turn.connection, call.organization, entity)
            if kind.is_account:
                await forget_deleted(turn, id)
            await turn.execute(DeleteResource(kind.name, id, force, drawn or billed, turn.now))
        return answer(document_of(entity))

    return delete


async def _drawn(call: Call, kind: Kind, id: str) -> bool:
    """Whether the resource has drawn or billed. Its draws are known once the projection has passed every command.

    False for a resource that does not exist: the command itself will report that.
    """
    async with call.postgres.connection() as connection:
        entity = await get(connection, call.organization, kind.name, id)
        if entity is None or await has_billed(connection, call.organization, entity):
            return entity is not None
    await call.waiter.until_commands_projected()
    async with call.postgres.connection() as connection:
        entity = await existing(connection, call.organization, kind, id)
    return await has_drawn(call.postgres, call.organization, entity)


def _get(kind: Kind) -> Handler:
    async def get_one(
        call: Caller,
        id: str,
        as_of: Annotated[date | None, Depends(AS_OF)],
        known_at: Annotated[datetime | None, Depends(KNOWN_AT)],
    ) -> Response:
        if known_at is not None:
            return answer(await document_known(call, kind, id, as_of, known_at))
        async with call.looking() as connection:
            entity, derived = await read_fund(connection, call.api.live, call.organization, kind, id)
        if as_of is None and derived is not None:
            return answer(document_of(entity, derived))
        [document] = await documents(call, [entity], as_of)
        return answer(document)

    return get_one


def _get_account(kind: Kind) -> Handler:
    async def get_one(call: Caller, id: str, known_at: Annotated[datetime | None, Depends(KNOWN_AT)]) -> Response:
        if known_at is not None:
            return answer(await document_known(call, kind, id, None, known_at))
        async with call.looking() as connection:
            return answer(document_of(await existing(connection, call.organization, kind, id)))

    return get_one


def _get_plain(kind: Kind) -> Handler:
    async def get_one(call: Caller, id: str) -> Response:
        async with call.looking() as connection:
            return answer(document_of(await existing(connection, call.organization, kind, id)))

    return get_one


def _list(kind: Kind) -> Handler:
    filters, paging = Filters(kind.filters), Paging(kind.page_size_max, sorts=kind.sorts)

    async def list_some(
        call: Caller,
        wanted: Annotated[list[SqlCondition], Depends(filters)],
        page: Annotated[Page, Depends(paging)],
    ) -> Response:
        return await page_of(call, kind, wanted, page, tolerant=True)

    return list_some


def _list_accounts(kind: Kind) -> Handler:
    filters, paging = Filters(kind.filters), Paging(kind.page_size_max, sorts=kind.sorts)

    async def list_some(
        call: Caller,
        wanted: Annotated[list[SqlCondition], Depends(filters)],
        page: Annotated[Page, Depends(paging)],
        known_at: Annotated[datetime | None, Depends(KNOWN_AT)],
    ) -> Response:
        then = [] if known_at is None else [await were_known(call, known_at)]
        return await page_of(call, kind, [*wanted, *then], page, tolerant=True)

    return list_some


async def page_of(
    call: Call, kind: Kind, wanted: Sequence[SqlCondition], page: Page, *, tolerant: bool = False
) -> Response:
    """A page of the kind's resources that fulfil all conditions, in the page's order."""
    async with call.reading() as connection:
        conditions = [*wanted, *page.older("e.position")]
        entities = await list_page(
            connection, call.organization, kind.name, conditions, page.fetched, oldest_first=page.oldest_first
        )
    data = await documents(call, page.shown(entities), tolerant=tolerant)
    return page.answer(data, entities, lambda entity: entity.position)


def _search(kind: Kind) -> Handler:
    async def search(call: Caller, wanted: Annotated[Search, Depends(ResourceSearch(kind))]) -> Response:
        async with call.reading() as connection:
            check_plain(kind, wanted, (await call.configured(connection)).configured)
            entities = await search_page(connection, call.organization, kind.name, wanted)
        return answer({"data": await documents(call, entities, tolerant=True)})

    return search


async def documents(
    call: Call, entities: Sequence[Entity[Any]], as_of: date | None = None, *, tolerant: bool = False
) -> list[dict[str, Any]]:
    """The resources as the wire shows them, with derived fields.

    `tolerant`: for a family that cannot be settled only its derived fields are missing, so that a list is still
    complete.
    """
    derived = await derived_fields(call.postgres, call.organization, entities, as_of, tolerant=tolerant)
    return [document_of(entity, derived.get(entity.id)) for entity in entities]


async def existing(connection: Any, organization: str, kind: Kind, id: str) -> Entity[Any]:
    """The resource. Raises: UnknownResource."""
    entity = await get(connection, organization, kind.name, id)
    if entity is None:
        raise UnknownResource(kind=kind.name, id=id)
    return entity
