"""Requests of an organization about what another one has, to every route: made from the OpenAPI document."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple

from services.api.scopes import PREFIX
from services.commands.table import KINDS
from tests.api.schemas import document, operations, resolved
from tests.catalog import TERM, flat
from tests.contracts.belongings import Belongings

OPERATIONS = [(method, path, told) for method, path, told in operations() if path.startswith(PREFIX)]
#: What the part of a path behind each segment names.
IN_PATHS = {
    **{kind.path.rpartition("/")[2]: name for name, kind in KINDS.items()},
    **{"bills": "bill", "lineitems": "line", "creditlineitems": "creditMemo", "debitlineitems": "debitMemo"},
    **{"billjobs": "job", "rejected": "refusal", "events": "event", "accountid": "account", "latest": "account"},
    **{"moved": "account", "jobs": "exportJob", "deliveries": "delivery", "secrets": "secret"},
}
_OF_PRODUCTS = ("accounting", "feesAccounting", "drawdownsAccounting", "consumptionsAccounting")
_OF_FEES = ("standingChargeAccounting", "minimumSpendAccounting")
#: What members of queries and bodies name.
NAMED = {
    **{f"{name}Id": name for name in KINDS},
    **{f"{name}ProductId": "product" for name in (*_OF_PRODUCTS, *_OF_FEES)},
    "ruleId": "automaticTopUp",
    **{f"{name}Ids": name for name in ("account", "product", "meter", "bill")},
    **{name: name for name in ("account", "plan", "planGroup", "product", "contract")},
    **{"parentAccountId": "account", "billingPlanId": "plan", "entityId": "balance", "resourceId": "account"},
    **{"billId": "issued", "billJobId": "job", "file": "refusal", "scheduleId": "balanceChargeSchedule"},
}
#: Members of bodies that end like ids, and are texts of the client's own: nothing is looked up for them.
FREE = {
    "transactionTypeId", "creditReasonId", "debitReasonId", "reasonId", "creditTypeId", "referencedBillId",
    "referencedLineItemId", "groupId", "billGroupingKeyId", "statementDefinitionId", "defaultStatementDefinitionId",
    "id", "uid", "paid", "amountPrePaid", "currencyPaid", "balanceId",
}  # fmt: skip
#: A member that stands in the place of another one, and what must stand beside it.
INSTEAD: dict[tuple[str, str], dict[str, Any]] = {
    ("AccountPlan", "planGroupId"): {"planId": None},
    ("Pricing", "planTemplateId"): {"planId": None},
    ("Pricing", "compoundAggregationId"): {"aggregationId": None},
    ("CounterPricing", "planTemplateId"): {"planId": None},
    ("AccountCharge", "entityId"): {"entityType": "BALANCE", "lineItemType": "BALANCE_FEE"},
    ("PreviewBody", "accountIds"): {"accountId": None},
    ("MatchingBody", "account"): {"meter": "api"},
    **{
        ("AdhocExport", name): {"sourceType": "USAGE", "operationalDataTypes": None}
        for name in ("accountIds", "meterIds")
    },
}
#: What a body that is shown lacks to be taken: a balance has been topped up.
RIGHT = {name: {"servicePeriodEndDate": "2026-02-01"} for name in ("CreditMemo", "DebitMemo")} | {
    "Balance": {"version": 2}
}


class Ask(NamedTuple):
    """A request about ids of somebody else; `told`: what in the answer shows that they were looked for."""

    method: str
    path: str
    ids: tuple[str, ...]
    query: Mapping[str, str] = MappingProxyType({})
    body: Any = None
    told: str = ""


def nowhere(id: str) -> str:
    """An id of the same shape that nobody has."""
    return re.sub(r"[0-9a-f]", "0", id[:-1]) + "1"


def named_in(path: str) -> dict[str, str]:
    """What each part of the path names that is an id."""
    found = re.findall(r"(\w+)/{(\w+)}", path.removeprefix(PREFIX))
    return {part: IN_PATHS[segment] for segment, part in found if segment != "billingperiod"}


def placed(path: str, ids: dict[str, str]) -> str:
    """The path below the organization with these ids, and with a period where it has one."""
    values = {"lastDate": "2026-01-31", "frequency": "MONTHLY"} | ids
    return re.sub(r"{(\w+)}", lambda part: values[part[1]], path.removeprefix(PREFIX))


def body_of(told: dict[str, Any], own: Belongings) -> tuple[str, Any]:
    """What an operation's body is called, and the one that the document shows, about what is there; or None."""
    if "requestBody" not in told:
        return "", None
    schema = told["requestBody"]["content"]["application/json"]["schema"]
    name = schema["$ref"].rpartition("/")[2]
    shown = document()["components"]["examples"][name]["value"]
    version = {"version": 1} if name.endswith("Update") else {}
    return name, {**_about(shown, own), **version, **RIGHT.get(name.removesuffix("Update"), {})}


def _about(value: Any, own: Belongings) -> Any:
    if isinstance(value, dict):
        return {name: own.of[NAMED[name]] if name in NAMED and isinstance(member, str) else _about(member, own)
                for name, member in value.items()}  # fmt: skip
    return [_about(one, own) for one in value] if isinstance(value, list) else value


def in_paths(own: Belongings, foreign: Belongings) -> Iterator[Ask]:
    """Each path with an id of theirs in each of its places, and in all of them."""
    for method, path, operation in OPERATIONS:
        parts = named_in(path)
        for chosen in product((own, foreign), repeat=len(parts)):
            ids = {part: one.of[name] for (part, name), one in zip(parts.items(), chosen, strict=True)}
            asked = tuple(ids[part] for part, one in zip(parts, chosen, strict=True) if one is foreign)
            if asked:
                # What is one's own below what is another's is not looked for in the other's place, or before it.
                told = "ID" if chosen[-1] is foreign else ""
                yield Ask(method, placed(path, ids), asked, {}, body_of(operation, own)[1], told)


def in_queries(own: Belongings, foreign: Belongings) -> Iterator[Ask]:
    """Each parameter that may name something, alone; and searches for what is theirs."""
    for method, path, told in OPERATIONS:
        at = placed(path, {part: own.of[name] for part, name in named_in(path).items()})
        for name in (one["name"] for one in told.get("parameters", ()) if one["in"] == "query"):
            kind = IN_PATHS.get(path.rpartition("/")[2]) if name == "ids" else NAMED.get(name)
            if kind is not None:
                yield Ask(method, at, (foreign.of[kind],), {name: foreign.of[kind]}, body_of(told, own)[1])
            elif name == "searchQuery":
                about = IN_PATHS[path.split("/")[3]]
                for field, kind in (("id", about), *((("accountId", "account"),) if about != "account" else ())):
                    yield Ask(method, at, (foreign.of[kind],), {name: f"{field}:{foreign.of[kind]}"})


def in_bodies(own: Belongings, foreign: Belongings) -> Iterator[Ask]:
    """Each member of each body that may name something, in an otherwise right body."""
    for method, path, told in OPERATIONS:
        at = placed(path, {part: own.of[name] for part, name in named_in(path).items()})
        title, body = body_of(told, own)
        if body is None:
            continue
        schema = resolved(told["requestBody"]["content"]["application/json"]["schema"])
        fresh = {"code": "another"} if "code" in schema["properties"] and method == "POST" else {}
        for name, member in schema["properties"].items():
            if name in NAMED and name not in FREE and not member.get("readOnly"):
                id = foreign.of[NAMED[name]]
                many = "array" in json.dumps(member.get("type", [one.get("type") for one in member.get("anyOf", ())]))
                beside = INSTEAD.get((title.removesuffix("Update"), name), {})
                wrong = {**body, **fresh, **beside, name: [id] if many else id}
                yield Ask(method, at, (id,), {}, {key: one for key, one in wrong.items() if one is not None}, name)
    yield from _deep(own, foreign)


def _deep(own: Belongings, foreign: Belongings) -> Iterator[Ask]:
    """Members of members."""
    account, plan, meter = (foreign.of[name] for name in ("account", "plan", "meter"))
    preview, mine = "/bills/preview", own.of["account"]
    terms = {"accountId": mine, "amount": 5, **TERM}
    for id, supposed in (
        (account, {"commitments": [terms | {"accountId": account}]}),
        (foreign.of["commitment"], {"commitments": [terms | {"id": foreign.of["commitment"]}]}),
        (plan, {"commitments": [terms | {"billingPlanId": plan}]}),
        (foreign.of["pricing"], {"pricings": [{"id": foreign.of["pricing"], "startDate": "2026-01-01",
            "planId": own.of["plan"], "aggregationId": own.of["aggregation"], "pricingBands": flat(1)}]}),
    ):  # fmt: skip
        yield Ask("POST", preview, (id,), {}, {"accountId": mine} | supposed, "ID")
    asked = {"fieldCode": "calls", "fieldType": "MEASURE", "function": "SUM", "meterId": own.of["meter"]}
    for more in (
        {"aggregations": [asked | {"meterId": meter}]},
        {"groups": [{"groupType": "DIMENSION", "fieldCode": "calls", "meterId": meter}]},
        {"dimensionFilters": [{"fieldCode": "calls", "values": ["x"], "meterId": meter}]},
    ):
        yield Ask("POST", "/usage/query", (meter,), {}, {"aggregations": [asked]} | more, "meterId")
    refusal = foreign.of["refusal"]
    yield Ask("POST", "/usage/rejected/replay", (refusal,), {}, {"ids": [refusal]}, "ID")
