"""An organization that has one of everything that has an id: each kind of resource, and what only comes of working."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.commands.table import KINDS
from services.run.up import System
from tests.api_client import http_client
from tests.billing.conftest import GRACE, Shop
from tests.billing.test_memos import memo
from tests.contracts.examples import body_of, one_of_each

#: What is made beside the one of each kind, so that every filter of a list finds something: members that name what is
#: there, and members in whose place they stand.
LINKED: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("plan", ("accountId",), {"code": "linked"}),
    ("pricing", ("planTemplateId", "compoundAggregationId"), {"planId": None, "aggregationId": None}),
    ("counterPricing", ("planTemplateId",), {"planId": None}),
    ("planGroup", ("accountId",), {"code": "linked"}),
    ("notificationConfiguration", ("accountId",), {"code": "linked"}),
    ("accountPlan", ("planGroupId", "contractId"), {"planId": None}),
    ("commitment", ("contractId",), {}),
    ("balance", ("contractId",), {"code": "linked"}),
    ("automaticTopUp", ("balanceId",), {"code": "linked", "commitmentId": None}),
    ("charge", ("entityId",), {"code": "linked", "entityType": "BALANCE", "lineItemType": "BALANCE_FEE"}),
]


@dataclass(frozen=True, slots=True)
class Belongings:
    """What an organization has. `of` has ids by kind, `every` all of them, those beside the one of each kind, too."""

    shop: Shop
    of: Mapping[str, str]
    every: frozenset[str]


async def belongings(system: System) -> Belongings:
    """A new organization of the system: its bill of January is issued, that of February pending with two memos."""
    shop = Shop(system)
    await shop.configure(**GRACE, allowOverlappingPlans=True)
    await shop.clock("2026-02-01T00:00:00Z")
    async with http_client(f"{system.addresses.api_url}/organizations/{shop.organization}") as http:
        ids = await one_of_each(http)
    shop.product = ids["product"]
    linked = [await _linked(shop, ids, *link) for link in LINKED]
    amount = {"amount": 5, "transactionTypeId": ids["transactionType"]}
    top_up = await shop.do("POST", f"balances/{ids['balance']}/transactions", amount)
    [issued] = (await shop.bill("2026-01-31", accountIds=[ids["account"]]))["billIds"]
    await shop.do("PUT", f"bills/{issued}/status", {"status": "APPROVED"})
    job = await shop.bill("2026-02-28", accountIds=[ids["account"]])
    [bill] = job["billIds"]
    for type in ("credit", "debit"):
        made = await shop.do("POST", f"bills/{bill}/{type}lineitems", memo(shop, bill, 1))
        ids[f"{type}Memo"] = made["id"]
    await shop.bills()  # the read models know them all now
    lines = [(await shop.do("GET", f"bills/{id}/lineitems"))["data"] for id in (issued, bill)]
    refusal = await _refused(shop)
    events = [event["id"] for event in await _all(shop, "events")]
    webhook = f"integrationdestinations/webhooks/{ids['webhook']}"
    ids["delivery"] = (await shop.do("POST", f"{webhook}/test"))["id"]
    ids["secret"] = (await shop.do("GET", f"{webhook}/secrets"))["data"][0]["id"]
    ids |= {"bill": bill, "line": lines[1][0]["id"], "job": job["id"], "refusal": refusal, "event": events[-1]}
    export = {"sourceType": "OPERATIONAL", "operationalDataTypes": ["BILL_LINE_ITEMS"]}
    ids["exportJob"] = (await shop.do("POST", "dataexports/adhoc", export))["jobId"]
    ids |= {"issued": issued, "issuedLine": lines[0][0]["id"], "topUp": top_up["id"]}
    more = [line["id"] for lines_of_bill in lines for line in lines_of_bill if "id" in line]
    return Belongings(shop, ids, frozenset([*ids.values(), *linked, *events, *more]))


async def _linked(
    shop: Shop, ids: Mapping[str, str], name: str, links: tuple[str, ...], beside: Mapping[str, Any]
) -> str:
    kind = KINDS[name]
    body = body_of(kind, dict(ids)) | {link: ids[kind.model.references[link]] for link in links} | dict(beside)
    if name in ("commitment", "balance"):
        body["productIds"] = [ids["product"]]
    made = await shop.do("POST", kind.path, {key: value for key, value in body.items() if value is not None})
    return str(made["id"])


async def _all(shop: Shop, path: str) -> list[dict[str, Any]]:
    """A list to its end."""
    page = await shop.do("GET", path)
    data: list[dict[str, Any]] = page["data"]
    while page.get("nextToken"):
        page = await shop.do("GET", path, nextToken=page["nextToken"])
        data += page["data"]
    return data


async def _refused(shop: Shop) -> str:
    """The id of usage that was refused."""
    usage = {"account": "acme", "meter": "unheard-of", "ts": "2026-01-15T12:00:00Z", "uid": shop.organization}
    await shop.do("POST", "measurements", {"measurements": [usage]})
    async with asyncio.timeout(60):
        while not (data := (await shop.do("GET", "usage/rejected"))["data"]):
            await asyncio.sleep(0.1)
    return str(data[0]["id"])
