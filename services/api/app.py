"""The FastAPI app: puts the routers together, and opens and closes the parts that they share."""

import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from importlib.metadata import version

import structlog
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.middleware import Middleware

from events.facts.base import FactModel
from events.resources.base import Model
from services.access.gate import AGAIN_SECONDS, Gate
from services.access.keys import HashedKey, find_keys
from services.access.links import SpentLinks
from services.access.signing_in import SignIn
from services.api import auth, system
from services.api.beside import Crash, beside
from services.api.calls import Api
from services.api.edges.edge import Edge
from services.api.edges.rates import Attempts, Rates
from services.api.followers import Followers
from services.api.health import Health
from services.api.openapi import ABOUT, serve_openapi, serve_pages
from services.api.routers import organization_routers
from services.api.routing import Shortcut
from services.api.scopes import PREFIX, needed_by
from services.api.showing import Showing
from services.api.standing import Standing
from services.api.statuses import handle_errors
from services.api.webhook_answers import WebhookSent
from services.billing.runner import BillRunner
from services.concurrency import cancel_all
from services.console.app import console_routes
from services.console.live import Streams
from services.exports.carrying import ExportRunner
from services.exports.places import ExportFiles
from services.kafka import Cluster, SharedWriter
from services.personal.keyring import Keyring
from services.postgres import Connection, Postgres, Role, open_postgres
from services.readside.watching import open_watcher
from services.shared_answers import AskedTogether
from services.store.fence import Fence
from services.store.generations import Generations
from services.webhooks.rules import WebhookRules

log = structlog.get_logger(__name__)
#: Connections of the pool for requests, how many of them one organization may hold, and connections of the pool for
#: work that belongs to no organization.
CONNECTIONS, SHARE, OF_EVERY = 20, 5, 2
#: Connections outside the pools. These stay open: the watcher's, that of /health, two whose sessions hold the locks of
#: bill jobs and of exports (from the first job of each), and those that are notified of work for alerts and webhooks.
#: Open for a moment only: for reading revoked keys, and for comparing store and log.
THAT_STAY, FOR_A_MOMENT = 6, 2


def create_app(
    database_url: str,
    cluster: Cluster,
    *,
    rates: Rates | None = None,
    token_secret: str | None = None,
    revoked_seconds: float = AGAIN_SECONDS,
    pooler_url: str | None = None,
    public_url: str | None = None,
    proof_key: str | None = None,
    keyring: Keyring | None = None,
    webhook_rules: WebhookRules | None = None,
    exports: ExportFiles | None = None,
) -> FastAPI:
    """The app, on these addresses. Its start raises: PostgresUnreachableError, NotMigratedError.

    `rates`: the request rates of an organization; `token_secret`: the key that signs tokens, by default the database's;
    `revoked_seconds`: how often revoked keys are read; `pooler_url`: the pooler through which requests reach Postgres;
    `public_url`: the beginning of links; `proof_key`: the key that signs proofs; `keyring`: the operator's key for
    personal data; `webhook_rules`: the permitted webhook receivers; `exports`: where files of exports are, and for how
    long.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_pool(role=Role.API, most=CONNECTIONS, share=SHARE) as postgres,
            open_pool(role=Role.WATCH, most=OF_EVERY) as every,
            open_watcher(database_url, cluster) as watcher,
            SharedWriter(cluster) as usage,
        ):

            def hold(generations: Generations) -> None:
                """Make these generations valid for every request that begins from now on."""
                servers = postgres, generations, cluster, watcher, usage
                given = public_url, proof_key, keyring or Keyring(), webhook_rules or WebhookRules()
                parts = *servers, gate, health, bill_jobs, export_jobs, *given
                app.state.api = Api(*parts)

            # Looking up keys holds at most one of the two connections, however many callers sign in and however slow
            # Postgres is; `showing` holds the other.
            app.state.every, keys = every, AskedTogether(partial(_find_keys, every))
            sign_in = app.state.sign_in = SignIn(gate, keys.get, Attempts().failed)
            standing = app.state.standing = Standing(database_url, cluster, fence, hold)
            health = app.state.health = Health(database_url, watcher, standing)
            bill_jobs = BillRunner(postgres, every, watcher)
            export_jobs = ExportRunner(postgres, every, watcher, exports or ExportFiles())
            working = [beside(standing.watch(), crashed), beside(gate.watch(), crashed)]
            try:
                await gate.looked.wait()
                await standing.looked.wait()
                showing, followers = Showing(health, every, cluster), Followers(postgres, every, health, app)
                later = [bill_jobs.run(), export_jobs.run(), showing.watch(), followers.alerts(), followers.webhooks()]
                later.append(followers.held_usage(cluster, usage))
                working += [beside(loop, crashed) for loop in later]
                yield
            finally:
                await cancel_all(working)
                sign_in.close()
                for part in (health, keys):
                    await part.close()

    build_models()

    crashed, fence, gate = Crash(), Fence(), Gate(database_url, token_secret, revoked_seconds)
    open_pool = partial(open_postgres, database_url, fence=fence, pooler=pooler_url)
    app = _app(lifespan)
    app.state.crashed, app.state.gate, app.state.rates = crashed, gate, rates
    handle_errors(app)
    # Added directly: for each request the framework would search included routers a second time.
    for router in (system.health_router, auth.router, *organization_routers()):
        app.router.routes.extend(router.routes)
    app.router.routes.insert(0, Shortcut(app.router.routes))
    serve_openapi(app, WebhookSent)
    serve_pages(app)
    _add_console(app, gate)
    return app


def _app(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """An app without paths."""
    return FastAPI(
        title="Trueup",
        version=version("trueup"),
        description=ABOUT,
        lifespan=lifespan,
        redirect_slashes=False,
        middleware=[Middleware(Edge)],
        docs_url=None,
        redoc_url=None,
        # Requests are traced by services/sight. The framework's own telemetry would trace each of them again, and asks
        # for three providers of the process at every request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )


def _add_console(app: FastAPI, gate: Gate) -> None:
    streams = app.state.streams = Streams(partial(_reached, app))
    spent = SpentLinks(partial(_of_every, app))
    app.router.routes.extend(
        console_routes(app, gate, lambda method, path: needed_by(method, PREFIX + path), streams, spent)
    )


async def _reached(app: FastAPI) -> Mapping[int, tuple[int, int]]:
    """How far each partition is folded: the next offsets of the log and the catalog. Concurrent callers share one
    look.
    """
    projected = (await app.state.health.watcher.now()).projected
    return {at: (offset, projected.catalog_offsets[at]) for at, offset in projected.next_offsets.items()}


def _of_every(app: FastAPI) -> AbstractAsyncContextManager[Connection]:
    """A connection of the pool for work without an organization."""
    every: Postgres = app.state.every
    return every.connection()


async def _find_keys(every: Postgres, ids: Collection[str]) -> dict[str, HashedKey]:
    async with every.connection() as connection:
        return await find_keys(connection, ids)


def build_models() -> None:
    """Build the validators of all facts, of their parts, and of all bodies; otherwise each is built on first use."""
    for base in (FactModel, Model):
        for model in _made_of(base):
            if "[" not in model.__name__:  # a generic model with arguments is only inherited from
                model.model_rebuild()


def _made_of(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _made_of(model)
