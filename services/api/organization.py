"""Paths of the organization itself: its configuration and, in one with a test clock, its time.

A test clock stands at 1970-01-01T00:00:00Z until its first POST. Every command of such an organization is dated by the
clock, and usage counts as arrived in it, so a story begins by setting the clock to its first day.
"""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from events.resources.organization import OrganizationConfig
from services.api.requests import api_of, organization_of, require_organization, run_command
from services.api.resources import PREFIX
from services.api.wire import answer, document_of, instant, parse_object
from services.commands.bodies import parse_model, version_of
from services.commands.messages import AdvanceClock, Command, ConfigureOrganization
from services.store.execute import Executed, now_of
from services.store.view import load_config

router = APIRouter(prefix=PREFIX, tags=["organization"], default_response_class=Response)


@router.put("/organizationconfig")
async def configure(request: Request) -> Response:
    """Replace the configuration; the first PUT brings the organization into being."""

    async def make(_: Any, body: bytes, now: datetime) -> Command:
        document = parse_object(body)
        return ConfigureOrganization(parse_model(OrganizationConfig, document), version_of(document), now)

    def respond(done: Executed, _: Any) -> Any:
        assert done.after.config is not None
        return document_of(done.after.config)

    return await run_command(request, make, respond, must_exist=False)


@router.get("/organizationconfig")
async def configuration(request: Request) -> Response:
    """The configuration."""
    organization = organization_of(request)
    async with api_of(request).postgres.connection() as connection:
        await require_organization(connection, organization)
        resources = await load_config(connection, organization)
    assert resources.config is not None
    return answer(document_of(resources.config))


@router.post("/clock")
async def advance_clock(request: Request) -> Response:
    """Move the test clock forward: `{"now": "2026-02-01T00:00:00Z"}`."""

    async def make(_: Any, body: bytes, __: datetime) -> Command:
        return AdvanceClock(instant(parse_object(body), "now"))

    return await run_command(request, make, lambda done, _: {"now": now_of(done.after)})


@router.get("/clock")
async def clock(request: Request) -> Response:
    """The organization's time: its test clock's, else the real one."""
    organization = organization_of(request)
    async with api_of(request).postgres.connection() as connection:
        await require_organization(connection, organization)
        return answer({"now": now_of(await load_config(connection, organization))})
