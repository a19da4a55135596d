"""The FastAPI app: routers put together, parts opened and closed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial

import structlog
from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.api import (
    accounts,
    auth,
    balances,
    bill_jobs,
    bill_life,
    bills,
    commitments,
    insight,
    line_items,
    organization,
)
from services.api.errors import handle_errors
from services.api.memos import memo_router
from services.api.requests import Api, api_of, check_bounds
from services.api.resources import resource_router
from services.api.wire import answer
from services.billing.runner import JobRunner
from services.postgres import open_postgres
from services.store.generations import load_generations

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Crash:
    """`app.state.crashed`: set once the runner of bill jobs has ended by a bug; whoever serves the app ends then."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    error: BaseException | None = None


health_router = APIRouter(tags=["health"], default_response_class=Response)


@health_router.get("/health")
async def health(request: Request) -> Response:
    """Whether this process answers and Postgres does; 503 names what is missing."""
    async with api_of(request).postgres.connection() as connection:
        await connection.fetchval("SELECT 1")
    return answer({"status": "ok"})


def create_app(database_url: str, bootstrap: str) -> FastAPI:
    """The app, on these addresses. Its start raises: PostgresUnreachableError, NotMigratedError."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_postgres(database_url, most=20) as postgres:
            async with postgres.connection() as connection:
                generations = await load_generations(connection)
            app.state.api = Api(postgres, generations, bootstrap)
            app.state.bill_jobs = JobRunner(postgres, bootstrap)
            running = asyncio.create_task(app.state.bill_jobs.run())
            running.add_done_callback(partial(_end_with, crashed))
            try:
                yield
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    crashed = Crash()
    app = FastAPI(title="Trueup", lifespan=lifespan, redirect_slashes=False, dependencies=[Depends(check_bounds)])
    app.state.crashed = crashed
    handle_errors(app)
    app.include_router(health_router)
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
