"""What is done to a pending bill: approved, calculated again, given a credit or debit. Each names its amount first."""

from decimal import Decimal, InvalidOperation
from secrets import token_urlsafe
from typing import Any

from starlette.responses import Response

from services.console.asking import Refused
from services.console.visits import Form, Visit
from services.console.wording import read_day

KINDS = {"credit": "creditlineitems", "debit": "debitlineitems"}
_MEMO = ("kind", "amount", "description", "lineId")


async def confirm_approval(visit: Visit) -> Response:
    """Asks once more, and names the amount."""
    bill = await visit.asking.get("bills", visit.request.path_params["bill"])
    return await visit.page("approve.html", bill=bill, seen=None)


async def approve(visit: Visit, form: Form) -> Response:
    """Approve the bill, if it still comes to what was seen; else it is asked anew."""
    id = visit.request.path_params["bill"]
    bill = await visit.asking.get("bills", id)
    if _number(form.get("seen")) != bill["billTotal"]:
        return await visit.page("approve.html", 409, bill=bill, seen=_number(form.get("seen")))
    await visit.asking.send("PUT", "bills", id, "status", body={"status": "APPROVED"})
    return visit.go("bills", id)


async def recalculate(visit: Visit, form: Form) -> Response:
    """Have the bill calculated again, by a job."""
    id = visit.request.path_params["bill"]
    await visit.asking.send("POST", "billjobs", "recalculate", body={"billIds": [id]}, once=form.get("once"))
    return visit.go("operations")


async def memo(visit: Visit) -> Response:
    """The form for a credit or debit line, and with all of it given the question whether it is meant."""
    bill = await visit.asking.get("bills", visit.request.path_params["bill"])
    given = {name: visit.query.get(name, "") for name in _MEMO}
    amount, line = _number(given["amount"]), _line(bill, given["lineId"])
    problem = _problem(visit.query, given, amount, line)
    whole = bool(given["description"]) and amount is not None and line is not None and not problem
    return await visit.page(
        "memo.html",
        bill=bill,
        given=given,
        amount=amount,
        line=line,
        lines=[one for one in bill["lineItems"] if "productId" in one],
        problem=problem,
        asks=whole and visit.query.get("edit") is None,
        once=token_urlsafe(16),
    )


async def add_memo(visit: Visit, form: Form) -> Response:
    """Put the line on the bill."""
    id = visit.request.path_params["bill"]
    bill = await visit.asking.get("bills", id)
    amount, line = _number(form.get("amount")), _line(bill, form.get("lineId", ""))
    if amount is None or line is None or form.get("kind") not in KINDS:
        raise Refused(400, "the amount, or the line that it is about, is missing")
    product = line["productId"]
    body = {
        "amount": amount,
        "description": form.get("description", ""),
        "productId": product,
        "accountingProductId": line.get("accountingProductId", product),
        "referencedBillId": id,
        "referencedLineItemId": line["id"],
        "servicePeriodStartDate": str(read_day(line["servicePeriodStartDate"], bill["timezone"])),
        "servicePeriodEndDate": str(read_day(line["servicePeriodEndDate"], bill["timezone"])),
    }
    await visit.asking.send("POST", "bills", id, KINDS[form["kind"]], body=body, once=form.get("once"))
    return visit.go("bills", id)


def _number(text: str | None) -> Decimal | None:
    try:
        value = Decimal((text or "").strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _line(bill: dict[str, Any], id: str) -> dict[str, Any] | None:
    return next((line for line in bill["lineItems"] if line["id"] == id), None)


def _problem(query: dict[str, str], given: dict[str, str], amount: Decimal | None, line: Any) -> str:
    if not any(query.get(name) for name in ("amount", "description")):
        return ""
    if given["kind"] not in KINDS:
        return "Say whether it is a credit or a debit."
    if amount is None or amount <= 0:
        return "The amount must be a number above zero, with a point before the decimals."
    if line is None:
        return "Choose the line that it is about."
    return "" if given["description"] else "Say what it is for: that stands on the bill."
