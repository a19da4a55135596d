"""Corrections of wrong usage: one event voided or amended, many events voided at once, and the list of corrections.

Each question is a dry run of the API: what holds after the correction, and how it changes the next bills. The form
carries what its page showed. If that has changed when the form is sent, nothing is done, and the visitor is asked
again. A form that is sent twice takes effect once.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from secrets import token_urlsafe
from typing import Any, NamedTuple

from starlette.responses import Response

from services.console.asking import ApiRefused, Missing, or_missing
from services.console.typed import NUMBER_RULE, number_of
from services.console.visits import Form, Visit
from services.console.wording import exact

_LISTED = 25
_EVENT, _MATCHING = ("account", "id", "source", "ts"), ("meter", "source", "from", "to")
#: Categories of a meter's fields that hold numbers, and those that hold texts. Each is the name of a map in a
#: measurement.
_NUMBERS = ("measure", "cost", "income")
_TEXTS = ("who", "what", "where", "other", "metadata")
#: The beginning of the form's names for fields of the meter.
_FIELD = "field."


class FieldSaid(NamedTuple):
    """A field of the event: its map and code, and its content as text, blank if there is none."""

    category: str
    code: str
    text: str

    @property
    def key(self) -> str:
        """The field's name in the form."""
        return f"{_FIELD}{self.category}.{self.code}"

    @property
    def label(self) -> str:
        """The field's name on the page."""
        return f"{self.code} ({self.category})"

    @property
    def is_number(self) -> bool:
        """Whether the field holds a number; else it holds a text."""
        return self.category in _NUMBERS


def fields(said: Mapping[str, Mapping[str, Any]]) -> str:
    """The content of an event on one line: `calls 5, user x`."""
    pairs = [
        f"{code} {exact(value) if isinstance(value, int | Decimal) else value}"
        for texts in said.values()
        for code, value in texts.items()
    ]
    return ", ".join(pairs) or "Nothing"


async def page(visit: Visit) -> Response:
    """The corrections, newest first, and the forms for more."""
    query = visit.query
    corrections = await or_missing(
        visit.asking.get(
            "usage",
            "corrections",
            pageSize=_LISTED,
            accountCode=query.get("of"),
            status=query.get("status"),
            nextToken=query.get("older"),
        )
    )
    count = query.get("done", "")
    done = {"what": f"{count} event{'' if count == '1' else 's'} corrected."} if count.isdecimal() else {}
    return await visit.page("corrections.html", corrections=corrections, done=done, fields=fields)


async def event(visit: Visit) -> Response:
    """One event: the effect of voiding it, or of amending it if that is requested."""
    return await _event(visit, visit.query, moved=False)


async def correct(visit: Visit, form: Form) -> Response:
    """Void or amend the event, if the effect is still as it was shown; else ask again."""
    tried, amended, _ = await _tried(visit, form)
    preview = tried if amended is None else amended
    if _holds(preview):  # the form was sent twice
        return visit.go("corrections")
    if form.get("seen") != _seen(preview):
        return await _event(visit, form, moved=True)
    body = _named(form) | _reason(form)
    if amended is None:
        await visit.asking.send("POST", "usage", "void", body=body, once=form.get("once"))
    else:
        meter = await _meter(visit, tried)
        maps = _maps(_said(meter, tried, form))
        await visit.asking.send("POST", "usage", "amend", body=body | maps, once=form.get("once"))
    return visit.go("corrections", done=1)


async def _event(visit: Visit, given: Mapping[str, str], *, moved: bool) -> Response:
    tried, amended, problem = await _tried(visit, given)
    meter = await _meter(visit, tried)
    preview = tried if amended is None else amended
    bears = {name: given[name] for name in (*_EVENT, "do") if given.get(name)}
    bears |= {name: text for name, text in given.items() if name.startswith(_FIELD)}
    status = 400 if problem else 200
    if moved:
        status = 409
    return await visit.page(
        "correction.html",
        status,
        tried=tried,
        amended=amended,
        meter=meter,
        said=_said(meter, tried, given),
        given={name: given.get(name, "") for name in (*_EVENT, "reason")},
        problem=problem,
        moved=moved,
        voided=_holds(tried),
        holds=_holds(preview),
        bears=bears | {"seen": _seen(preview), "once": token_urlsafe(16)},
        fields=fields,
    )


async def _tried(visit: Visit, given: Mapping[str, str]) -> tuple[Any, Any, str]:
    """The effect of voiding; that of amending, if it is requested; and what is wrong with the amended values."""
    named = _named(given)
    tried = await visit.asking.send("POST", "usage", "void", body=named | {"dryRun": True})
    if given.get("do") != "amend" or _holds(tried):
        return tried, None, ""
    meter = await _meter(visit, tried)
    try:
        maps = _maps(_said(meter, tried, given))
        return tried, await visit.asking.send("POST", "usage", "amend", body=named | maps | {"dryRun": True}), ""
    except ApiRefused as error:
        if error.status not in (400, 409):
            raise
        return tried, None, str(error)


async def _meter(visit: Visit, tried: Mapping[str, Any]) -> dict[str, Any]:
    """The event's meter. One that was deleted has no fields any more: its events can be voided, and not amended."""
    meter: Any = await or_missing(visit.asking.get("meters", tried["meterId"]))
    if isinstance(meter, Missing) and meter.status != 404:
        raise ApiRefused(meter.status, meter.why)
    return {"code": "deleted since", "dataFields": []} if isinstance(meter, Missing) else dict(meter)


def _holds(tried: Mapping[str, Any]) -> bool:
    """Whether the event already is as a dry run would leave it."""
    return "correctionId" in tried or tried["status"] == "COUNTED"


def _named(given: Mapping[str, str]) -> dict[str, Any]:
    """The event's identification, as the API takes it."""
    return {name: text for name in _EVENT if (text := given.get(name, "").strip())}


def _reason(given: Mapping[str, str]) -> dict[str, str]:
    return {"reason": text} if (text := given.get("reason", "").strip()) else {}


def _said(meter: dict[str, Any], tried: dict[str, Any], given: Mapping[str, str]) -> list[FieldSaid]:
    """Each field of the meter, with the form's value when it amends, else with the event's.

    The API shows numbers of all categories in one map.
    """
    said, amends = list[FieldSaid](), given.get("do") == "amend"
    for field in meter["dataFields"]:
        category, code = field["category"].lower(), field["code"]
        value = tried["was"].get("measure" if category in _NUMBERS else category, {}).get(code, "")
        stands = exact(value) if isinstance(value, int | Decimal) else str(value)
        name = FieldSaid(category, code, "").key
        said.append(FieldSaid(category, code, given.get(name, "").strip() if amends else stands))
    return said


def _maps(said: Sequence[FieldSaid]) -> dict[str, dict[str, Any]]:
    """The maps of a measurement. Raises: ApiRefused for a text that is not a number."""
    maps: dict[str, dict[str, Any]] = {}
    for one in said:
        if one.text:
            maps.setdefault(one.category, {})[one.code] = _number(one) if one.is_number else one.text
    return maps


def _number(said: FieldSaid) -> Decimal:
    value = number_of(said.text)
    if value is None:
        raise ApiRefused(400, f"{said.code} {NUMBER_RULE}")
    return value


def _seen(answer: Mapping[str, Any]) -> str:
    """A digest of a dry run's result as it was shown, so that another result makes the page ask again."""
    of = [
        (
            account.get("count"),
            account.get("status"),
            [(bill["accountId"], bill["currency"], exact(bill["difference"])) for bill in account["bills"]],
        )
        for account in answer.get("accounts", [answer])
    ]
    return blake2b(repr(of).encode(), digest_size=16).hexdigest()


async def matching(visit: Visit) -> Response:
    """Events that have something in common: their number, and the effect of voiding them."""
    return await _matching(visit, visit.query, moved=False)


async def void_matching(visit: Visit, form: Form) -> Response:
    """Void the events, if the effect is still as it was shown; else ask again."""
    body = _matched(form)
    tried = await visit.asking.send("POST", "usage", "void", "matching", body=body | {"dryRun": True})
    if form.get("seen") != _seen(tried):
        return await _matching(visit, form, moved=True)
    done = await visit.asking.send(
        "POST", "usage", "void", "matching", body=body | _reason(form), once=form.get("once")
    )
    return visit.go("corrections", done=done["count"])


async def _matching(visit: Visit, given: Mapping[str, str], *, moved: bool) -> Response:
    body = _matched(given)
    tried = await visit.asking.send("POST", "usage", "void", "matching", body=body | {"dryRun": True})
    names = {account["accountId"]: code for account, code in zip(tried["accounts"], body["accounts"], strict=False)}
    bears = {name: given[name] for name in ("accounts", *_MATCHING) if given.get(name)}
    return await visit.page(
        "matching.html",
        409 if moved else 200,
        tried=tried,
        names=names,
        given={name: given.get(name, "") for name in (*_MATCHING, "reason")},
        moved=moved,
        bears=bears | {"seen": _seen(tried), "once": token_urlsafe(16)},
    )


def _matched(given: Mapping[str, str]) -> dict[str, Any]:
    """The conditions as the API takes them: each account once, in the order of the answer."""
    codes = dict.fromkeys(code for part in given.get("accounts", "").split(",") if (code := part.strip()))
    return {"accounts": list(codes)} | {name: text for name in _MATCHING if (text := given.get(name, "").strip())}
