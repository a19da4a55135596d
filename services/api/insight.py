"""Reads that explain the numbers: explanations, conservation, balances as of and as known."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends
from starlette.responses import Response

from events.absent import only_given
from projections.settlement.conservation import Residue
from services.api.as_known import cut_of
from services.api.calls import Call, Caller, organization_router
from services.api.insight_answers import CommitmentBalance, ConservationAnswer, ExplanationAnswer
from services.api.paging import Page, Paging
from services.api.parameters import Day, Instant
from services.api.wire import answer
from services.audit.conservation import check_organization
from services.explain.bill_line import LIMIT_MAX, LineAsked, explain_stored
from services.readside.past import balance

router = organization_router("insight")
_EVENTS = Paging(LIMIT_MAX, oldest_first=True, least=0, size_name="limit")
_AS_OF, _KNOWN_AT = Day("asOf"), Instant("knownAt")


@router.get("/bills/{bill}/lineitems/{line}/explain", response_model=ExplanationAnswer)
async def explain(
    call: Caller,
    bill: str,
    line: str,
    page: Annotated[Page, Depends(_EVENTS)],
    known_at: Annotated[datetime | None, Depends(_KNOWN_AT)],
) -> Response:
    """The explanation of a line of a bill, issued or pending, down to single events.

    `limit` of its usage events are listed; with `nextToken` those that follow, each page at the cost of the first. With
    `knownAt`: for a bill that was pending at that moment, the explanation of the line as it was then.
    """
    await _require(call)
    cut = None if known_at is None else await cut_of(call, known_at)
    question = LineAsked(call.organization, bill, line, page.fetched if page.size else 0, page.before, cut)
    told = await explain_stored(call.postgres, call.api.cluster, call.waiter, question)
    events = told["events"]
    return answer(told | {"events": page.shown(events)} | page.following(events, lambda event: int(event["offset"])))


@router.get("/commitments/{id}/balance", response_model=CommitmentBalance)
async def commitment_balance(
    call: Caller,
    id: str,
    as_of: Annotated[date | None, Depends(_AS_OF)],
    known_at: Annotated[datetime | None, Depends(_KNOWN_AT)],
) -> Response:
    """The spent and remaining amounts as of a service day, as known at a moment of log time; with the burn-down."""
    await _require(call)
    question = balance.BalanceAsked(call.organization, id, as_of, known_at)
    return answer(await balance.balance_document(call.postgres, call.api.cluster, call.waiter, question))


@router.get("/conservation", response_model=ConservationAnswer)
async def conservation(call: Caller) -> Response:
    """Every law of every family; a failing law names its commitment, or its account and period, and its residue."""
    await _require(call)
    laws = await check_organization(call.postgres, call.organization)
    return answer(
        {
            "holds": not laws.failing,
            "unexplained": laws.unexplained,
            "families": laws.families,
            "commitmentsAndBalances": laws.agreements,
            "familiesWaiting": laws.waiting,
            "failing": laws.failing,
            "failures": [_failure(residue) for residue in laws.failures],
        }
    )


async def _require(call: Call) -> None:
    """Check the organization first, because the calls that follow have connections of their own. Raises:
    UnknownOrganization.
    """
    async with call.reading():
        pass


def _failure(residue: Residue) -> dict[str, Any]:
    document = {
        "law": residue.law,
        "commitmentId": residue.agreement_id,
        "accountId": residue.account_id,
        "periodStart": residue.period_start,
        "residue": residue.residue,
    }
    return only_given(document)
