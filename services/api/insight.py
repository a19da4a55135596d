"""Reads that look behind the numbers: explanations, conservation, balances as of and as known, metrics."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from projections.settlement.conservation import Residue
from services.access.errors import OtherOrganizationError
from services.access.tokens import Identity
from services.api.calls import Call, Caller, organization_router, outer_router, signed_in
from services.api.insight_answers import CommitmentBalance, ConservationAnswer, ExplanationAnswer
from services.api.parameters import Day, Instant, Whole
from services.api.wire import answer
from services.audit.conservation import check_organization
from services.audit.residues import conservation as residue_of_rows
from services.explain.bill_line import LIMIT_DEFAULT, LIMIT_MAX, Asked, explain_stored
from services.postgres import Postgres
from services.readside.live import live_schema, reading_live
from services.readside.past import balance
from services.shared_answers import SharedAnswer

router = organization_router("insight")
#: What is asked of the whole process.
metrics_router = outer_router("insight")
_LIMIT = Whole("limit", LIMIT_DEFAULT, 0, LIMIT_MAX)
_AS_OF, _KNOWN_AT = Day("asOf"), Instant("knownAt")

_METRICS = """\
# HELP trueup_unexplained_amount Money in the live read models that no law of conservation explains.
# TYPE trueup_unexplained_amount gauge
trueup_unexplained_amount {unexplained}
# HELP trueup_accounts_waiting Accounts that wait to be settled after a change of catalog, clock or terms.
# TYPE trueup_accounts_waiting gauge
trueup_accounts_waiting {waiting}
"""
_SHOWN = {"schema": {"type": "string"}, "example": _METRICS.format(unexplained="0.00", waiting=0)}
_TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": _SHOWN}}}


@router.get("/bills/{bill}/lineitems/{line}/explain", response_model=ExplanationAnswer)
async def explain(call: Caller, bill: str, line: str, limit: Annotated[int, Depends(_LIMIT)]) -> Response:
    """Why a line of a bill, issued or pending, is what it is, down to single events."""
    await _require(call)
    asked = Asked(call.organization, bill, line, limit)
    return answer(await explain_stored(call.postgres, call.api.cluster, call.waiter, asked))


@router.get("/commitments/{id}/balance", response_model=CommitmentBalance)
async def commitment_balance(
    call: Caller,
    id: str,
    as_of: Annotated[date | None, Depends(_AS_OF)],
    known_at: Annotated[datetime | None, Depends(_KNOWN_AT)],
) -> Response:
    """What was spent and left as of a service day, as known at a moment of log time; with its burn-down."""
    await _require(call)
    asked = balance.Asked(call.organization, id, as_of, known_at)
    return answer(await balance.balance_document(call.postgres, call.api.cluster, call.waiter, asked))


@router.get("/conservation", response_model=ConservationAnswer)
async def conservation(call: Caller) -> Response:
    """Every law of every family; a failing one names its commitment, or its account and period, and its residue."""
    await _require(call)
    found = await check_organization(call.postgres, call.organization)
    return answer(
        {
            "holds": not found.failing,
            "unexplained": found.unexplained,
            "families": found.families,
            "commitmentsAndBalances": found.agreements,
            "familiesWaiting": found.waiting,
            "failing": found.failing,
            "failures": [_failure(residue) for residue in found.failures],
        }
    )


@metrics_router.get("/metrics", responses=_TEXT)
async def metrics(request: Request, identity: Annotated[Identity, Depends(signed_in)]) -> Response:
    """Prometheus's text format, for an operator's key: its numbers are of all organizations together."""
    if not identity.is_operators:
        raise OtherOrganizationError
    shared: SharedAnswer[str] = request.app.state.metrics
    return Response(await shared.get(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def metrics_text(every: Postgres) -> str:
    """The numbers now."""
    async with reading_live(every) as connection:
        unexplained = await residue_of_rows(connection, await live_schema(connection))
        waiting = await connection.fetchval("SELECT count(*) FROM due_accounts")
    shown = f"{unexplained:.2f}" if unexplained == round(unexplained, 2) else f"{unexplained:f}"
    return _METRICS.format(unexplained=shown, waiting=waiting)


async def _require(call: Call) -> None:
    """What follows has connections of its own. Raises: UnknownOrganization."""
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
    return {name: value for name, value in document.items() if value is not None}
