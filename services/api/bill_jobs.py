"""Bill jobs over HTTP: asked for here, carried out by the runner in this process."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from events.actors import shown
from events.resources.base import Model
from services.api.bill_bodies import BillJobBody, RecalculateBody
from services.api.callers import actor_of
from services.api.paging import page_asked
from services.api.queries import FLAG, PAGING, is_true, one, parameters_of, takes
from services.api.requests import api_of, body_of, commanding, key_of, organization_of, require_organization
from services.api.wire import answer, encode, parse_object, raw_answer
from services.billing.jobs import (
    OPEN_STATUSES,
    STATUSES,
    BillJob,
    cancel_job,
    check_room,
    create_job,
    get_job,
    list_jobs,
)
from services.billing.life import BillNotPending, load_life
from services.commands.bodies import parse_model
from services.commands.errors import UnknownResource
from services.store import idempotency
from services.store.execute import now_of
from services.store.view import get, load_config

router = APIRouter(prefix="/organizations/{organization}/billjobs")


#: A job's request as it is stored, and the date it settles for: from the connection, the document and today.
MakeJob = Callable[[Any, dict[str, Any], date], Awaitable[tuple[Model, date]]]


@router.post("")
async def create(request: Request) -> Response:
    """Remember the job and start it; the answer shows it PENDING."""
    organization = organization_of(request)

    async def make(connection: Any, document: dict[str, Any], today: date) -> tuple[Model, date]:
        body = parse_model(BillJobBody, document)
        for account in body.account_ids or ():
            if await get(connection, organization, "account", account) is None:
                raise UnknownResource(kind="account", id=account)
        return body, body.through(today)

    return await _create(request, make)


@router.post("/recalculate")
async def recalculate(request: Request) -> Response:
    """Drop those of these pending bills that nothing is due for; move those behind their account's latest bill."""
    organization = organization_of(request)

    async def make(connection: Any, document: dict[str, Any], today: date) -> tuple[Model, date]:
        body = parse_model(RecalculateBody, document)
        for bill in body.bill_ids:
            if (await load_life(connection, organization, bill)).pending is None:
                raise BillNotPending(id=bill, rule="is recalculated")
        return body, today

    return await _create(request, make)


async def _create(request: Request, make: MakeJob) -> Response:
    organization, raw = organization_of(request), await body_of(request)
    asked = idempotency.Request(organization, request.method, request.url.path, key_of(request), raw)
    async with commanding(request) as connection:
        await require_organization(connection, organization)
        payload = await idempotency.first_answer(connection, asked)
        if payload is None:
            today = now_of(await load_config(connection, organization)).date()
            body, through = await make(connection, parse_object(raw) if raw else {}, today)
            await check_room(connection, organization)
            stored = json.loads(body.model_dump_json(by_alias=True, exclude_unset=True))
            now, actor = datetime.now(UTC), actor_of(request)
            job = await create_job(connection, organization, str(uuid4()), stored, through, now, actor)
            payload = encode(job_document(job))
            await idempotency.remember(connection, asked, payload)
    request.app.state.bill_jobs.wake()
    return raw_answer(payload)


@router.get("", openapi_extra=takes(*PAGING, status=STATUSES, active=FLAG))
async def list_all(request: Request) -> Response:
    """Newest first; `active` and `status` as m3ter has them."""
    found = parameters_of(request)
    page, organization = page_asked(found), organization_of(request)
    async with api_of(request).postgres.connection() as connection:
        await require_organization(connection, organization)
        jobs = await list_jobs(connection, organization, page.before, asked_statuses(found), page.fetched)
    return page.answer([job_document(job) for job in page.shown(jobs)], jobs, lambda job: job.sequence)


def asked_statuses(found: dict[str, list[str]]) -> list[str]:
    """The statuses of the jobs that a list is asked for."""
    status, among = one(found, "status"), OPEN_STATUSES if is_true(found, "active") else STATUSES
    return [one for one in among if status in (None, one)]


@router.get("/{job}")
async def get_one(request: Request, job: str) -> Response:
    """How far the job is."""
    organization = organization_of(request)
    async with api_of(request).postgres.connection() as connection:
        await require_organization(connection, organization)
        found = await get_job(connection, organization, job)
    if found is None:
        raise UnknownResource(kind="bill job", id=job)
    return answer(job_document(found))


@router.post("/{job}/cancel")
async def cancel(request: Request, job: str) -> Response:
    """End the job after the families it is at; bills it has issued stay. A finished job stays as it is."""
    organization = organization_of(request)
    async with api_of(request).postgres.transaction() as connection:
        await require_organization(connection, organization)
        found = await cancel_job(connection, organization, job, datetime.now(UTC), actor_of(request))
        found = found or await get_job(connection, organization, job)
    if found is None:
        raise UnknownResource(kind="bill job", id=job)
    return answer(job_document(found))


def job_document(job: BillJob) -> dict[str, Any]:
    """The job as the wire shows it; `pending` counts the families that are not settled yet.

    Ours: `failures`, if there are any, names what could not be billed, each `accountId` or `billId` with its `message`;
    with neither, it is why the job ended early. A later job bills what is left.
    """
    return {
        "id": job.id,
        "version": job.version,
        "status": job.status,
        "type": "RECALCULATE" if job.recalculates else "CREATE",
        **job.request,
        "billIds": list(job.bill_ids),
        **({"failures": list(job.failures)} if job.failures else {}),
        "total": job.total,
        "pending": job.total - job.settled,
        "dtCreated": job.created,
        "dtLastModified": job.modified,
        "createdBy": shown(job.created_by),
        "lastModifiedBy": shown(job.modified_by),
    }
