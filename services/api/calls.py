"""The caller and the organization of a request: the first step of every path below `/organizations/{orgId}`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated, Any
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Depends
from starlette.requests import Request

from projections.resources import Resources
from services.access.denials import MissingScopeError, OtherOrganizationError
from services.access.gate import Gate
from services.access.tokens import Identity
from services.api.edges.edge import CORRELATION, CORRELATION_MAX
from services.api.edges.rates import keep_to_rate
from services.api.grouping import Groups
from services.api.health import Health
from services.api.parameters import check_length, check_no_nul, check_parameters
from services.api.routing import DeclaredRoute, router_of
from services.api.scopes import PREFIX
from services.api.standing import Standing
from services.billing.runner import BillRunner
from services.commands.organization_id import check_organization_id
from services.commands.organization_rules import check_exists
from services.commands.refused import UnknownResource
from services.concurrency import Turns
from services.exports.carrying import ExportRunner
from services.kafka import Cluster, SharedWriter
from services.personal.keyring import Keyring
from services.postgres import Postgres
from services.readside.live import LastLive
from services.readside.waiter import HTTP_SECONDS, Waiter
from services.readside.watching import Watcher
from services.store.generations import Generations
from services.store.view import load_config
from services.webhooks.rules import WebhookRules

#: Half of the API's connections: the others are for reads, however many organizations give commands.
COMMANDS_AT_ONCE = 10
#: The parameter of a link that is opened without signing in.
LINK = "access_token"


def _commands() -> Groups:
    what = "the deciding of commands"
    return Groups(Turns(what, most=COMMANDS_AT_ONCE, share=1), what)


@dataclass(frozen=True, slots=True)
class Api:
    """The shared state of the handlers: `app.state.api`."""

    postgres: Postgres
    generations: Generations
    cluster: Cluster
    watcher: Watcher
    #: Sends submitted measurements to Kafka.
    usage: SharedWriter
    #: Authenticates callers; it also signs the tokens of links.
    gate: Gate
    health: Health
    #: Run the requested jobs: bills, and exports.
    bill_jobs: BillRunner
    exports: ExportRunner
    #: The beginning of links; None: the address of the request.
    public_url: str | None = None
    #: The thumbprint of the key that signs proofs; None: the key that signed last.
    proof_key: str | None = None
    #: The operator's key for personal data.
    keyring: Keyring = field(default_factory=Keyring)
    #: The rules for webhooks' addresses, and the key that encrypts their secrets.
    webhooks: WebhookRules = field(default_factory=WebhookRules)
    #: The read models that were live at the last query.
    live: LastLive = field(default_factory=LastLive)
    #: One command of an organization is decided at a time. The others wait here, without a connection: connections are
    #: for reads and for other organizations.
    commands: Groups = field(default_factory=_commands)


@dataclass(slots=True, repr=False)
class Call:
    """A request about an organization. Connections of `api` are taken in the organization's turn."""

    identity: Identity
    organization: str
    api: Api
    request: Request
    _resources: Resources | None = None

    @property
    def actor(self) -> str:
        """The caller, as facts and the wire name it."""
        return self.identity.actor

    @property
    def postgres(self) -> Postgres:
        """Connections in the organization's turn."""
        return self.api.postgres

    @property
    def waiter(self) -> Waiter:
        """Waits for the read models, but no longer than clients do."""
        return Waiter(self.api.watcher, HTTP_SECONDS)

    @property
    def correlation(self) -> str | None:
        """The client's name for this request, stored with every fact that it causes."""
        return self.request.headers.get(CORRELATION)

    async def configured(self, connection: Any) -> Resources:
        """The configuration and the test clock, read once per request. Raises: UnknownOrganization."""
        if self._resources is None:
            resources = await load_config(connection, self.organization)
            check_exists(resources)
            self._resources = resources
        return self._resources

    def found(self, resources: Resources) -> None:
        """Store the configuration and test clock that a command has read under the organization's lock."""
        self._resources = resources

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        """A connection, if the organization exists. Raises: UnknownOrganization, PostgresUnreachableError."""
        async with self.postgres.connection() as connection:
            await self.configured(connection)
            yield connection

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[Any]:
        """A connection for looking up a resource. A found resource proves that its organization exists, so that is
        checked only if none is found. Raises: errors of the block, with UnknownOrganization in place of
        UnknownResource.
        """
        async with self.postgres.connection() as connection:
            try:
                yield connection
            except UnknownResource:
                await self.configured(connection)
                raise


async def signed_in(request: Request) -> Identity:
    """The caller, by the request's token. Raises: NotSignedInError, AccessUnknownError."""
    gate: Gate = request.app.state.gate
    link = request.query_params.get(LINK)
    if link is not None and request.method == "GET":
        asked = [item for item in request.query_params.multi_items() if item[0] != LINK]
        return gate.linked(link, address_of(request.scope["path"], asked))
    return gate.bearer_of(request.headers.get("authorization", ""))


def address_of(path: str, query: Sequence[tuple[str, str]]) -> str:
    """The address that a link's token is valid for: the path and its parameters, in one spelling."""
    return f"{path}?{urlencode(query)}" if query else path


async def call_of(request: Request, orgId: str, identity: Annotated[Identity, Depends(signed_in)]) -> Call:
    """The entry of every path below an organization: identifies the caller and the organization, and grants or refuses
    access.

    Nothing is looked up, so no answer reveals which resources exist. Raises: OtherOrganizationError, MissingScopeError,
    InvalidField for an organization that cannot be a part of usage's keys.
    """
    if not identity.is_of(orgId):
        raise OtherOrganizationError
    route: DeclaredRoute = request.scope["route"]
    if not route.needed & identity.scopes:
        raise MissingScopeError(needed=" or ".join(sorted(route.needed)))
    check_organization_id(orgId)
    structlog.contextvars.bind_contextvars(organization=orgId)
    api: Api = request.app.state.api
    return Call(identity, orgId, replace(api, postgres=api.postgres.of(orgId)), request)


#: A handler's parameter: `call: Caller`.
Caller = Annotated[Call, Depends(call_of)]


async def require_whole(request: Request) -> None:
    """For every request except /health, which reports it: nothing is done on a broken store or log. Raises: the
    break.
    """
    if request.scope["path"] != "/health":
        standing: Standing = request.app.state.standing
        standing.require()


async def check_bounds(request: Request) -> None:
    """For every request: names in its path and headers may be unknown, but have a limited length. Raises:
    InvalidField.
    """
    for name, value in request.path_params.items():
        if name != "orgId":  # which has its own check
            check_length(value, name)
            check_no_nul(value, name)
    check_length(request.headers.get(CORRELATION, ""), CORRELATION, CORRELATION_MAX)


#: Dependencies of every path.
EVERYWHERE = (Depends(require_whole), Depends(check_bounds))


def outer_router(*tags: str) -> APIRouter:
    """A router of paths outside organizations."""
    return router_of(*tags, dependencies=EVERYWHERE)


def organization_router(*tags: str, prefix: str = "") -> APIRouter:
    """A router of paths below an organization: every request passes `call_of`.

    Prefix and dependencies stand in the routes themselves, because each level of included routers searches all routes
    twice for each request.
    """
    dependencies = [Depends(signed_in), *EVERYWHERE, Depends(call_of), Depends(keep_to_rate), Depends(check_parameters)]
    return router_of(*tags, prefix=f"{PREFIX}{prefix}", dependencies=dependencies)
