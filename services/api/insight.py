"""Reads that look behind the numbers: explanations, conservation, balances as of and as known, metrics."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from projections.settlement.conservation import Residue
from services.api.queries import one, parameters_of, takes, whole_number
from services.api.requests import api_of, organization_of, require_organization, waiter_of
from services.api.wire import answer, day, instant, unescaped
from services.audit.conservation import check_organization
from services.audit.residues import conservation as residue_of_rows
from services.explain.reading import LIMIT_DEFAULT, LIMIT_MAX, Asked, explain_stored
from services.readside.live import live_schema, reading_live
from services.readside.past import balance

router = APIRouter(default_response_class=Response, tags=["insight"])
PREFIX = "/organizations/{organization}"

_METRICS = """\
# HELP trueup_unexplained_amount Money in the live read models that no law of conservation explains.
# TYPE trueup_unexplained_amount gauge
trueup_unexplained_amount {unexplained}
# HELP trueup_accounts_waiting Accounts that wait to be settled after a change of catalog, clock or terms.
# TYPE trueup_accounts_waiting gauge
trueup_accounts_waiting {waiting}
"""


@router.get(PREFIX + "/bills/{bill}/lineitems/{line}/explain", openapi_extra=takes("limit"))
async def explain(request: Request, bill: str, line: str) -> Response:
    """Why a line of a bill, issued or pending, is what it is, down to single events."""
    limit = whole_number(parameters_of(request), "limit", LIMIT_DEFAULT, 0, LIMIT_MAX)
    api, organization = api_of(request), await _organization(request)
    asked = Asked(organization, bill, line, limit)
    return answer(await explain_stored(api.postgres, api.bootstrap, waiter_of(request), asked))


@router.get(PREFIX + "/commitments/{id}/balance", openapi_extra=takes("asOf", "knownAt"))
async def commitment_balance(request: Request, id: str) -> Response:
    """What was spent and left as of a service day, as known at a moment of log time; with its burn-down."""
    found = parameters_of(request)
    as_of, known_at = one(found, "asOf"), one(found, "knownAt")
    api, organization = api_of(request), await _organization(request)
    asked = balance.Asked(
        organization,
        id,
        day(as_of, "asOf") if as_of is not None else None,
        _moment(known_at) if known_at is not None else None,
    )
    return answer(await balance.balance_document(api.postgres, api.bootstrap, waiter_of(request), asked))


@router.get(PREFIX + "/conservation")
async def conservation(request: Request) -> Response:
    """Every law of every family; a failing one names its commitment, or its account and period, and its residue."""
    organization = await _organization(request)
    found = await check_organization(api_of(request).postgres, organization)
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


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus's text format."""
    async with reading_live(api_of(request).postgres) as connection:
        unexplained = await residue_of_rows(connection, await live_schema(connection))
        waiting = await connection.fetchval("SELECT count(*) FROM due_accounts")
    shown = f"{unexplained:.2f}" if unexplained == round(unexplained, 2) else f"{unexplained:f}"
    text = _METRICS.format(unexplained=shown, waiting=waiting)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def _organization(request: Request) -> str:
    organization = organization_of(request)
    async with api_of(request).postgres.connection() as connection:
        await require_organization(connection, organization)
    return organization


def _moment(text: str) -> datetime:
    return instant({"knownAt": unescaped(text)}, "knownAt")


def _failure(residue: Residue) -> dict[str, Any]:
    document = {
        "law": residue.law,
        "commitmentId": residue.agreement_id,
        "accountId": residue.account_id,
        "periodStart": residue.period_start,
        "residue": residue.residue,
    }
    return {name: value for name, value in document.items() if value is not None}
