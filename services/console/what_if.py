"""What if a commitment or a price were another: the bills that would follow, beside those of today. Nothing is written,
and the address keeps the question."""

from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.responses import Response

from services.console.asking import Refused, or_missing, together
from services.console.prices import prices_of
from services.console.visits import Visit

#: Terms of a commitment that may be supposed, each with how it is asked for.
TERMS = {
    "amount": "number",
    "startDate": "date",
    "endDate": "date",
    "overageSurchargePercent": "number",
    "priority": "number",
    "amountPrePaid": "number",
    "rolloverPercent": "number",
    "rolloverEndDate": "date",
}
_NUMBERS = {name for name, kind in TERMS.items() if kind == "number"}
#: Members of a band, each asked for by its name and the band's place: `unitPrice-0`.
BAND = ("lowerLimit", "fixedPrice", "unitPrice")


async def page(visit: Visit) -> Response:
    """The question, and its answer once something is changed."""
    asking, id, query = visit.asking, visit.request.path_params["account"], visit.query
    asked = await together(
        account=asking.get("accounts", id),
        commitments=or_missing(asking.get("commitments", accountId=id)),
        prices=or_missing(prices_of(asking, id)),
        commitment=_chosen(visit, "commitments", "commitment"),
        pricing=_chosen(visit, "pricings", "pricing"),
    )
    problem, body = "", {}
    try:
        body = _supposed(asked["commitment"], asked["pricing"], query)
    except _NotANumberError as error:
        problem = str(error)
    answer, asked_for = None, {"accountId": id} | ({"lastDateInBillingPeriod": query["to"]} if "to" in query else {})
    if body:
        try:
            answer = await asking.send("POST", "bills", "whatif", body=asked_for | body)
        except Refused as error:
            if error.status not in (400, 404, 409):
                raise
            problem = str(error)
    values = {"terms": TERMS, "band": BAND, "problem": problem, "answer": answer, "changed": _changed(asked, query)}
    return await visit.page("what_if.html", 200 if not problem else 400, **asked, **values)


class _NotANumberError(ValueError):
    """A field that has to hold a number."""


async def _chosen(visit: Visit, path: str, name: str) -> Any:
    """The commitment or price that the question is about."""
    chosen = visit.query.get(name)
    return None if chosen is None else await visit.asking.get(path, chosen)


def _supposed(commitment: Any, pricing: Any, query: dict[str, str]) -> dict[str, Any]:
    """What the API is to suppose: the terms as they are, with what the question changes. {} if it changes nothing."""
    body: dict[str, Any] = {}
    if commitment is not None:
        given = {name: _value(name, query[name]) for name in TERMS if name in query}
        terms = {name: value for name, value in given.items() if not _same(value, commitment.get(name))}
        body |= {"commitments": [commitment | terms]} if terms else {}
    if pricing is not None:
        bands = [_band(band, place, query) for place, band in enumerate(pricing["pricingBands"])]
        body |= {"pricings": [pricing | {"pricingBands": bands}]} if bands != pricing["pricingBands"] else {}
    return body


def _band(band: dict[str, Any], place: int, query: dict[str, str]) -> dict[str, Any]:
    given = {name: query.get(f"{name}-{place}") for name in BAND}
    return band | {name: _number(f"{name}-{place}", text) for name, text in given.items() if text is not None}


def _value(name: str, text: str) -> Any:
    return _number(name, text) if name in _NUMBERS else text


def _number(name: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite():
        raise _NotANumberError(f"{name}: must be a number, with a point before the decimals")
    return value


def _same(given: Any, held: Any) -> bool:
    """Whether a term stays as it is; a blank one that is not there does."""
    return given == held or (isinstance(given, Decimal) and held is None and not given)


def _changed(asked: dict[str, Any], query: dict[str, str]) -> list[dict[str, Any]]:
    """What the question changes, each with what it was, for the sentence above the answer."""
    commitment, pricing = asked["commitment"], asked["pricing"]
    found = []
    if commitment is not None:
        found += [{"name": name, "was": commitment.get(name), "is": query[name]} for name in TERMS if name in query]
    if pricing is not None:
        for place, band in enumerate(pricing["pricingBands"]):
            names = [name for name in BAND if f"{name}-{place}" in query]
            found += [{"name": name, "was": band[name], "is": query[f"{name}-{place}"]} for name in names]
    return [one for one in found if str(one["was"]) != one["is"]]
