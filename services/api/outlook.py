"""Reads that look ahead: burn-downs of prepayments and balances, the progress of minimums, each with forecasts."""

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import Depends
from starlette.responses import Response

from events.facts.resources import ResourceUpdated
from services.api.calls import Call, Caller, organization_router
from services.api.commitments import stream_of
from services.api.outlook_answers import BurnDownAnswer, ProgressAnswer
from services.api.parameters import Day, Instant, Whole
from services.api.wire import answer
from services.readside.past import outlook

router = organization_router("outlook")

#: Default and largest number of days that a burn-down lists.
DAYS_DEFAULT, DAYS_MAX = 400, 1_100
_AS_OF, _KNOWN_AT, _DAYS = Day("asOf"), Instant("knownAt"), Whole("days", DAYS_DEFAULT, 1, DAYS_MAX)


@router.get("/commitments/{id}/burndown", response_model=BurnDownAnswer)
async def commitment_burn_down(
    call: Caller,
    id: str,
    as_of: Annotated[date | None, Depends(_AS_OF)],
    known_at: Annotated[datetime | None, Depends(_KNOWN_AT)],
    days: Annotated[int, Depends(_DAYS)],
) -> Response:
    """What was left of a prepayment at the end of each day, what drew on it, and when it will run out."""
    return await _burn_down(call, "commitment", id, as_of, known_at, days)


@router.get("/balances/{id}/burndown", response_model=BurnDownAnswer)
async def balance_burn_down(
    call: Caller,
    id: str,
    as_of: Annotated[date | None, Depends(_AS_OF)],
    known_at: Annotated[datetime | None, Depends(_KNOWN_AT)],
    days: Annotated[int, Depends(_DAYS)],
) -> Response:
    """What was left of a balance at the end of each day, what drew on it, and when it will run out."""
    return await _burn_down(call, "balance", id, as_of, known_at, days)


@router.get("/commitments/{id}/progress", response_model=ProgressAnswer)
async def commitment_progress(
    call: Caller,
    id: str,
    as_of: Annotated[date | None, Depends(_AS_OF)],
    known_at: Annotated[datetime | None, Depends(_KNOWN_AT)],
) -> Response:
    """What has counted toward a minimum's commitment period by day, and the true-up to expect at its end."""
    await stream_of(call, "commitment", id)
    question = outlook.OutlookAsked(call.organization, "commitment", id, as_of, known_at)
    return answer(await outlook.progress_document(call.postgres, call.api.cluster, call.waiter, question))


async def _burn_down(
    call: Call,
    kind: Literal["commitment", "balance"],
    id: str,
    as_of: date | None,
    known_at: datetime | None,
    days: int,
) -> Response:
    events = [event for _, event in await stream_of(call, kind, id)]
    amended = [event.time for event in events if isinstance(event.data, ResourceUpdated)]
    question = outlook.OutlookAsked(call.organization, kind, id, as_of, known_at, amended, days)
    return answer(await outlook.burn_down_document(call.postgres, call.api.cluster, call.waiter, question))
