"""Forgets the personal data of an account. It shows the data first, and asks for the account's code, because nobody can
bring the data back.
"""

from secrets import token_urlsafe
from typing import Any

from starlette.responses import Response

from services.console.asking import ApiRefused, together
from services.console.visits import Form, Visit

#: The personal fields of an account, with their names on pages.
_CALLED = {"name": "Name", "emailAddress": "E-mail address", "address": "Address"}


async def page(visit: Visit) -> Response:
    """The data that would be forgotten, and the question whether to forget it."""
    return await _confirmation(visit)


async def forget(visit: Visit, form: Form) -> Response:
    """Forget it, if the account's code was given; else ask again."""
    id = visit.request.path_params["account"]
    account = await visit.asking.get("accounts", id)
    if form.get("code", "").strip() != account["code"]:
        return await _confirmation(visit, 400, "That is not the code of this account. Nothing was done.")
    reason = form.get("reason", "").strip()
    body = {"reason": reason} if reason else {}
    try:
        await visit.asking.send("POST", "accounts", id, "forget", body=body, once=form.get("once"))
    except ApiRefused as error:
        if error.status not in (400, 409):
            raise
        return await _confirmation(visit, error.status, str(error))
    return visit.go("accounts", id)


async def _confirmation(visit: Visit, status: int = 200, problem: str = "") -> Response:
    id = visit.request.path_params["account"]
    answers = await together(account=visit.asking.get("accounts", id), config=visit.asking.get("organizationconfig"))
    account, config = answers["account"], answers["config"]
    return await visit.page(
        "forget.html",
        status,
        account=account,
        keeps_keys=config.get("personalData") == "ERASABLE",
        personal=_personal(account, config.get("personalCustomFields", ())),
        problem=problem,
        bears={"once": token_urlsafe(16)},
    )


def _personal(account: dict[str, Any], marked: list[str]) -> list[tuple[str, str]]:
    """The personal data of the account, each item with its name. `marked`: custom fields that the organization marked
    as personal.
    """
    told = [(called, account[name]) for name, called in _CALLED.items() if name in account and name != "address"]
    if "address" in account:
        lines = [line for name, line in account["address"].items() if name != "country"]
        told.append((_CALLED["address"], ", ".join(lines)))
    fields = account.get("customFields", {})
    return told + [(name, str(fields[name])) for name in marked if name in fields]
