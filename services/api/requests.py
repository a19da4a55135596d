"""What all handlers share: the organization of the path, the body within its limit, and one way to run a command."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response

from projections.resources import Entity
from services.api.callers import actor_of
from services.api.derived import derived_fields, is_fund
from services.api.errors import BodyTooLargeError
from services.api.queries import check_length
from services.api.standing import Standing
from services.api.wire import encode, raw_answer
from services.commands.errors import InvalidField
from services.commands.messages import Command
from services.commands.organization import check_exists
from services.concurrency import Turns
from services.postgres import Postgres
from services.readside.progress import HTTP_SECONDS, Waiter
from services.readside.watching import Watcher
from services.store import idempotency
from services.store.execute import Executed, execute, lock_organization
from services.store.generations import Generations
from services.store.view import load_config

_log = structlog.get_logger(__name__)

BODY_BYTES_MAX = 1024 * 1024
ORGANIZATION_LENGTH_MAX = 80
#: Half of the API's connections: the others are for reads, however many organizations give commands.
COMMANDS_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Api:
    """What the handlers work with: `request.app.state.api`."""

    postgres: Postgres
    generations: Generations
    bootstrap: str
    watcher: Watcher
    #: One command of an organization is decided at a time. The others wait here, where it costs no connection: those
    #: are for reads and for other organizations.
    commands: Turns = field(default_factory=lambda: Turns("the deciding of commands", most=COMMANDS_AT_ONCE, share=1))


#: Makes a command: from the connection, the request's body and the organization's time.
Make = Callable[[Any, bytes, datetime], Awaitable[Command]]
#: Makes the answer: from what was done and the derived fields by id, which are empty until after the commit.
Respond = Callable[[Executed, dict[str, dict[str, Any]]], Any]


def api_of(request: Request) -> Api:
    """The app's parts; connections are taken in the turn of the path's organization."""
    api: Api = request.app.state.api
    return replace(api, postgres=api.postgres.of(request.path_params.get("organization", "")))


def waiter_of(request: Request) -> Waiter:
    """Waits for the read models, but no longer than a client does."""
    return Waiter(api_of(request).watcher, HTTP_SECONDS)


@asynccontextmanager
async def commanding(request: Request) -> AsyncIterator[Any]:
    """A transaction in which no other command of the path's organization is decided. Raises: NoTurnError."""
    api, organization = api_of(request), organization_of(request)
    async with api.commands.turn(organization), api.postgres.transaction() as connection:
        await lock_organization(connection, organization)
        yield connection


def organization_of(request: Request) -> str:
    """The organization's id of the path. Raises: InvalidField for one that could not be a key of usage."""
    organization: str = request.path_params["organization"]
    if len(organization) > ORGANIZATION_LENGTH_MAX or not organization.isprintable():
        raise InvalidField(field="orgId", rule=f"must be 1 to {ORGANIZATION_LENGTH_MAX} printable characters")
    return organization


async def body_of(request: Request, limit: int = BODY_BYTES_MAX) -> bytes:
    """The body's bytes. Raises: BodyTooLargeError, before it is held whole."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLargeError(limit)
    return bytes(body)


async def require_organization(connection: Any, organization: str) -> None:
    """Raises: UnknownOrganization."""
    check_exists(await load_config(connection, organization))


async def run_command(
    request: Request,
    make: Make,
    respond: Respond,
    *,
    must_exist: bool = True,
    shows: Callable[[Executed], Entity[Any]] | None = None,
) -> Response:
    """Run one command in one transaction and answer once it is durable.

    A POST with an Idempotency-Key that was done before gets its first answer again. `shows` names the entity whose
    derived fields the answer has; they are read after the commit, because a settlement reads a snapshot of its own.
    """
    api, organization = api_of(request), organization_of(request)
    body, correlation = await body_of(request), correlation_of(request)
    asked = idempotency.Request(organization, request.method, request.url.path, key_of(request), body)
    async with commanding(request) as connection:
        if must_exist:
            await require_organization(connection, organization)
        payload = await idempotency.first_answer(connection, asked)
        if payload is not None:
            return raw_answer(payload)
        done = await execute(
            connection,
            organization,
            lambda now: make(connection, body, now),
            api.generations,
            correlation,
            actor_of(request),
        )
        payload = encode(respond(done, {}))
        await idempotency.remember(connection, asked, payload)
    if shows is not None and is_fund(entity := shows(done)):
        payload = await _with_derived(api, asked, entity, lambda derived: respond(done, derived)) or payload
    return raw_answer(payload)


async def _with_derived(
    api: Api, asked: idempotency.Request, entity: Entity[Any], respond: Callable[[dict[str, dict[str, Any]]], Any]
) -> bytes | None:
    """The answer with the derived fields; None if they cannot be had now.

    The command is committed: whatever happens here, an answer that says otherwise would have it sent once more.
    """
    try:
        payload = encode(respond(await derived_fields(api.postgres, asked.organization, [entity])))
        if asked.key is not None:
            async with api.postgres.connection() as connection:
                await idempotency.amend(connection, asked, payload)
    except Exception:
        _log.exception("derived_fields_left_out", organization=asked.organization, id=entity.id)
        return None
    return payload


_CORRELATION = "x-correlation-id"


def correlation_of(request: Request) -> str | None:
    """What the client calls this request, kept with every fact that it leads to."""
    return request.headers.get(_CORRELATION)


async def require_whole(request: Request) -> None:
    """For every request but /health, which says so: nothing is done over a break. Raises: what is broken."""
    if request.url.path != "/health":
        standing: Standing = request.app.state.standing
        standing.require()


async def check_bounds(request: Request) -> None:
    """For every request: what it names by path and header may be unknown, but not endless. Raises: InvalidField."""
    for name, value in request.path_params.items():
        if name != "organization":  # which has a rule of its own
            check_length(value, name)
            if "\0" in value:  # Postgres has no such text
                raise InvalidField(field=name, rule="must not contain the character NUL")
    check_length(request.headers.get(_CORRELATION, ""), _CORRELATION)


def key_of(request: Request) -> str | None:
    """The Idempotency-Key of a POST; None without one. Raises: InvalidField."""
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    if key is not None and not 1 <= len(key) <= idempotency.KEY_LENGTH_MAX:
        raise InvalidField(field="Idempotency-Key", rule=f"must have 1 to {idempotency.KEY_LENGTH_MAX} characters")
    return key
