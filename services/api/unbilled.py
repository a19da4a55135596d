"""Unbilled amounts, now and as of a day; and documents of bills that do not exist."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import uuid5

from fastapi import Depends
from starlette.responses import Response

from events.envelope import NAMESPACE
from events.facts.bills import BillIssued, Positions
from projections.settlement import DraftBill, Settlement, issue, unbilled, unbilled_by
from projections.settlement.extent import check_unbilled
from services.api.answers import Preview
from services.api.as_known import KNOWN_AT, family_known
from services.api.bill_documents import preview_documents
from services.api.calls import Caller, organization_router
from services.api.families import family_of
from services.api.parameters import Day
from services.api.wire import answer
from services.billing.bill_document import bill_document, names_in, referred_ids, unpriced_documents
from services.concurrency import compute
from services.readside.family_now import LoadedFamily
from services.readside.horizon import check_ahead
from services.readside.past.known_family import KnownFamily

router = organization_router("bills")

#: A fixed bill id that is never shown: the ids of a preview's lines are derived from it, like an issued bill's from its
#: own.
PREVIEW = str(uuid5(NAMESPACE, "preview"))
#: Bills that do not exist, and documents of usage without a price.
Previewed = tuple[list[BillIssued], list[dict[str, Any]]]


@router.get("/accounts/{account}/unbilled", response_model=Preview)
async def get_unbilled(
    call: Caller,
    account: str,
    as_of: Annotated[date | None, Depends(Day("asOf", blank=True))],
    known_at: Annotated[datetime | None, Depends(KNOWN_AT)],
) -> Response:
    """Lines of all usage that has arrived and is not billed, and of every other charge that is due by `asOf`.

    `asOf` narrows neither usage nor bills: what had been used and not been billed as of a service day is `unbilled` of
    the account's snapshot. With `knownAt`: of what had arrived, and was not billed, at a moment.
    """
    if known_at is not None:
        family = await family_known(call, "account", account, as_of, known_at)
        bills, unpriced = await compute(call.organization, _unbilled, family, account, as_of or family.today)
        return answer(preview_of(await preview_documents(call, bills), account, unpriced))
    loaded = await family_of(call, account)
    bills, unpriced = await compute(loaded.organization, _unbilled, loaded, account, as_of or loaded.today)
    return answer(preview_of(await preview_documents(call, bills), account, unpriced))


def _unbilled(loaded: LoadedFamily | KnownFamily, account: str, through: date) -> Previewed:
    check_ahead(through, loaded.today)
    check_unbilled(loaded.family, through)
    drafts = [draft for draft in unbilled(loaded.family, as_of=through) if draft.account_id == account]
    return previewed_bills(drafts, loaded.positions), unpriced_documents(loaded.family, loaded.resources, account)


def unbilled_settled(family: KnownFamily, settlement: Settlement, account: str) -> dict[str, Any]:
    """The document of everything settled that no bill dated by the settlement's day has charged, with the names of that
    time.
    """
    bills = previewed_bills(unbilled_by(settlement, account), family.positions)
    names = names_in(family.resources, referred_ids(bills))
    documents = [bill_document(bill, names, None) for bill in bills]
    return preview_of(documents, account, unpriced_documents(settlement.family, family.resources, account))


def previewed_bills(drafts: Sequence[DraftBill], positions: Positions) -> list[BillIssued]:
    """The bills that the drafts would become."""
    return [issue(draft, bill_id=PREVIEW, positions=positions) for draft in drafts]


def preview_of(documents: list[dict[str, Any]], account: str, unpriced: list[dict[str, Any]]) -> dict[str, Any]:
    """One document of the bills, as the wire shows them. As an extension the bills of further currencies stand beside
    the first one, and so does usage without a price.
    """
    document = documents[0] if documents else {"accountId": account, "billTotal": 0, "lineItems": []}
    others = {"otherCurrencies": documents[1:], "unpriced": unpriced}
    return document | {name: listed for name, listed in others.items() if listed}
