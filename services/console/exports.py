"""Bill lines as files: which were asked for, how far they are, and more of them."""

from secrets import token_urlsafe
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from services.console.looks import HEADERS
from services.console.visits import Form, Visit

_SHOWN = 25


async def page(visit: Visit) -> Response:
    """The exports, newest first; the newest file says from where on the next one may go."""
    jobs = await visit.asking.get("dataexports", "jobs", pageSize=_SHOWN, nextToken=visit.query.get("nextToken"))
    done = await visit.asking.get("dataexports", "jobs", pageSize=_SHOWN, status="SUCCEEDED")
    last = next((job for job in done["data"] if "until" in job), None)
    return await visit.page("exports.html", jobs=jobs, last=last, once=token_urlsafe(16))


async def start(visit: Visit, form: Form) -> Response:
    """Have a file written: of all lines, or of those since a watermark."""
    body = {"sourceType": "OPERATIONAL", "operationalDataTypes": ["BILL_LINE_ITEMS"]}
    since = {"since": form["since"]} if form.get("since") else {}
    await visit.asking.send("POST", "dataexports", "adhoc", body=body | since, once=form.get("once"))
    return visit.go("exports")


async def file(visit: Visit) -> Response:
    """Lead to the file by a link of the API's, on this very host: however large it is, no page holds it."""
    link = await visit.asking.get("dataexports", "jobs", visit.request.path_params["job"], "getdownloadurl")
    place = urlsplit(link["url"])
    return RedirectResponse(f"{place.path}?{place.query}", 303, HEADERS)
