"""The wire's bills and commitments in a scenario's words."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from events.zones import time_zone
from services.commands.bodies import parse_body
from services.run.printing import charges_by_pricing
from services.simulate.live_names import LiveNames
from services.simulate.player import PlayedBill, PlayedLine

_AMOUNTS = ("amountSpent", "amountRemaining", "amountRolledOver", "amountLapsed", "amountUnscheduled")
_PERIOD_AMOUNTS = ("amount", "counted", "shortfall", "trueUp")


def bill_of(document: Mapping[str, Any], names: LiveNames) -> PlayedBill:
    """A bill, preview or unbilled view that has lines."""
    zone = time_zone(document["timezone"])
    items = document["lineItems"]
    charges = charges_by_pricing(
        (one["lineItemType"], one.get("pricingId"), one.get("description", "")) for one in items
    )
    return PlayedBill(
        document["accountCode"],
        Decimal(document["billTotal"]),
        document["currency"],
        date.fromisoformat(document["billDate"]),
        tuple(_line(line, zone, names, charges) for line in items),
    )


def _line(line: Mapping[str, Any], zone: ZoneInfo, names: LiveNames, charges: Mapping[str, str]) -> PlayedLine:
    start, end = (line[f"servicePeriod{side}Date"] for side in ("Start", "End"))
    return PlayedLine(
        type=line["lineItemType"],
        amount=Decimal(line["subtotal"]),
        quantity=Decimal(line["quantity"]),
        period=(_day(start, zone), _day(end, zone)),
        description=line.get("description", ""),
        true_up=line.get("trueUp", False),
        product=names.code(line.get("productId")),
        commitment=names.code(line.get("commitmentId")),
        balance=names.code(line.get("balanceId")),
        segment=line.get("segment"),
        child_account=names.code(line.get("childAccountId")),
        charge=charges.get(line.get("pricingId") or ""),
        charge_type=line.get("chargeType"),
    )


def _day(instant: str, zone: ZoneInfo) -> date:
    """The day that begins at this instant: lines name whole days of the account, the wire names them in UTC."""
    return datetime.fromisoformat(instant).astimezone(zone).date()


def commitment_of(document: Mapping[str, Any], names: LiveNames) -> dict[str, Any]:
    """A commitment's body in the types of its model, and what is derived, as exact decimals."""
    body = parse_body("commitment", names.told(dict(document)))
    found = body.model_dump(by_alias=True, exclude_unset=True)
    found |= {name: document[name] for name in ("version", "status")}
    found |= {name: Decimal(document[name]) for name in _AMOUNTS if name in document}
    if "topUps" in document:
        found["topUps"] = [{**one, "amount": Decimal(one["amount"])} for one in document["topUps"]]
    if "cancellation" in document:
        found["cancellation"] = document["cancellation"]
    if "periods" in document:
        found["periods"] = [
            {**period, **{name: Decimal(period[name]) for name in _PERIOD_AMOUNTS}} for period in document["periods"]
        ]
    return found
