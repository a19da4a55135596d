"""Bill jobs over HTTP: created here, and run by the runner in this process."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends
from starlette.responses import Response

from events.actors import shown
from events.resources.base import Model
from events.resources.organization import CurrencyConversion
from services.api.answers import JobAnswer
from services.api.bill_bodies import BillJobBody, RecalculateBody
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, once
from services.api.paging import Page, Paging
from services.api.parameters import FLAG, Choice
from services.api.sent import Anything, Body, Sent, Unread
from services.api.shown import listed
from services.api.wire import answer, body_document
from services.billing.jobs import BILL_JOBS, OPEN_STATUSES, STATUSES, BillJob, cancel_job, create_job
from services.billing.life import BillNotPending, load_life
from services.commands.refused import UnknownResource
from services.readside.horizon import bill_day, check_ahead
from services.sight.tracing import TRACES
from services.store.view import get

router = organization_router("billjobs", prefix="/billjobs")
#: m3ter writes it in capitals, and its client sends it unchanged.
_ACTIVE = Choice("active", (*FLAG, "TRUE", "FALSE"))
_JOB, _RECALCULATION = Body(BillJobBody, may_be_absent=True), Body(RecalculateBody, may_be_absent=True)


@router.post("", response_model=JobAnswer)
async def create(call: Caller, sent: Annotated[Sent[BillJobBody], Depends(_JOB)]) -> Response:
    """Start a bill job; the answer shows it PENDING."""

    async def work(turn: Turn) -> dict[str, Any]:
        body = sent.read().body
        for account in body.account_ids or ():
            if await get(turn.connection, call.organization, "account", account) is None:
                raise UnknownResource(kind="account", id=account)
        return await _made(turn, body, _through(body, turn.now.date()))

    return _started(call, await once(call, sent, work))


@router.post("/recalculate", response_model=JobAnswer)
async def recalculate(call: Caller, sent: Annotated[Sent[RecalculateBody], Depends(_RECALCULATION)]) -> Response:
    """Calculate pending bills again.

    Bills without due amounts are dropped; those dated before their account's latest bill move.
    """

    async def work(turn: Turn) -> dict[str, Any]:
        body = sent.read().body
        for bill in body.bill_ids:
            if (await load_life(turn.connection, call.organization, bill)).pending is None:
                raise BillNotPending(id=bill, rule="is recalculated")
        return await _made(turn, body, turn.now.date())

    return _started(call, await once(call, sent, work))


async def _made(turn: Turn, body: Model, through: date) -> dict[str, Any]:
    """A new job of this request, which settles for this date."""
    organization, actor = turn.call.organization, turn.call.actor
    await BILL_JOBS.check_room(turn.connection, organization)
    stored = json.loads(body.model_dump_json(by_alias=True, exclude_unset=True))
    return job_document(
        await create_job(turn.connection, organization, str(uuid4()), stored, through, datetime.now(UTC), actor)
    )


def _started(call: Call, response: Response) -> Response:
    """The job is committed: the runner may start it."""
    if TRACES.on:
        TRACES.remember_asker(json.loads(bytes(response.body))["id"])
    call.api.bill_jobs.wake()
    return response


@router.get("", response_model=listed(JobAnswer))
async def list_all(
    call: Caller,
    page: Annotated[Page, Depends(Paging())],
    status: Annotated[str | None, Depends(Choice("status", STATUSES))],
    active: Annotated[str | None, Depends(_ACTIVE)],
) -> Response:
    """The bill jobs, newest first; `active` and `status` by m3ter's rules."""
    async with call.reading() as connection:
        wanted = asked_statuses(status, active=(active or "").lower() == "true")
        jobs = await BILL_JOBS.newest(connection, call.organization, page.before, wanted, page.fetched)
    return page.answer([job_document(job) for job in page.shown(jobs)], jobs, lambda job: job.sequence)


def asked_statuses(status: str | None, *, active: bool) -> list[str]:
    """The statuses that a list is filtered by."""
    return [each for each in (OPEN_STATUSES if active else STATUSES) if status in (None, each)]


@router.get("/{job}", response_model=JobAnswer)
async def get_one(call: Caller, job: str) -> Response:
    """The progress of the job."""
    async with call.reading() as connection:
        stored = await BILL_JOBS.get(connection, call.organization, job)
    if stored is None:
        raise UnknownResource(kind="bill job", id=job)
    return answer(job_document(stored))


@router.post("/{job}/cancel", response_model=JobAnswer)
async def cancel(call: Caller, job: str, sent: Annotated[Unread, Depends(Anything())]) -> Response:
    """End the job after its present families; bills it has issued stay. A finished job does not change."""

    async def work(turn: Turn) -> dict[str, Any]:
        connection = turn.connection
        cancelled = await cancel_job(connection, call.organization, job, datetime.now(UTC), call.actor)
        cancelled = cancelled or await BILL_JOBS.get(connection, call.organization, job)
        if cancelled is None:
            raise UnknownResource(kind="bill job", id=job)
        return job_document(cancelled)

    return await once(call, sent, work)


def _through(body: BillJobBody, today: date) -> date:
    """The date to settle for. Raises: InvalidField."""
    if body.last_date_in_billing_period is None and body.bill_date is not None:
        check_ahead(body.bill_date, today, "billDate")
        return body.bill_date
    return bill_day(body.last_date_in_billing_period, today)


def job_document(job: BillJob) -> dict[str, Any]:
    """The job as the wire shows it; `pending` counts the families that are not settled yet.

    Extension: `failures`, if there are any, names what could not be billed, each `accountId` or `billId` with its
    `message`; with neither, it is why the job ended early. A later job bills the rest.
    """
    return {
        "id": job.id,
        "version": job.version,
        "status": job.status,
        "type": "RECALCULATE" if job.recalculates else "CREATE",
        **job.request,
        **_numbered(job.request.get("currencyConversions")),
        "billIds": list(job.bill_ids),
        **({"failures": list(job.failures)} if job.failures else {}),
        "total": job.total,
        "pending": job.total - job.settled,
        "dtCreated": job.created,
        "dtLastModified": job.modified,
        "createdBy": shown(job.created_by),
        "lastModifiedBy": shown(job.modified_by),
    }


def _numbered(conversions: Sequence[Any] | None) -> dict[str, Any]:
    """The rates of a request: stored as facts are, with numbers as texts; on the wire they are numbers."""
    if conversions is None:
        return {}
    rates = [CurrencyConversion.model_validate(conversion) for conversion in conversions]
    return {"currencyConversions": [body_document(rate) for rate in rates]}
