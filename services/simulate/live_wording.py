"""Translates a live organization into a scenario's words: its ids, bills and commitments.

Results have the ids that the play in memory has, so that the results of both are exactly equal.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from events.zones import day_in, time_zone
from services.api.funds import exact_period
from services.commands.bodies import parse_body
from services.commands.table import KINDS
from services.run.printing import charges_by_pricing
from services.simulate.naming import id_of, resolved
from services.simulate.player import PlayedBill, PlayedLine, RefusedError, WrittenEntity
from services.simulate.telling import alert_told

_AMOUNTS = ("amountSpent", "amountRemaining", "amountRolledOver", "amountLapsed", "amountUnscheduled")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class LiveNames:
    """The names of entities: the API's id for each (kind, code), and back."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], str] = {}
        self._documents: dict[str, WrittenEntity] = {}
        self._zone = time_zone("UTC")
        #: The names of entities in messages, by the API's id.
        self.called: dict[str, str] = {}

    def live_in(self, zone: str) -> None:
        """Set the organization's time zone."""
        self._zone = time_zone(zone)

    def learn(self, document: WrittenEntity, id: str) -> None:
        """Remember the API's id of a created entity."""
        self._ids[document.kind, document.code] = id
        self._documents[id] = document
        self.called[id] = document.shown

    def known(self, kind: str, code: str) -> str | None:
        """The API's id; None for an entity that was never created."""
        return self._ids.get((kind, code))

    def id(self, kind: str, code: str) -> str:
        """The API's id; for an entity that was never created its id in memory, which no API knows."""
        id = self.known(kind, code)
        if id is None:
            id = id_of(kind, code)
            self.called[id] = code
        return id

    def rule(self, code: str) -> str:
        """The API's id of an automatic rule. Raises: RefusedError if there is none."""
        ids = [id for kind in ("automaticTopUp", "thresholdBilling") if (id := self.known(kind, code)) is not None]
        if not ids:
            raise RefusedError(f"there is no automatic rule with code {code}")
        return ids[0]

    def created(self, kind: str, code: str) -> str:
        """The API's id of an entity that the story must have created. Raises: RefusedError if there is none."""
        id = self.known(kind, code)
        if id is None:
            raise RefusedError(f"there is no {kind} with code {code}")
        return id

    def alert_of(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """An alert, from a member of GET events, as `alert_told` gives it."""
        alert = event["m3terEvent"]["eventData"]["newDto"]
        known = (self._documents.get(alert.get(name, "")) for name in ("subjectId", "accountId"))
        about = next((document.title for document in known if document is not None), None)
        return alert_told(alert, _day(event["eventTime"], self._zone), about)

    def path(self, kind: str, code: str) -> str:
        """The entity's path below the organization."""
        id = self.id(kind, code)
        document = self._documents.get(id)
        return f"{self.list_path(kind, self.resolved(kind, document.fields) if document else {})}/{id}"

    def list_path(self, kind: str, fields: Mapping[str, Any]) -> str:
        """The path of the list that an entity with these wire fields belongs to."""
        row = KINDS[kind]
        if row.within is None:
            return row.path
        field, above = row.within
        return f"{KINDS[above].path}/{fields.get(field) or id_of(above, '')}/{row.path}"

    def code(self, id: str | None) -> str | None:
        """The name of an id in results; also of a deleted entity, which lines may still name."""
        return id if id is None or id not in self._documents else self._documents[id].title

    def creation_of(self, account: str) -> int:
        """The place of an account in the order of creation."""
        return list(self._ids).index(("account", account))

    def account_of(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The account's body, with the types of its model, and its version."""
        shown = parse_body("account", self.told(dict(document))).model_dump(by_alias=True, exclude_unset=True)
        return shown | {"version": document["version"]}

    def told(self, value: Any) -> Any:
        """A document of the API, with the API's ids in every text replaced by those of a play in memory."""
        if isinstance(value, Mapping):
            return {name: self.told(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.told(item) for item in value)
        return _ID.sub(self._in_memory, value) if isinstance(value, str) else value

    def _in_memory(self, match: re.Match[str]) -> str:
        known = self._documents.get(match[0])
        return id_of(known.kind, known.code) if known else match[0]

    def resolved(self, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Wire fields for scenario fields: codes become the API's ids, under the names of the API."""
        return resolved(kind, fields, self.id)


def bill_of(document: Mapping[str, Any], names: LiveNames) -> PlayedBill:
    """The bill in a document of the API: a bill, preview or unbilled view with lines."""
    zone = time_zone(document["timezone"])
    items = document["lineItems"]
    charges = charges_by_pricing(
        (item["lineItemType"], item.get("pricingId"), item.get("description", "")) for item in items
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
    """The day that begins at this instant: lines cover whole days of the account, which the API writes as instants in
    UTC.
    """
    return day_in(zone, datetime.fromisoformat(instant))


def commitment_of(document: Mapping[str, Any], names: LiveNames) -> dict[str, Any]:
    """A commitment's body with the types of its model, and its derived fields, as exact decimals."""
    body = parse_body("commitment", names.told(dict(document)))
    shown = body.model_dump(by_alias=True, exclude_unset=True)
    shown |= {name: document[name] for name in ("version", "status")}
    shown |= {name: Decimal(document[name]) for name in _AMOUNTS if name in document}
    if "topUps" in document:
        shown["topUps"] = [{**names.told(top_up), "amount": Decimal(top_up["amount"])} for top_up in document["topUps"]]
    if "cancellation" in document:
        shown["cancellation"] = document["cancellation"]
    if "periods" in document:
        shown["periods"] = [exact_period(period) for period in document["periods"]]
    return shown
