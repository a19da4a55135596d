"""`dataexports`: bill lines, a journal of them, or usage, as a file that is requested here and written by the runner in
this process.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import IO, Annotated, Any
from uuid import uuid4

from fastapi import Depends
from starlette.responses import Response, StreamingResponse

from events.absent import only_given
from events.actors import shown
from services.access.scopes import Scope
from services.access.tokens import LINK_SECONDS
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, once
from services.api.data_export_bodies import AdhocAnswer, AdhocExport, ExportJobAnswer, ExportUrl
from services.api.links import Link, link_to
from services.api.paging import Page, Paging
from services.api.parameters import Choice, Instant, Text, Texts
from services.api.sent import Body, Sent
from services.api.shown import listed
from services.api.wire import answer
from services.archive.defects import ExtraMissingError, PlaceAwayError, PlaceError
from services.commands.refused import InvalidField, UnknownResource
from services.exports.closing import ABOUT_JOURNAL
from services.exports.jobs import (
    EXPORT_JOBS,
    STATUSES,
    ExportJob,
    ExportNotReadyError,
    ExportRemovedError,
    ExportsAwayError,
    create_export,
)
from services.exports.places import path_of, place_of
from services.exports.reading import ABOUT_LINES, newest_of
from services.exports.watermark import (
    BackwardWatermarksError,
    ForeignWatermarkError,
    FutureWatermarkError,
    Range,
    UnclosedWatermarkError,
    UnreadableWatermarkError,
    Watermark,
    checked_range,
)
from services.store.conditions import LAST_POSITION
from services.store.execute import today_of
from services.store.listing import referred_to

router = organization_router("dataexports", prefix="/dataexports")
_CHUNK_BYTES = 256 * 1024
_MEDIA = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
_BINARY = {name.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}} for name in _MEDIA.values()}
#: The message for a wrong watermark.
_WRONG = (
    *(UnreadableWatermarkError, ForeignWatermarkError, FutureWatermarkError),
    *(BackwardWatermarksError, UnclosedWatermarkError),
)


@router.post("/adhoc", response_model=AdhocAnswer)
async def create(call: Caller, sent: Annotated[Sent[AdhocExport], Depends(Body(AdhocExport))]) -> Response:
    """Start writing bill lines, a journal of them, or sums of usage to a file."""

    async def work(turn: Turn) -> dict[str, Any]:
        body = sent.read().body
        await _check_named(turn, body)
        # Everything acknowledged to this client is included, even if not relayed yet: then the job waits.
        anywhere = Watermark(call.api.generations.commands, LAST_POSITION)
        about = ABOUT_JOURNAL if body.is_journal else ABOUT_LINES
        newest = await newest_of(turn.connection, call.organization, about, anywhere)
        if body.is_journal:
            newest = newest._replace(closed=body.closed_date or today_of(turn.resources))
        span = None if body.source_type == "USAGE" else _range(body, newest)
        kept = body.model_dump_json(by_alias=True, exclude_unset=True, exclude={"since", "until", "closed_date"})
        request = json.loads(kept)
        now, actor = datetime.now(UTC), call.actor
        job = await create_export(turn.connection, call.organization, str(uuid4()), request, span, now, actor)
        return {"jobId": job.id}

    response = await once(call, sent, work)
    call.api.exports.wake()
    return response


async def _check_named(turn: Turn, body: AdhocExport) -> None:
    """Check that the named accounts and meters exist. Raises: UnknownReference."""
    for field, kind, ids in (("accountIds", "account", body.account_ids), ("meterIds", "meter", body.meter_ids)):
        await referred_to(turn.connection, turn.call.organization, field, kind, ids or ())


def _range(body: AdhocExport, end: Watermark) -> Range:
    """The range between the body's watermarks; `end`: its default end. Raises: InvalidField."""
    marks = dict[str, Watermark | None]()
    for name, text in (("since", body.since), ("until", body.until)):
        try:
            marks[name] = None if text is None else Watermark.read(text)
            span = checked_range(marks.get("since"), marks.get("until"), end)
        except _WRONG as error:
            raise InvalidField(field=name, rule=f"cannot be: {error}") from error
    return span


@router.get("/jobs", response_model=listed(ExportJobAnswer))
async def list_all(
    call: Caller,
    page: Annotated[Page, Depends(Paging())],
    status: Annotated[str | None, Depends(Choice("status", STATUSES))],
    ids: Annotated[Sequence[str], Depends(Texts("ids"))],
    start: Annotated[datetime | None, Depends(Instant("dateCreatedStart"))],
    end: Annotated[datetime | None, Depends(Instant("dateCreatedEnd"))],
    schedule: Annotated[str | None, Depends(Text("scheduleId"))],
) -> Response:
    """The exports, newest first; none is of a schedule."""
    wanted: Sequence[str] = STATUSES if status is None else (status,)
    if schedule is not None:
        wanted = ()
    async with call.reading() as connection:
        of, created = call.organization, (start, end)
        jobs = await EXPORT_JOBS.newest(connection, of, page.before, wanted, page.fetched, ids or None, created)
    return page.answer([_document(job) for job in page.shown(jobs)], jobs, lambda job: job.sequence)


@router.get("/jobs/{job}", response_model=ExportJobAnswer)
async def get_one(call: Caller, job: str) -> Response:
    """The progress of the export."""
    return answer(_document(await _existing_job(call, job)))


@router.get("/jobs/{job}/getdownloadurl", response_model=ExportUrl)
async def download_url(call: Caller, job: str) -> Response:
    """A link to the file of a successful job, for a quarter of an hour and without a token."""
    export = await _existing_job(call, job)
    _check_ready(export)
    expires = datetime.now(UTC) + timedelta(seconds=LINK_SECONDS)
    url = link_to(call, f"/dataexports/jobs/{export.id}/file", Scope.READ)
    return answer({"url": url, "expirationTime": expires.replace(microsecond=0)})


@router.get("/jobs/{job}/file", response_class=Response, responses={200: {"content": _BINARY}})
async def download(call: Caller, job: str, _link: Annotated[None, Depends(Link())]) -> Response:
    """The file of a successful job, for a token, or by its link."""
    export = await _existing_job(call, job)
    _check_ready(export)
    file = await asyncio.to_thread(_opened, call.api.exports.url, path_of(export))
    if file is None:
        raise UnknownResource(kind="file of export job", id=job)
    name = f"{export.kind}-{export.id}.{export.format}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_chunks(file), headers=headers, media_type=_MEDIA[export.format])


def _opened(url: str, path: str) -> IO[bytes] | None:
    """The file at this path; None if it does not exist. Raises: ExportsAwayError."""
    try:
        return place_of(url).reading(path)
    except (ExtraMissingError, PlaceError, PlaceAwayError) as error:
        raise ExportsAwayError(cause=error) from error


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    try:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk
    finally:
        file.close()


async def _existing_job(call: Call, id: str) -> ExportJob:
    """The job with this id. Raises: UnknownOrganization, UnknownResource."""
    async with call.reading() as connection:
        job = await EXPORT_JOBS.get(connection, call.organization, id)
    if job is None:
        raise UnknownResource(kind="export job", id=id)
    return job


def _check_ready(job: ExportJob) -> None:
    """Check that the job's file is there. Raises: ExportNotReadyError, ExportRemovedError."""
    if job.status != "SUCCEEDED":
        raise ExportNotReadyError(id=job.id, status=job.status)
    if job.removed is not None:
        raise ExportRemovedError(id=job.id, day=job.removed.date())


def _document(job: ExportJob) -> dict[str, Any]:
    document = {
        "id": job.id,
        "version": job.version,
        "status": job.status,
        **job.request,
        "exportFileFormat": job.request.get("exportFileFormat") or "CSV",
        "since": job.since,
        "until": job.until,
        "rows": job.rows,
        "message": job.message,
        "dateCreated": job.created,
        "startedAt": job.started,
        "createdBy": shown(job.created_by),
        "fileRemovedAt": job.removed,
    }
    return only_given(document)
