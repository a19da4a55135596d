"""Changes of a pending bill: approving it, calculating it again, adding a credit or debit. Each form names the amount
first.

A form carries what its page showed: the bill's total and lines, and the bill's version. If the bill has changed since,
nothing is done, and the visitor is asked again. This holds to the last moment, because the API compares once more. A
form that is sent twice takes effect once.
"""

from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from secrets import token_urlsafe
from typing import Any

from starlette.responses import Response

from services.console.asking import ApiRefused
from services.console.typed import fault_of, number_of
from services.console.visits import Form, Visit
from services.console.wording import exact, read_day

KINDS = {"credit": "creditlineitems", "debit": "debitlineitems"}
_MEMO = ("kind", "amount", "description", "lineId")
#: The fields of a line that a page shows: if one of them differs, it is not the bill that the visitor saw.
_SHOWN = ("lineItemType", "description", "servicePeriodStartDate", "servicePeriodEndDate", "units", "subtotal")


@dataclass(frozen=True, slots=True)
class SeenBill:
    """A bill as a visitor saw it, as fields of a form."""

    total: Decimal | None
    lines: str
    version: str

    @classmethod
    def of(cls, bill: dict[str, Any]) -> "SeenBill":
        """What a page shows of the bill as the API gives it now; the lines as a digest."""
        lines = [[str(line.get(name)) for name in _SHOWN] for line in bill["lineItems"]]
        return cls(bill["billTotal"], blake2b(repr(lines).encode(), digest_size=16).hexdigest(), str(bill["version"]))

    @classmethod
    def sent(cls, form: Form) -> "SeenBill":
        """The bill as it was shown when the form was written, from the form's fields."""
        return cls(number_of(form.get("seen")), form.get("lines", ""), form.get("version", ""))

    @property
    def fields(self) -> dict[str, str]:
        """The hidden fields of a form."""
        total = "" if self.total is None else exact(self.total)
        return {"seen": total, "lines": self.lines, "version": self.version}

    def shows(self, bill: dict[str, Any]) -> bool:
        """Whether the bill is still as it was seen."""
        return (self.total, self.lines) == (bill["billTotal"], SeenBill.of(bill).lines)


async def confirm_approval(visit: Visit) -> Response:
    """The question whether to approve, with the amount."""
    return await _asked_again(visit, "approve.html", await _bill(visit), None)


async def approve(visit: Visit, form: Form) -> Response:
    """Approve the bill, if it is still as it was seen; else ask again."""
    bill, seen = await _bill(visit), SeenBill.sent(form)
    if bill["status"] != "PENDING" and seen.total == bill["billTotal"]:  # the form was sent twice
        return visit.go("bills", bill["id"])
    if bill["status"] != "PENDING" or not seen.shows(bill):
        return await _asked_again(visit, "approve.html", bill, seen)
    body = {"status": "APPROVED", "billTotal": seen.total}
    try:
        await visit.asking.send("PUT", "bills", bill["id"], "status", body=body)
    except ApiRefused as error:
        if error.status != 409:
            raise
        return await _asked_again(visit, "approve.html", await _bill(visit), seen, str(error))
    return visit.go("bills", bill["id"])


async def confirm_recalculation(visit: Visit) -> Response:
    """The question whether to calculate again, with the bill's present amount and the effect."""
    return await _asked_again(visit, "recalculate.html", await _bill(visit), None)


async def recalculate(visit: Visit, form: Form) -> Response:
    """Have a job calculate the bill again, if it is still as it was seen; else ask again."""
    bill, seen = await _bill(visit), SeenBill.sent(form)
    if bill["status"] != "PENDING" or not seen.shows(bill):
        return await _asked_again(visit, "recalculate.html", bill, seen)
    await visit.asking.send("POST", "billjobs", "recalculate", body={"billIds": [bill["id"]]}, once=form.get("once"))
    return visit.go("operations")


async def _bill(visit: Visit) -> dict[str, Any]:
    bill: dict[str, Any] = await visit.asking.get("bills", visit.request.path_params["bill"])
    return bill


async def _asked_again(
    visit: Visit, template: str, bill: dict[str, Any], seen: SeenBill | None, refused: str = ""
) -> Response:
    """Ask with the bill's present amount. `seen`: the bill as of the previous question, if there was one; `refused`:
    why the API did not do it, shown only if the bill itself has not changed.
    """
    moved = seen is not None and (bill["status"] != "PENDING" or not seen.shows(bill))
    return await visit.page(
        template,
        200 if seen is None else 409,
        bill=bill,
        seen=seen,
        bears=SeenBill.of(bill).fields | {"once": token_urlsafe(16)},
        refused="" if moved else refused,
    )


async def memo(visit: Visit) -> Response:
    """The form for a credit or debit line; once it is filled in, the question whether to add it."""
    given = {name: visit.query.get(name, "") for name in _MEMO}
    return await _memo(visit, await _bill(visit), given, None, edits="edit" in visit.query)


async def _memo(
    visit: Visit,
    bill: dict[str, Any],
    given: dict[str, str],
    seen: SeenBill | None,
    *,
    edits: bool = False,
    refused: str = "",
) -> Response:
    """Show the form. `seen`: the bill as of the previous question, if it has changed since; `refused`: why the API did
    not add the line.
    """
    amount, line = number_of(given["amount"]), _line(bill, given["lineId"])
    problem = refused or _problem(given, amount, line, bill["currency"])
    whole = bool(given["description"]) and amount is not None and line is not None and not problem
    return await visit.page(
        "memo.html",
        400 if refused else 200 if seen is None else 409,
        bill=bill,
        given=given,
        amount=amount,
        line=line,
        lines=[line for line in bill["lineItems"] if "productId" in line],
        problem=problem,
        asks=whole and not edits,
        seen=seen,
        bears=SeenBill.of(bill).fields | {"once": token_urlsafe(16)},
    )


async def add_memo(visit: Visit, form: Form) -> Response:
    """Add the line to the bill, if that is still as it was seen; else ask again.

    Another version alone is left to the API to judge: the change may be this very line, added by a form that is sent
    twice.
    """
    bill, seen = await _bill(visit), SeenBill.sent(form)
    given = {name: form.get(name, "").strip() for name in _MEMO}
    amount, line = number_of(given["amount"]), _line(bill, given["lineId"])
    if not seen.version.isdecimal() or given["kind"] not in KINDS or amount is None or not given["description"]:
        raise ApiRefused(400, "the amount, or what it is for, is missing")
    is_same = bill["status"] != "PENDING" or seen.version != str(bill["version"]) or seen.shows(bill)
    if line is None or not is_same:
        return await _memo(visit, bill, given, seen)
    try:
        path = ("bills", bill["id"], KINDS[given["kind"]])
        body = _body(bill, line, amount, given["description"])
        await visit.asking.send("POST", *path, body=body, once=form.get("once"), billVersion=seen.version)
    except ApiRefused as error:
        if error.status == 400:
            return await _memo(visit, bill, given, None, refused=str(error))
        if error.status != 409:
            raise
        return await _memo(visit, await _bill(visit), given, seen)
    return visit.go("bills", bill["id"])


def _body(bill: dict[str, Any], line: dict[str, Any], amount: Decimal, description: str) -> dict[str, Any]:
    """The line as the API takes it, with the product and service period of the line that it refers to."""
    product = line["productId"]
    return {
        "amount": amount,
        "description": description,
        "productId": product,
        "accountingProductId": line.get("accountingProductId", product),
        "referencedBillId": bill["id"],
        "referencedLineItemId": line["id"],
        "servicePeriodStartDate": str(read_day(line["servicePeriodStartDate"], bill["timezone"])),
        "servicePeriodEndDate": str(read_day(line["servicePeriodEndDate"], bill["timezone"])),
    }


def _line(bill: dict[str, Any], id: str) -> dict[str, Any] | None:
    """The line with this id, if it is about a product: only such lines are offered."""
    return next((line for line in bill["lineItems"] if line["id"] == id and "productId" in line), None)


def _problem(given: dict[str, str], amount: Decimal | None, line: Any, currency: str) -> str:
    if not (given["amount"] or given["description"]):
        return ""
    if given["kind"] not in KINDS:
        return "Say whether it is a credit or a debit."
    if fault := fault_of(amount, currency):
        return f"The amount {fault}."
    if line is None:
        return "Choose the line that it is about."
    return "" if given["description"] else "Say what it is for: that stands on the bill."
