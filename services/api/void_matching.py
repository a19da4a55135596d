"""Void usage events by shared properties, a thousand at a time; or show the effect without voiding."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
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
from services.api.commanding import in_turn, once_by_itself
from services.api.corrected import in_money
from services.api.correction_answers import VoidedMatching
from services.api.families import family_of
from services.api.sent import Body, Sent
from services.commands.correction_rules import LoggedUsage, stands_of, void
from services.commands.refused import InvalidField
from services.corrections.choosing import CHOSEN_MAX, EventConditions, SupposedChange, choose
from services.corrections.correct import Author, correct, corrections_of
from services.corrections.usage_in_log import account_called, meter_called
from services.ingest.cloudevent import MAX_SOURCE_LENGTH
from services.ingest.validate import MAX_ID_LENGTH
from services.readside.horizon import bill_day

#: Most accounts that one request searches.
ACCOUNTS_MAX = 100
#: Corrections of one transaction: other commands of the organization get a turn between transactions.
_AT_ONCE = 100
_Moment = Annotated[datetime, BeforeValidator(read_instant)]
_UsageId = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


class MatchingBody(Model):
    """POST usage/void/matching: events of one or several accounts that fulfil all given conditions, of which there must
    be at least one.

    `account`, `accounts` and `meter` are codes; an event's time lies in [`from`, `to`). With `dryRun` nothing is
    voided; `lastDateInBillingPeriod` is the date of the bills that are compared, by default today.
    """

    account: Code | None = None
    accounts: Annotated[tuple[Code, ...], items(ACCOUNTS_MAX), Field(min_length=1)] | None = None
    meter: Code | None = None
    source: Annotated[str, Field(min_length=1, max_length=MAX_SOURCE_LENGTH)] | None = None
    from_: _Moment | None = Field(None, alias="from")
    to: _Moment | None = None
    ids: Annotated[tuple[_UsageId, ...], items(CHOSEN_MAX), Field(min_length=1)] | None = None
    reason: Text | None = None
    dry_run: bool = False
    last_date_in_billing_period: Day | None = None

    def check(self) -> None:
        """Check the body. Raises: InvalidField."""
        if (self.meter, self.source, self.from_, self.to, self.ids) == (None,) * 5:
            raise InvalidField(field="meter", rule="is required, or source, from, to or ids")
        if (self.account is None) == (self.accounts is None):
            raise InvalidField(field="account", rule="is required, or accounts, and not both")


router = organization_router("usage")


@router.post("/usage/void/matching", response_model=VoidedMatching)
async def void_matching(call: Caller, sent: Annotated[Sent[MatchingBody], Depends(Body(MatchingBody))]) -> Response:
    """Void matching events of accounts, or show the effect on their next bills."""

    async def work() -> dict[str, Any]:
        body = sent.read().body
        body.check()
        codes = list(dict.fromkeys(body.accounts or ())) if body.account is None else [body.account]
        async with call.reading() as connection:
            accounts = [await account_called(connection, call.organization, code) for code in codes]
            meter = None if body.meter is None else await meter_called(connection, call.organization, body.meter)
        await call.waiter.until_projected()
        conditions = EventConditions(
            meter_id=None if meter is None else meter.id,
            source=body.source,
            start=body.from_,
            end=body.to,
            ids=None if body.ids is None else frozenset(body.ids),
        )
        documents, left, more = list[dict[str, Any]](), CHOSEN_MAX, False
        for account in accounts:
            document, more = await _of_account(call, account, conditions, body, left)
            documents.append(document)
            left -= document["count"]
            if more:
                break
        told = {"count": CHOSEN_MAX - left, "more": more, "dryRun": body.dry_run}
        return told | (documents[0] if body.accounts is None else {"accounts": documents})

    return await once_by_itself(call, sent, work)


async def _of_account(
    call: Call, account: AccountEntity, conditions: EventConditions, body: MatchingBody, most: int
) -> tuple[dict[str, Any], bool]:
    """The voided events of the account, or those that would be, at most `most`; and whether there are more."""
    now = await family_of(call, account.id)
    chosen = await choose(call.postgres, call.api.cluster, account, now, conditions, most)
    days = Counter(local_day(event.rated.ts, account.timezone) for event in chosen.events)
    document = {
        "accountId": account.id,
        "count": len(chosen.events),
        "days": [{"day": day, "count": count} for day, count in sorted(days.items())],
    }
    if not body.dry_run:
        await _void(call, chosen.events, body.reason)
        return document, chosen.more
    through = bill_day(body.last_date_in_billing_period, now.today)
    changes = [SupposedChange(event, None) for event in chosen.events]
    return document | {"billDate": through, "bills": await in_money(call, now, changes, through)}, chosen.more


async def _void(call: Call, events: Sequence[LoggedUsage], reason: str | None) -> None:
    """Void some events per transaction. After a kill, finished transactions stay, and their events are not chosen
    again.
    """
    for start in range(0, len(events), _AT_ONCE):
        part = events[start : start + _AT_ONCE]

        async with in_turn(call) as turn:
            connection, generations = turn.connection, call.api.generations
            author = Author(turn.now, call.actor, call.correlation)
            for event in part:
                earlier = await corrections_of(connection, event, generations)
                fact = void(event, stands_of(event, earlier), reason)
                await correct(connection, event, earlier, fact, author, generations)
