"""Automatic rules of an account: shown with their acts, created, and switched off and on.

A form carries the version of the rule that its page showed. If the rule has changed since, nothing is done, and the
visitor is asked again.
"""

from decimal import Decimal
from secrets import token_urlsafe
from typing import Any

from starlette.responses import Response

from services.console.asking import ApiRefused, Asking, together
from services.console.typed import fault_of, number_of
from services.console.visits import Form, Visit

#: The API's path for each kind of rule, by the kind's name in addresses.
KINDS = {"top-up": "automatictopups", "bill": "thresholdbillings"}
#: Number of acts that are shown: of an account, and of one rule.
_NEWEST, _OF_RULE = 10, 50
#: The fields of the form for a new rule; those that are amounts or counts are numbers in the API's body.
_ASKED = ("kind", "code", "of", "threshold", "amount", "maxTimes", "maxAmount", "chargeDescription")
_NUMBERS = ("threshold", "amount", "maxTimes", "maxAmount")
_PAID = ("amount", "maxAmount")


async def of_account(asking: Asking, id: str) -> dict[str, Any]:
    """The account's rules, each with its kind, and their newest acts."""
    answers = await together(
        top_ups=asking.get(KINDS["top-up"], accountId=id),
        billings=asking.get(KINDS["bill"], accountId=id),
        acts=asking.get("automaticacts", accountId=id, pageSize=_NEWEST),
    )
    rules = [("top-up", rule) for rule in answers["top_ups"]["data"]]
    rules += [("bill", rule) for rule in answers["billings"]["data"]]
    return {"rules": rules, "acts": answers["acts"]["data"]}


async def page(visit: Visit) -> Response:
    """A rule, with its newest acts."""
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, refused: str = "") -> Response:
    asking, account_id, kind, id = visit.asking, *_named(visit)
    answers = await together(
        account=asking.get("accounts", account_id),
        rule=asking.get(KINDS[kind], id),
        acts=asking.get("automaticacts", ruleId=id, pageSize=_OF_RULE),
    )
    return await visit.page("automatic.html", status, kind=kind, refused=refused, **answers)


def _named(visit: Visit) -> tuple[str, str, str]:
    """The account, the kind and the id of the rule that the address names. Raises: ApiRefused."""
    params = visit.request.path_params
    if params["kind"] not in KINDS:
        raise ApiRefused(404, "there is no such kind of rule")
    return params["account"], params["kind"], params["rule"]


async def switch(visit: Visit, form: Form) -> Response:
    """Switch the rule off or on, if it is still the version that was shown."""
    account_id, kind, id = _named(visit)
    rule = await visit.asking.get(KINDS[kind], id)
    try:
        body = rule | {"active": form.get("active") == "true", "version": int(form.get("version", ""))}
        await visit.asking.send("PUT", KINDS[kind], id, body=body)
    except ValueError as error:
        raise ApiRefused(400, "the version is missing") from error
    except ApiRefused as error:
        if error.status != 409:
            raise
        return await _page(visit, 409, str(error))
    return visit.go("accounts", account_id, "automatic", kind, id)


async def new(visit: Visit) -> Response:
    """The form for a new rule; once it is filled in, the question whether to create it."""
    given = {name: visit.query.get(name, "") for name in _ASKED}
    return await _new(visit, given, asks=bool(given["code"]) and "edit" not in visit.query)


async def _new(visit: Visit, given: dict[str, str], *, asks: bool, status: int = 200, problem: str = "") -> Response:
    id = visit.request.path_params["account"]
    answers = await together(
        account=visit.asking.get("accounts", id),
        config=visit.asking.get("organizationconfig"),
        commitments=visit.asking.get("commitments", accountId=id),
        balances=visit.asking.get("balances", accountId=id),
    )
    prepaid = [fund for fund in answers.pop("commitments")["data"] if fund.get("commitmentType") != "MINIMUM"]
    funds = [("commitment", fund) for fund in prepaid]
    funds += [("balance", fund) for fund in answers.pop("balances")["data"]]
    config = answers.pop("config")
    of = next(((kind, fund) for kind, fund in funds if fund["id"] == given["of"]), None)
    currency = of[1]["currency"] if of else answers["account"].get("currency", config["currency"])
    numbers, wrong = _numbers(given, currency)
    problem = problem or wrong or ("Choose what it tops up." if asks and given["kind"] == "top-up" and not of else "")
    return await visit.page(
        "automatic_new.html",
        status,
        given=given,
        numbers=numbers,
        funds=funds,
        of=of,
        currency=currency,
        problem=problem,
        asks=asks and not problem,
        bears={"once": token_urlsafe(16), "currency": currency, "ofKind": of[0] if of else ""},
        **answers,
    )


def _numbers(given: dict[str, str], currency: str) -> tuple[dict[str, Decimal], str]:
    """The amounts and counts that were given, and the first fault among them in words."""
    numbers = dict[str, Decimal]()
    for name in _NUMBERS:
        if given[name]:
            number = number_of(given[name])
            fault = fault_of(number, currency if name in _PAID else None)
            if number is None or fault:
                return numbers, f"{name}: {fault}."
            numbers[name] = number
    return numbers, ""


async def make(visit: Visit, form: Form) -> Response:
    """Create the rule; what the API refuses is shown on the form."""
    id = visit.request.path_params["account"]
    given = {name: form.get(name, "").strip() for name in _ASKED}
    numbers, wrong = _numbers(given, form.get("currency", ""))
    kind = given["kind"] if given["kind"] in KINDS else "top-up"
    if wrong:
        return await _new(visit, given, asks=False, status=400)
    body: dict[str, Any] = {"name": given["code"], "code": given["code"], "accountId": id}
    body |= {"currency": form.get("currency", ""), "threshold": numbers.get("threshold")}
    if kind == "top-up":
        named = "balanceId" if form.get("ofKind") == "balance" else "commitmentId"
        body |= {named: given["of"]} | {name: numbers[name] for name in _NUMBERS[1:] if name in numbers}
        body |= {"chargeDescription": given["chargeDescription"]} if given["chargeDescription"] else {}
    try:
        made = await visit.asking.send("POST", KINDS[kind], body=body, once=form.get("once"))
    except ApiRefused as error:
        if error.status not in (400, 409):
            raise
        return await _new(visit, given, asks=False, status=error.status, problem=str(error))
    return visit.go("accounts", id, "automatic", kind, made["id"])
