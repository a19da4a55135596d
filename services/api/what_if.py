"""POST bills/whatif: an account's bills as they would be now, and under other terms, line by line."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends
from starlette.responses import Response

from events.absent import only_given
from events.facts.bills import LineType
from projections.settlement import ComparedBill, ComparedLine, compare_bills, draft_bills
from projections.settlement.extent import check_unbilled
from services.api.bill_bodies import PreviewBody
from services.api.bills import AGAINST
from services.api.calls import Caller, organization_router
from services.api.families import family_of, family_supposed
from services.api.sent import Body, Sent
from services.api.shown import Shown
from services.api.wire import answer
from services.concurrency import compute
from services.readside.family_now import LoadedFamily
from services.readside.horizon import bill_day

router = organization_router("bills")
_BODY = Body(PreviewBody)


class ComparedLineShown(Shown):
    """A line of either bill, or of both: its amount `today` and as `supposed`, 0 on a bill without it."""

    line_item_type: LineType
    charge_type: LineType | None = None
    true_up: bool | None = None
    description: str
    account_id: str
    product_id: str | None = None
    commitment_id: str | None = None
    balance_id: str | None = None
    service_period_start: date
    service_period_end: date
    today: Decimal
    supposed: Decimal
    difference: Decimal


class ComparedBillShown(Shown):
    """The bills of one currency: their totals, and each of their lines. Bills of several accounts name their
    account.
    """

    account_id: str | None = None
    account_code: str | None = None
    currency: str
    today: Decimal
    supposed: Decimal
    difference: Decimal
    lines: tuple[ComparedLineShown, ...]


class WhatIf(Shown):
    """What a run for `billDate` would issue for the account: as things are, and under the terms of the body."""

    account_id: str
    bill_date: date
    bills: tuple[ComparedBillShown, ...]


@router.post("/bills/whatif", response_model=WhatIf, responses=AGAINST)
async def what_if(call: Caller, sent: Annotated[Sent[PreviewBody], Depends(_BODY)]) -> Response:
    """The bills that a run for the date would issue for the account, today and under the terms of the body, line by
    line with the differences; nothing is stored.
    """
    body = sent.read().body
    loaded = await family_of(call, body.account)
    return answer(await compute(loaded.organization, _compared, loaded, body))


def _compared(loaded: LoadedFamily, body: PreviewBody) -> dict[str, Any]:
    """Both sets of bills, from the very same family, so that they differ only by the terms."""
    through = bill_day(body.last_date_in_billing_period, loaded.today)
    family = family_supposed(loaded, body.supposed)
    for which in (loaded.family, family):
        check_unbilled(which, through)
    today, supposed = (draft_bills(which, date=through, account_id=body.account) for which in (loaded.family, family))
    bills = [compared_document(compared) for compared in compare_bills(today, supposed)]
    return {"accountId": body.account, "billDate": through, "bills": bills}


def compared_document(compared: ComparedBill) -> dict[str, Any]:
    """The comparison in the form of `ComparedBillShown`."""
    return {
        "currency": compared.currency,
        **_amounts(compared.amounts),
        "lines": [_line(line) for line in compared.lines],
    }


def _line(compared: ComparedLine) -> dict[str, Any]:
    words = compared.line.wording
    document = {
        "lineItemType": compared.line.type,
        "chargeType": words.get("charge_type"),
        "trueUp": words.get("true_up") or None,
        "description": words["description"],
        "accountId": words["account_id"],
        "productId": words.get("product_id"),
        "commitmentId": words.get("commitment_id"),
        "balanceId": words.get("balance_id"),
        "servicePeriodStart": words["period_start"],
        "servicePeriodEnd": words["period_end"],
        **_amounts(compared.amounts),
    }
    return only_given(document)


def _amounts(amounts: tuple[Decimal, Decimal, Decimal]) -> dict[str, Decimal]:
    return dict(zip(("today", "supposed", "difference"), amounts, strict=True))
