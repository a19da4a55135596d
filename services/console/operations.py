"""The state of the system: who lags behind, which usage was refused, which bill jobs run; and actions on these."""

from secrets import token_urlsafe
from typing import Any

from starlette.responses import Response

from services.console.asking import or_missing, together
from services.console.looks import HEADERS
from services.console.visits import Form, Visit

_REFUSED, _JOBS = 25, 10


async def page(visit: Visit) -> Response:
    """The state of the whole system, and of this organization."""
    asking, reason = visit.asking, visit.query.get("reason")
    answers = await together(
        health=asking.health(),
        refused=or_missing(
            asking.get("usage", "rejected", pageSize=_REFUSED, reason=reason, nextToken=visit.query.get("refusedFrom"))
        ),
        jobs=or_missing(asking.get("billjobs", pageSize=_JOBS, nextToken=visit.query.get("jobsFrom"))),
        system=or_missing(asking.get("system")),
        heads=or_missing(asking.get("audit", "checkpoints", pageSize=5)),
    )
    replayed = {name: visit.query[name] for name in ("replayed", "left", "more") if name in visit.query}
    return await visit.page("operations.html", reason=reason, once=token_urlsafe(16), replayed=replayed, **answers)


async def conservation(visit: Visit) -> Response:
    """Every law of conservation, checked for every family now."""
    return await visit.page("conservation.html", laws=await visit.asking.get("conservation"))


async def held(visit: Visit) -> Response:
    """Usage that is held because its account or its meter is not there."""
    given = {name: visit.query.get(name) for name in ("reason", "accountCode", "meterCode")}
    parameters = {"pageSize": _REFUSED, "nextToken": visit.query.get("from"), **given}
    answers = await together(
        held=or_missing(visit.asking.get("usage", "held", **parameters)),
        config=or_missing(visit.asking.get("organizationconfig")),
    )
    return await visit.page("held.html", given=given, **answers)


async def refused_record(visit: Visit) -> Response:
    """One refused record, with its content."""
    record = await visit.asking.get("usage", "rejected", visit.request.path_params["record"])
    return await visit.page("refused_record.html", record=record, once=token_urlsafe(16))


async def refused_bytes(visit: Visit) -> Response:
    """The very bytes of a refused record, as a download, so that no browser shows them as a page."""
    content = await visit.asking.bytes_of("usage", "rejected", visit.request.path_params["record"], "bytes")
    headers = HEADERS | {"content-disposition": 'attachment; filename="refused-usage.bin"'}
    return Response(content, media_type="application/octet-stream", headers=headers)


async def replay(visit: Visit, form: Form) -> Response:
    """Process refused usage again: one record, those of one reason, or all."""
    body: dict[str, Any] = {"ids": [form["record"]]} if form.get("record") else {}
    if form.get("reason"):
        body["reason"] = form["reason"]
    done = await visit.asking.send("POST", "usage", "rejected", "replay", body=body, once=form.get("once"))
    return visit.go("operations", replayed=done["replayed"], left=len(done["left"]), more=done["more"] or None)


async def cancel_job(visit: Visit, form: Form) -> Response:
    """End a bill job after the families that it is working on."""
    await visit.asking.send("POST", "billjobs", visit.request.path_params["job"], "cancel", once=form.get("once"))
    return visit.go("operations")
