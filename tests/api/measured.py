"""An organization that takes usage over HTTP, and what is to be said of its usage."""

from typing import Any

import httpx

from events.facts.usage import UsageRated
from tests.api_client import CONFIG
from tests.catalog import METER
from tests.ingest.live import Live
from tests.store.kit import Store

FIELDS = [("calls", "MEASURE"), ("usd", "COST"), ("eur", "INCOME"), ("user", "WHO"), ("note", "METADATA")]
TS = "2026-01-15T12:00:00Z"


def without_unit(field: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in field.items() if name != "unit"}


def item(account: str, uid: str | None = None, **more: Any) -> dict[str, Any]:
    named = {} if uid is None else {"uid": uid}
    return {"account": account, "meter": "api", "ts": TS, "measure": {"calls": 2}, **named, **more}


def body(*items: dict[str, Any]) -> dict[str, Any]:
    return {"measurements": list(items)}


async def configured(http: httpx.AsyncClient, **more: Any) -> None:
    """Have the organization's configuration say this, too."""
    held = (await http.get("/organizationconfig")).json()
    said = {name: held[name] for name in (*CONFIG, "version", "testClock") if name in held}
    answer = await http.put("/organizationconfig", json=said | more)
    assert answer.status_code == 200, answer.text


async def counted(system: Live, store: Store) -> list[UsageRated]:
    """The organization's usage, once all that was sent is settled."""
    log = await system.settled()
    return [one.data for one in log if isinstance(one.data, UsageRated) and one.organization == store.organization]


async def refused_of(system: Live, store: Store) -> list[str]:
    """The reasons of what ingest refused."""
    return [one["reason"] for one in await system.rejected() if store.organization in one["value"]]


async def submitted(http: httpx.AsyncClient, *items: dict[str, Any], key: str | None = None) -> None:
    answer = await http.post("/measurements", json=body(*items), headers={"Idempotency-Key": key} if key else {})
    assert (answer.status_code, answer.json()) == (200, {"result": "accepted"}), answer.text


async def make_meter(store: Store) -> None:
    """The meter "api" with FIELDS."""
    product = await store.create("product", code="ai", name="AI")
    fields = [{"code": code, "name": code, "category": category, "unit": "1"} for code, category in FIELDS]
    fields = [field if field["category"] in ("MEASURE", "COST", "INCOME") else without_unit(field) for field in fields]
    await store.create("meter", productId=product, **METER | {"dataFields": fields})
