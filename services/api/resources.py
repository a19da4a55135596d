"""The paths of all resources, made from the one table: create, get, list, search, replace, delete."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from projections.resources import BalanceEntity, CommitmentEntity, Entity
from services.api.derived import derived_fields, has_billed, has_drawn
from services.api.paging import page_asked
from services.api.queries import FLAG, is_true, list_conditions, list_parameters, one, parameters_of, takes
from services.api.requests import Make, api_of, organization_of, require_organization, run_command, waiter_of
from services.api.search import SEARCH_PARAMETERS, search_query
from services.api.wire import answer, day, document_of, parse_object
from services.commands.bodies import effective_date_of, parse_body, version_of
from services.commands.errors import UnknownResource
from services.commands.messages import Command, CreateResource, DeleteResource, UpdateResource
from services.commands.table import KINDS, Kind
from services.postgres import Postgres
from services.store.execute import Executed
from services.store.listing import list_page, search_page
from services.store.view import get

PREFIX = "/organizations/{organization}"
Handler = Callable[[Request], Awaitable[Response]]


def resource_router() -> APIRouter:
    """Routes of every kind. Literal paths come before `/{id}`, which would swallow them."""
    router = APIRouter(prefix=PREFIX)
    for kind in KINDS.values():
        makers: list[tuple[str, str, str, Callable[[Kind], Handler]]] = [
            ("create", "POST", "", _create),
            ("list", "GET", "", _list),
            ("search", "GET", "/search", _search),
            ("get", "GET", "/{id}", _get),
            ("update", "PUT", "/{id}", _update),
            ("delete", "DELETE", "/{id}", _delete),
        ]
        for operation, method, tail, maker in makers:
            if operation in kind.operations:
                router.add_api_route(
                    f"/{kind.path}{tail}",
                    maker(kind),
                    methods=[method],
                    name=f"{operation} {kind.name}",
                    tags=[kind.path],
                    response_class=Response,
                    openapi_extra=_parameters(operation, kind),
                )
    return router


def _parameters(operation: str, kind: Kind) -> dict[str, Any]:
    """What the query of an operation may say."""
    match operation:
        case "list":
            return list_parameters(kind)
        case "search":
            return takes(*SEARCH_PARAMETERS)
        case "get" if kind.entity in (CommitmentEntity, BalanceEntity):
            return takes("asOf")
        case "delete":
            return takes(force=FLAG)
        case _:
            return takes()


def _create(kind: Kind) -> Handler:
    async def create(request: Request) -> Response:
        id = str(uuid4())

        async def make(_: Any, body: bytes, now: datetime) -> Command:
            return CreateResource(kind.name, id, parse_body(kind.name, parse_object(body)), now)

        return await run_entity_command(request, make, kind, id)

    return create


def _update(kind: Kind) -> Handler:
    async def update(request: Request) -> Response:
        id: str = request.path_params["id"]

        async def make(connection: Any, body: bytes, now: datetime) -> Command:
            await existing(connection, organization_of(request), kind, id)
            document, effective = effective_date_of(kind.name, parse_object(body))
            return UpdateResource(kind.name, id, parse_body(kind.name, document), version_of(document), now, effective)

        return await run_entity_command(request, make, kind, id)

    return update


def _delete(kind: Kind) -> Handler:
    async def delete(request: Request) -> Response:
        organization, id = organization_of(request), request.path_params["id"]
        force = is_true(parameters_of(request), "force")
        gone: list[Entity[Any]] = []
        asks = kind.entity in (CommitmentEntity, BalanceEntity) and not force
        # Asked before the command's transaction: a settlement needs a snapshot of its own.
        drawn = asks and await _drawn(request, kind, id)

        async def make(connection: Any, _: bytes, now: datetime) -> Command:
            entity = await existing(connection, organization, kind, id)
            gone.append(entity)
            # A bill may have been issued since; nothing that is decided for the organization comes in between now.
            billed = asks and not drawn and await has_billed(connection, organization, entity)
            return DeleteResource(kind.name, id, force, drawn or billed, now)

        return await run_command(request, make, lambda _, __: document_of(gone[0]))

    return delete


async def _drawn(request: Request, kind: Kind, id: str) -> bool:
    """Whether it has drawn or billed; what it has drawn is known once the projection has passed every command."""
    organization, postgres = organization_of(request), api_of(request).postgres
    async with postgres.connection() as connection:
        await require_organization(connection, organization)
        entity = await existing(connection, organization, kind, id)
        if await has_billed(connection, organization, entity):
            return True
    await waiter_of(request).until_commands_projected()
    async with postgres.connection() as connection:
        entity = await existing(connection, organization, kind, id)
    return await has_drawn(postgres, organization, entity)


def _get(kind: Kind) -> Handler:
    async def get_one(request: Request) -> Response:
        organization, postgres, as_of = organization_of(request), api_of(request).postgres, _as_of(request)
        async with postgres.connection() as connection:
            await require_organization(connection, organization)
            entity = await existing(connection, organization, kind, request.path_params["id"])
        [document] = await documents(postgres, organization, [entity], as_of)
        return answer(document)

    return get_one


def _list(kind: Kind) -> Handler:
    async def list_some(request: Request) -> Response:
        organization, postgres = organization_of(request), api_of(request).postgres
        found = parameters_of(request)
        conditions, page = list_conditions(found, kind), page_asked(found, kind.page_size_max)
        async with postgres.connection() as connection:
            await require_organization(connection, organization)
            entities = await list_page(connection, organization, kind.name, conditions, page.fetched, page.before)
        data = await documents(postgres, organization, page.shown(entities), tolerant=True)
        return page.answer(data, entities, lambda entity: entity.position)

    return list_some


def _search(kind: Kind) -> Handler:
    async def search(request: Request) -> Response:
        organization, postgres = organization_of(request), api_of(request).postgres
        wanted = search_query(request, kind)
        async with postgres.connection() as connection:
            await require_organization(connection, organization)
            entities = await search_page(connection, organization, kind.name, wanted)
        data = await documents(postgres, organization, entities, tolerant=True)
        return answer({"data": data})

    return search


def _as_of(request: Request) -> date | None:
    """Ours: the day as of which a commitment's or balance's derived fields are asked for; None for today."""
    text = one(parameters_of(request), "asOf")
    return None if text is None else day(text, "asOf")


async def documents(
    postgres: Postgres,
    organization: str,
    entities: Sequence[Entity[Any]],
    as_of: date | None = None,
    *,
    tolerant: bool = False,
) -> list[dict[str, Any]]:
    """The resources as the wire shows them, derived fields included.

    `tolerant`: a family that cannot be settled costs its own derived fields only, so that a list is still a list.
    """
    derived = await derived_fields(postgres, organization, entities, as_of, tolerant=tolerant)
    return [document_of(entity, derived.get(entity.id)) for entity in entities]


async def run_entity_command(request: Request, make: Make, kind: Kind, id: str) -> Response:
    """Run a command that leaves a resource, and answer with the resource."""

    def entity(done: Executed) -> Entity[Any]:
        return kind.held(done.after)[id]

    def respond(done: Executed, derived: dict[str, dict[str, Any]]) -> Any:
        return document_of(entity(done), derived.get(id))

    return await run_command(request, make, respond, shows=entity)


async def existing(connection: Any, organization: str, kind: Kind, id: str) -> Entity[Any]:
    """The resource. Raises: UnknownResource."""
    entity = await get(connection, organization, kind.name, id)
    if entity is None:
        raise UnknownResource(kind=kind.name, id=id)
    return entity
