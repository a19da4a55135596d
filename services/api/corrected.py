"""Corrections of usage, with actor, time and reason; and the effect of a correction on bills."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from fastapi import Depends
from starlette.responses import Response

from events.absent import only_given
from events.actors import shown
from events.envelope import Envelope
from events.facts.corrections import UsageAmended, UsageCorrection, UsageFields, UsageVoided
from services.api.calls import Call, Caller, organization_router
from services.api.correction_answers import CorrectedUsage
from services.api.paging import Page, Paging
from services.api.parameters import Choice, Text
from services.api.shown import listed
from services.api.what_if import compared_document
from services.commands.correction_rules import LoggedUsage
from services.corrections.choosing import SupposedChange, compared
from services.corrections.correct import TYPES, corrections
from services.corrections.usage_in_log import account_called
from services.readside.family_now import LoadedFamily
from services.store.listing import SqlCondition

router = organization_router("usage")


@router.get("/usage/corrections", response_model=listed(CorrectedUsage))
async def list_corrections(
    call: Caller,
    code: Annotated[str | None, Depends(Text("accountCode"))],
    status: Annotated[str | None, Depends(Choice("status", tuple(TYPES)))],
    page: Annotated[Page, Depends(Paging())],
) -> Response:
    """Corrections, newest first: an event that was amended and then voided appears twice. With actor, time and
    reason.
    """
    conditions = page.older("e.position")
    async with call.reading() as connection:
        if code:
            account = await account_called(connection, call.organization, code)
            conditions.append(SqlCondition("e.account = {}", account.id))
        corrected = await corrections(
            connection,
            call.organization,
            [status] if status else list(TYPES),
            conditions,
            page.fetched,
            call.api.generations.commands,
        )
    shown = [
        corrected_document(correction.envelope) | {"partition": correction.partition}
        for correction in page.shown(corrected)
    ]
    return page.answer(shown, corrected, lambda correction: correction.position)


async def in_money(
    call: Call, now: LoadedFamily, changes: Sequence[SupposedChange], through: date
) -> list[dict[str, Any]]:
    """The bills of a run for the date, by account and currency, as they are and with these changes of an account's
    events: the account's own, and those of its family that change with them.
    """
    if not changes:
        return []
    accounts = now.resources.accounts
    return [
        compared_document(bill) | {"accountId": id, "accountCode": accounts[id].body.code}
        for id, bill in await compared(call.postgres, call.api.cluster, now, changes, through)
    ]


def event_document(usage: LoggedUsage) -> dict[str, Any]:
    """The document of an event that already has the wanted state."""
    rated = usage.rated
    return {
        "eventId": str(usage.event_id),
        "accountId": usage.account_id,
        "source": rated.usage_source,
        "id": rated.usage_id,
        "meterId": rated.meter_id,
        "ts": rated.ts,
        "partition": usage.partition,
        "offset": usage.offset,
        "status": "COUNTED",
        "was": _shown(usage.fields),
    }


def corrected_document(envelope: Envelope) -> dict[str, Any]:
    """The document of a correction, without its partition."""
    fact = envelope.data
    assert isinstance(fact, UsageCorrection)
    document = {
        "eventId": str(fact.event_id),
        "accountId": envelope.account,
        "source": fact.usage_source,
        "id": fact.usage_id,
        "meterId": fact.meter_id,
        "ts": fact.ts,
        "offset": fact.log_offset,
        "correctionId": str(envelope.id),
        "dtCreated": envelope.time,
        "createdBy": shown(envelope.actor),
    }
    return document | said_of(fact)


def said_of(fact: UsageCorrection) -> dict[str, Any]:
    """The event's fields before and after the correction."""
    said = {
        "status": "VOIDED" if isinstance(fact, UsageVoided) else "AMENDED",
        "was": _shown(fact.was),
        "now": _shown(fact.now) if isinstance(fact, UsageAmended) else None,
        "reason": fact.reason,
    }
    return only_given(said)


def _shown(fields: UsageFields) -> dict[str, Any]:
    """The non-empty maps of fields."""
    return {name: value for name in UsageFields.model_fields if (value := getattr(fields, name))}
