"""Alerts and webhooks: rules of alerts with their newest alerts, webhook destinations, and deliveries."""

from secrets import token_urlsafe
from typing import Any

from starlette.responses import Response

from services.console.asking import or_missing, together
from services.console.visits import Form, Visit

_SHOWN = 25
_HOOKS = ("integrationdestinations", "webhooks")
STATUSES = ("WAITING", "PENDING", "DELIVERED", "DEAD")


async def page(visit: Visit) -> Response:
    """The rules, the newest alerts, and the webhook destinations."""
    asking, query = visit.asking, visit.query
    answers = await together(
        rules=or_missing(asking.get("notifications", "configurations", nextToken=query.get("rulesFrom"))),
        alerts=or_missing(
            asking.get("events", eventType="Notification", pageSize=_SHOWN, nextToken=query.get("alertsFrom"))
        ),
        hooks=or_missing(asking.get(*_HOOKS)),
    )
    return await visit.page("alerts.html", **answers)


async def destination(visit: Visit) -> Response:
    """A webhook destination, its secrets without their values, and its deliveries."""
    asking, id = visit.asking, visit.request.path_params["webhook"]
    status = visit.query.get("status") if visit.query.get("status") in STATUSES else None
    hook = await asking.get(*_HOOKS, id)
    answers = await together(
        secrets=or_missing(asking.get(*_HOOKS, id, "secrets")),
        deliveries=or_missing(
            asking.get(
                *_HOOKS, id, "deliveries", pageSize=_SHOWN, status=status, nextToken=visit.query.get("nextToken")
            )
        ),
        dead=or_missing(asking.get(*_HOOKS, id, "deliveries", pageSize=1, status="DEAD")),
    )
    replayed = {name: visit.query[name] for name in ("replayed", "more") if name in visit.query}
    given: dict[str, Any] = {"asked_status": status, "statuses": STATUSES, "replayed": replayed}
    return await visit.page("webhook.html", hook=hook, once=token_urlsafe(16), **given, **answers)


async def delivery(visit: Visit) -> Response:
    """One delivery with its content."""
    parts = visit.request.path_params
    hook = await visit.asking.get(*_HOOKS, parts["webhook"])
    delivery = await visit.asking.get(*_HOOKS, parts["webhook"], "deliveries", parts["delivery"])
    return await visit.page("delivery.html", hook=hook, delivery=delivery, once=token_urlsafe(16))


async def replay(visit: Visit, form: Form) -> Response:
    """Deliver again: one delivery that has ended, or all that were given up."""
    webhook, delivery = visit.request.path_params["webhook"], form.get("delivery")
    path = (*_HOOKS, webhook, "deliveries")
    if delivery:
        await visit.asking.send("POST", *path, delivery, "replay", once=form.get("once"))
        return visit.go("alerts", "webhooks", webhook, "deliveries", delivery)
    done = await visit.asking.send("POST", *path, "replay", body={}, once=form.get("once"))
    return visit.go("alerts", "webhooks", webhook, replayed=done["replayed"], more=done["more"] or None)


async def test(visit: Visit, form: Form) -> Response:
    """Send a test delivery, and show it."""
    webhook = visit.request.path_params["webhook"]
    made = await visit.asking.send("POST", *_HOOKS, webhook, "test", once=form.get("once"))
    return visit.go("alerts", "webhooks", webhook, "deliveries", made["id"])
