"""An organization that has one of each kind of resource, made of the bodies that the OpenAPI document shows."""

from typing import Any

import httpx

from services.commands.kind import Kind
from services.commands.table import KINDS
from tests.api.schemas import document

#: Kinds of what acts by itself: in tests that compare answers nothing is to happen meanwhile.
ACTING = ("automaticTopUp", "thresholdBilling")


async def one_of_each(http: httpx.AsyncClient) -> dict[str, str]:
    """Ids by kind. Every body that is shown is taken, once its references name what is there."""
    ids: dict[str, str] = {}
    for kind in KINDS.values():
        if not kind.single:
            within = "" if kind.within is None else f"/balances/{ids['balance']}"
            answer = await http.post(f"{within}/{kind.path}", json=body_of(kind, ids))
            assert answer.status_code == 200, f"{kind.name}: {answer.text}"
            ids[kind.name] = answer.json()["id"]
    return ids


def body_of(kind: Kind, ids: dict[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = document()["components"]["examples"][kind.model.__name__]["value"]
    asleep = {"active": False} if kind.name in ACTING else {}
    return shown | {field: ids[to] for field, to in kind.model.references.items() if field in shown} | asleep
