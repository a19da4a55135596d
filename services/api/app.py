"""The FastAPI app: routers put together, parts opened and closed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

import structlog
from fastapi import Depends, FastAPI

from services.api import (
    accounts,
    auth,
    balances,
    bill_jobs,
    bill_life,
    bills,
    commitments,
    health,
    insight,
    line_items,
    organization,
)
from services.api.errors import handle_errors
from services.api.health import Health
from services.api.memos import memo_router
from services.api.requests import Api, check_bounds
from services.api.resources import resource_router
from services.billing.runner import JobRunner
from services.billing.watching import open_watcher
from services.postgres import open_postgres
from services.store.generations import load_generations

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Crash:
    """`app.state.crashed`: set once the runner of bill jobs has ended by a bug; whoever serves the app ends then."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    error: BaseException | None = None


#: Connections of the pool, and how many of them one organization may hold. Beside it there are three: the watcher's,
#: that of /health, and the one whose session holds the locks of bill jobs.
CONNECTIONS, SHARE = 20, 5


def create_app(database_url: str, bootstrap: str) -> FastAPI:
    """The app, on these addresses. Its start raises: PostgresUnreachableError, NotMigratedError."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            open_postgres(database_url, most=CONNECTIONS, share=SHARE) as postgres,
            open_watcher(database_url, bootstrap) as watcher,
        ):
            async with postgres.connection() as connection:
                generations = await load_generations(connection)
            app.state.api = Api(postgres, generations, bootstrap, watcher)
            app.state.health = Health(database_url, generations, watcher)
            app.state.bill_jobs = JobRunner(postgres, watcher)
            running = asyncio.create_task(app.state.bill_jobs.run())
            running.add_done_callback(partial(_end_with, crashed))
            try:
                yield
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                await app.state.health.close()

    crashed = Crash()
    app = FastAPI(title="Trueup", lifespan=lifespan, redirect_slashes=False, dependencies=[Depends(check_bounds)])
    app.state.crashed = crashed
    handle_errors(app)
    app.include_router(health.router)
    app.include_router(auth.router)
    app.include_router(organization.router)
    # Before the table's routes: `/balances/{id}/transactions` is theirs alone, `/bills/search` is not a bill's id.
    app.include_router(accounts.router)
    app.include_router(balances.router)
    app.include_router(commitments.router)
    app.include_router(bills.router)
    app.include_router(line_items.router)
    app.include_router(bill_life.router)
    app.include_router(memo_router())
    app.include_router(bill_jobs.router)
    app.include_router(insight.router)
    app.include_router(resource_router())
    return app


def _end_with(crashed: Crash, running: "asyncio.Task[None]") -> None:
    """The runner of bill jobs ends by cancellation only; any other end is a bug that must not pass in silence."""
    if not running.cancelled() and (error := running.exception()) is not None:
        log.critical("bill_jobs_failed", exc_info=error)
        crashed.error = error
        crashed.event.set()
