"""Files for a warehouse and for accounting: the list of requested files with their states, and the form for more."""

from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from services.console.asking import ApiRefused
from services.console.looks import HEADERS
from services.console.visits import Form, Visit

_SHOWN = 25
#: The contents of a file, by their names in the form, as the body of a job expresses them.
KINDS: Mapping[str, Mapping[str, Any]] = {
    "lines": {"sourceType": "OPERATIONAL", "operationalDataTypes": ["BILL_LINE_ITEMS"]},
    "journal": {"sourceType": "OPERATIONAL", "operationalDataTypes": ["JOURNAL"]},
    "usage": {"sourceType": "USAGE"},
}
#: The other fields of the form, by their names in the body.
_ASKED = ("exportFileFormat", "since", "until", "closedDate", "startDate", "endDate")


def kind_of(job: Mapping[str, Any]) -> str:
    """The name in KINDS of the content that a job has."""
    return next(name for name, body in KINDS.items() if all(job.get(field) == said for field, said in body.items()))


async def page(visit: Visit) -> Response:
    """The files, newest first; the newest of lines, and of a journal, gives the watermark from which the next may
    start.
    """
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, problem: str = "", given: Mapping[str, str] | None = None) -> Response:
    jobs = await visit.asking.get("dataexports", "jobs", pageSize=_SHOWN, nextToken=visit.query.get("nextToken"))
    done = await visit.asking.get("dataexports", "jobs", pageSize=_SHOWN, status="SUCCEEDED")
    last = {name: next((job for job in done["data"] if kind_of(job) == name), None) for name in KINDS}
    shown = {"jobs": jobs, "last": last, "kind_of": kind_of, "once": token_urlsafe(16)}
    given = given or dict.fromkeys(("kind", *_ASKED), "")
    return await visit.page("exports.html", status, problem=problem, given=given, **shown)


async def start(visit: Visit, form: Form) -> Response:
    """Request a file; what the API refuses is shown on the form."""
    given = {name: form.get(name, "").strip() for name in ("kind", *_ASKED)}
    body = {**KINDS.get(given["kind"], KINDS["lines"]), **{name: given[name] for name in _ASKED if given[name]}}
    try:
        await visit.asking.send("POST", "dataexports", "adhoc", body=body, once=form.get("once"))
    except ApiRefused as error:
        if error.status not in (400, 409):
            raise
        return await _page(visit, error.status, str(error), given)
    return visit.go("exports")


async def file(visit: Visit) -> Response:
    """Redirect to the file by a link of the API on this very host, so that the process of the page never holds its
    bytes.
    """
    link = await visit.asking.get("dataexports", "jobs", visit.request.path_params["job"], "getdownloadurl")
    address = urlsplit(link["url"])
    return RedirectResponse(f"{address.path}?{address.query}", 303, HEADERS)
