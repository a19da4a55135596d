"""Events of usage voided by what they have in common, a thousand at a time; and beforehand, what that would do."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BeforeValidator, Field
from starlette.responses import Response

from events.dates import read_instant
from events.resources.base import Code, Day, Model
from events.resources.bounds import Text, items
from projections.calendar import local_day
from projections.entities import AccountEntity
from services.api.calls import Call, Caller, organization_router
from services.api.commanding import Turn, in_turn, once_by_itself
from services.api.correction_answers import VoidedMatching
from services.api.families import family_of
from services.api.sent import Body, Sent
from services.api.what_if import compared_document
from services.billing.run import through_of
from services.commands.correction_rules import LoggedUsage, void
from services.commands.errors import InvalidField
from services.corrections.choosing import CHOSEN_MAX, Conditions, choose, compared
from services.corrections.correcting import Author, correct
from services.corrections.finding import account_called, meter_called
from services.ingest.cloudevent import MAX_SOURCE_LENGTH
from services.ingest.validate import MAX_ID_LENGTH
from services.readside.family_now import LoadedFamily

#: Corrections of one transaction: others of the organization have their turn between two of them.
_AT_ONCE = 100
_Moment = Annotated[datetime, BeforeValidator(read_instant)]
_UsageId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


class MatchingBody(Model):
    """POST usage/void/matching: events of an account that fulfil all that is given, one condition at least.

    `account` and `meter` are codes; an event's time lies in [`from`, `to`). With `dryRun` nothing is voided;
    `lastDateInBillingPeriod` is that of the bills that are compared, today without it.
    """

    account: Code
    meter: Code | None = None
    source: Annotated[str, Field(min_length=1, max_length=MAX_SOURCE_LENGTH)] | None = None
    from_: _Moment | None = Field(None, alias="from")
    to: _Moment | None = None
    ids: Annotated[tuple[_UsageId, ...], items(CHOSEN_MAX), Field(min_length=1)] | None = None
    reason: Text | None = None
    dry_run: bool = False
    last_date_in_billing_period: Day | None = None

    def check(self) -> None:
        """Raises: InvalidField."""
        if (self.meter, self.source, self.from_, self.to, self.ids) == (None,) * 5:
            raise InvalidField(field="meter", rule="is required, or source, from, to or ids")


router = organization_router("usage")


@router.post("/usage/void/matching", response_model=VoidedMatching)
async def void_matching(call: Caller, sent: Annotated[Sent[MatchingBody], Depends(Body(MatchingBody))]) -> Response:
    """Void an account's events that have something in common, or say what that would do to its next bill."""

    async def work() -> dict[str, Any]:
        body = sent.read().body
        body.check()
        async with call.reading() as connection:
            account = await account_called(connection, call.organization, body.account)
            meter = None if body.meter is None else await meter_called(connection, call.organization, body.meter)
        await call.waiter.until_projected()
        now = await family_of(call, account.id)
        conditions = Conditions(
            meter_id=None if meter is None else meter.id,
            source=body.source,
            start=body.from_,
            end=body.to,
            ids=None if body.ids is None else frozenset(body.ids),
        )
        chosen = await choose(call.postgres, call.api.cluster, account, now, conditions)
        document = _told(account, chosen.events) | {"more": chosen.more, "dryRun": body.dry_run}
        if not body.dry_run:
            await _void(call, chosen.events, body.reason)
            return document
        last = body.last_date_in_billing_period
        through = now.today if last is None else through_of(last)
        return document | {"billDate": through, "bills": await _money(call, now, chosen.events, through)}

    return await once_by_itself(call, sent, work)


def _told(account: AccountEntity, events: Sequence[LoggedUsage]) -> dict[str, Any]:
    days = Counter(local_day(event.rated.ts, account.timezone) for event in events)
    return {
        "accountId": account.id,
        "count": len(events),
        "days": [{"day": day, "count": count} for day, count in sorted(days.items())],
    }


async def _void(call: Call, events: Sequence[LoggedUsage], reason: str | None) -> None:
    """In transactions of some each: what is done when this is killed is done, and is not chosen again."""
    for start in range(0, len(events), _AT_ONCE):
        part = events[start : start + _AT_ONCE]

        async def voided(turn: Turn, part: Sequence[LoggedUsage] = part) -> None:
            author = Author(turn.now, call.actor, call.correlation)
            for event in part:
                await correct(
                    turn.connection,
                    event,
                    lambda stands, event=event: void(event, stands, reason),  # type: ignore[misc]
                    author,
                    call.api.generations,
                )

        await in_turn(call, voided)


async def _money(call: Call, now: LoadedFamily, events: Sequence[LoggedUsage], through: date) -> list[dict[str, Any]]:
    """The account's bills of a run for the date, by currency, as they are and without the events."""
    if not events:
        return []
    bills = await compared(call.postgres, call.api.cluster, now, events, through)
    return [compared_document(bill) for bill in bills]
